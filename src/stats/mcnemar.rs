//! p = min(1, 2 P(X <= min(b, c))), X ~ Binomial(b + c, 1/2): McNemar's test of two classifiers on the same
//! examples, exact.
//!
//! Only the examples count that one of the two has right and the other wrong (b and c): where the two are
//! equally good each of these is as likely to be the one's as the other's. McNemar 1947, "Note on the sampling
//! error of the difference between correlated proportions"; `binomtest(b, b + c, 0.5)` of SciPy.
//!
//! The binomial coefficients of n are computed relative to the middle one, C(n, j - 1) = C(n, j) j / (n - j + 1),
//! and their sum below min(b, c) is divided by the sum of all, so that no factorial and no 2^n is needed.

/// The two-sided p, a probability, of `only_first_right` examples that only the first classifier has right and
/// `only_second_right` that only the second has; 1 when there are none of either.
///
/// It takes time in proportion to the root of their sum, far below a millisecond for a million each. A p below
/// 1e-300 may be 0.
pub fn mcnemar(only_first_right: u64, only_second_right: u64) -> f64 {
    let least = only_first_right.min(only_second_right);
    let most = only_first_right.max(only_second_right);
    // Half of the sum, which itself may be too large for 64 bits.
    let middle = least + (most - least) / 2;
    let is_even = (most - least).is_multiple_of(2);
    let n = least as f64 + most as f64;

    let (mut above_least, mut to_least) = (0.0, 0.0);
    let (mut j, mut coefficient) = (middle, 1.0);
    loop {
        *(if j > least { &mut above_least } else { &mut to_least }) += coefficient;
        // Below, each coefficient is less than the last: what cannot change the sum ends it.
        if j == 0 || coefficient == 0.0 || j <= least && coefficient < to_least * NEGLIGIBLE {
            break;
        }
        coefficient *= j as f64 / (n - j as f64 + 1.0);
        j -= 1;
    }
    // Both halves; the middle coefficient, 1, stands in both when there is one.
    let all = 2.0 * (above_least + to_least) - if is_even { 1.0 } else { 0.0 };
    (2.0 * to_least / all).min(1.0)
}

/// What is smaller than the sum by this factor is left out: the thousands of still smaller ones that follow do
/// not add up to one of its bits.
const NEGLIGIBLE: f64 = 1e-20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_disagreement_there_is_no_difference() {
        assert_eq!(mcnemar(0, 0), 1.0);
    }

    #[test]
    fn equal_counts_and_those_one_apart_give_1() {
        for count in [1, 2, 7, 1000, 1_000_000] {
            assert_eq!(mcnemar(count, count), 1.0);
            assert_eq!(mcnemar(count, count + 1), 1.0);
        }
    }

    #[test]
    fn one_sided_counts_are_powers_of_two() {
        for n in 1..=1000 {
            let p = 0.5_f64.powi(n - 1);
            let ours = mcnemar(0, u64::from(n.unsigned_abs()));
            assert!((ours - p).abs() <= 1e-12 * p, "{n}: {ours}, expected {p}");
        }
    }

    #[test]
    fn small_counts_by_hand() {
        // 2 (1 + 10 + 45) / 2^10 and 2 (1 + 9 + 36) / 2^9.
        assert!((mcnemar(2, 8) - 112.0 / 1024.0).abs() < 1e-15);
        assert!((mcnemar(2, 7) - 92.0 / 512.0).abs() < 1e-15);
    }

    #[test]
    fn the_order_does_not_matter() {
        assert_eq!(mcnemar(310, 401), mcnemar(401, 310));
    }

    #[test]
    fn the_least_p_is_0() {
        assert_eq!(mcnemar(0, 1_000_000), 0.0);
        assert_eq!(mcnemar(400_000, 1_000_000), 0.0);
    }
}

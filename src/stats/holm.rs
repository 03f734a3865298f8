//! Of m p values in ascending order the k-th is adjusted to max over j <= k of min(1, (m - j + 1) p_j).
//!
//! Whoever rejects the hypotheses with an adjusted p of at most alpha rejects a true one with a probability of
//! at most alpha, however the tests depend on each other. Holm 1979, "A simple sequentially rejective multiple
//! test procedure"; `multipletests(method="holm")` of statsmodels.

/// The p values in `p`, probabilities, adjusted for their number, in the order given. NaN, a test that could
/// not be made, stays NaN and does not count.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
    order.sort_by(|&one, &other| p[one].total_cmp(&p[other]));
    let mut adjusted = vec![f64::NAN; p.len()];
    let mut greatest: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        let remaining = (order.len() - rank) as f64;
        greatest = greatest.max((remaining * p[i]).min(1.0));
        adjusted[i] = greatest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_one_stay_as_they_are() {
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[0.3]), [0.3]);
    }

    #[test]
    fn the_order_is_that_given() {
        // 3 x 0.125, 2 x 0.25, 1 x 0.75.
        assert_eq!(holm(&[0.25, 0.75, 0.125]), [0.5, 0.75, 0.375]);
    }

    #[test]
    fn a_greater_p_never_gets_the_smaller_one_and_none_exceeds_1() {
        // 3 x 0.25, then 2 x 0.3125 = 0.625 is below it.
        assert_eq!(holm(&[0.25, 0.3125, 0.5]), [0.75, 0.75, 0.75]);
        assert_eq!(holm(&[0.5, 0.75, 0.5]), [1.0, 1.0, 1.0]);
    }

    #[test]
    fn nan_does_not_count() {
        let adjusted = holm(&[f64::NAN, 0.25, -f64::NAN, 0.125]);
        assert!(adjusted[0].is_nan() && adjusted[2].is_nan());
        assert_eq!((adjusted[1], adjusted[3]), (0.25, 0.25));
        assert!(holm(&[f64::NAN])[0].is_nan());
    }
}

//! The test's edges, and how often it errs where there is no difference.

use super::*;

/// Standard normal numbers, a function of the seed (Box and Muller 1958).
fn normals(seed: u64, n: usize) -> Vec<f64> {
    let uniform = |index| (split_mix64(seed, index) >> 11) as f64 / (1_u64 << 53) as f64;
    let normal = |i| {
        let (radius, angle) = (1.0 - uniform(2 * i), uniform(2 * i + 1));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    };
    (0..n as u64).map(normal).collect()
}

fn shifted(values: &[f64], by: f64) -> Vec<f64> {
    values.iter().map(|value| value + by).collect()
}

#[test]
fn without_a_difference_p_is_1() {
    assert_eq!(sign_flip(&[]), SignFlip { p: 1.0, least_p: 1.0, exact: true });
    assert_eq!(sign_flip(&[0.0, -0.0]), SignFlip { p: 1.0, least_p: 0.5, exact: true });
    assert_eq!(sign_flip(&[0.0; 50]).p, 1.0);
    assert_eq!(sign_flip(&[1.0, -1.0]).p, 1.0);
    // 0.1 + 0.2 is not quite 0.3 in binary.
    assert_eq!(sign_flip(&[0.1, 0.2, -0.3]).p, 1.0);
}

#[test]
fn differences_of_one_sign_have_the_least_p() {
    for n in 1..=EXACT {
        let values: Vec<f64> = (1..=n).map(|i| i as f64 / 10.0).collect();
        let test = sign_flip(&values);
        assert_eq!((test.p, test.exact), (test.least_p, true), "{n}");
        assert_eq!(test.p, 0.5_f64.powi(n as i32 - 1), "{n}");
    }
    for (n, least_p) in [(30, 1e-5), (1000, 1e-5), (1001, 1e-4)] {
        assert_eq!(sign_flip(&vec![0.25; n]), SignFlip { p: least_p, least_p, exact: false });
    }
}

#[test]
fn sums_that_rounding_parts_are_ties() {
    // Accuracies of 10,000 images that differ by one image and by two.
    let differences = [0.9123 - 0.9122, 0.8712 - 0.8711, 0.9302 - 0.9304, 0.9001 - 0.8999];
    assert_eq!(sign_flip(&differences).p, sign_flip(&[1.0, 1.0, -2.0, 2.0]).p);
}

#[test]
fn neither_the_unit_nor_the_order_nor_the_direction_matters() {
    for n in [7, 19, 33, 100] {
        let values = shifted(&normals(1, n), 0.3);
        let expected = sign_flip(&values).p;
        for factor in [1e300, 1e-300, -1.0] {
            let other: Vec<f64> = values.iter().rev().map(|value| value * factor).collect();
            assert_eq!(sign_flip(&other).p, expected, "{n} times {factor}");
        }
    }
}

#[test]
fn what_is_not_finite_makes_p_nan() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let test = sign_flip(&[1.0, value, 2.0]);
        assert!(test.p.is_nan() && test.least_p == 0.25, "{test:?}");
        assert!(sign_flip(&[value; 40]).p.is_nan());
    }
}

#[test]
fn drawn_choices_come_near_all_choices() {
    for n in [21, 26] {
        for by in [0.0, 0.2, 0.5] {
            let values = shifted(&normals(2, n), by);
            let (magnitudes, threshold) = scaled(&values);
            let (all, drawn) = (exact_p(&magnitudes, threshold), sign_flip(&values).p);
            // Four standard deviations of the estimate.
            let tolerance = 4.0 * (all * (1.0 - all) / CHOICES as f64).sqrt();
            assert!((all - drawn).abs() <= tolerance, "{n} by {by}: {drawn}, of all {all}");
        }
    }
}

#[test]
fn each_bit_is_the_sign_of_its_value() {
    let values: Vec<f64> = (1..=63).map(f64::from).collect();
    for signs in [0, u64::MAX, 0b1010, split_mix64(3, 0)] {
        let sign = |i: usize| if signs >> i & 1 == 1 { -1.0 } else { 1.0 };
        let expected: f64 = values.iter().enumerate().map(|(i, value)| sign(i) * value).sum();
        assert_eq!(signed_sum(&values, signs), expected);
    }
}

#[test]
fn of_experiments_without_an_effect_no_more_than_one_in_twenty_is_significant() {
    let significant = |n| {
        let hits =
            (0..2_000).filter(|&seed| sign_flip(&normals(split_mix64(4, seed), n)).p <= 0.05);
        hits.count() as f64 / 2_000.0
    };
    // The greatest p of eight differences that is not above 0.05 is 12/256 = 0.047; five have none.
    let share = significant(8);
    assert!((0.035..0.06).contains(&share), "{share}");
    assert_eq!(significant(5), 0.0);
}

#[test]
fn drawn_choices_keep_the_level_too() {
    let hits = (0..200).filter(|&seed| sign_flip(&normals(split_mix64(5, seed), 24)).p <= 0.05);
    let hits = hits.count();
    // 10 expected, with a standard deviation of 3.1.
    assert!((2..20).contains(&hits), "{hits} of 200");
}

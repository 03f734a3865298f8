//! mean = sum x / n, standard deviation = sqrt(sum (x - mean)^2 / (n - 1)), and the order statistics least,
//! median and most: NumPy's `mean`, `std(ddof=1)`, `min`, `median` and `max`.
//!
//! The deviation is the sample's, as the seeds that ran stand for those that might have: one value says
//! nothing about it, so then there is none.

use serde::Serialize;

/// Where several values lie; all but `n` in the unit of the values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many values there are, at least one.
    pub n: usize,
    /// Their arithmetic mean, never outside of `least..=most`.
    pub mean: f64,
    /// The sample's, with n - 1 below; `None` of one value.
    pub standard_deviation: Option<f64>,
    /// The middle one, of an even number the mean of the middle two.
    pub median: f64,
    /// The least of them.
    pub least: f64,
    /// The greatest of them.
    pub most: f64,
}

impl Summary {
    /// The summary of `values`, to the last bit whatever their order; `None` when there are none. With a NaN
    /// among them every number is NaN, as in NumPy.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (&least, &most) = (sorted.first()?, sorted.last()?);
        // In this order a NaN is at one of the ends.
        if least.is_nan() || most.is_nan() {
            return Some(Self::of_nan(values.len()));
        }
        let n = sorted.len();
        // Rounding may carry the mean of nearly equal values past them: of equal ones the deviation is 0.
        let mean = (sorted.iter().sum::<f64>() / n as f64).clamp(least, most);
        let median = f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]);
        let standard_deviation = standard_deviation(&sorted, mean);
        Some(Self { n, mean, standard_deviation, median, least, most })
    }

    fn of_nan(n: usize) -> Self {
        let standard_deviation = (n > 1).then_some(f64::NAN);
        Self {
            n,
            mean: f64::NAN,
            standard_deviation,
            median: f64::NAN,
            least: f64::NAN,
            most: f64::NAN,
        }
    }
}

/// In two passes, as the difference of two sums of squares loses its digits.
fn standard_deviation(values: &[f64], mean: f64) -> Option<f64> {
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_nothing_there_is_no_summary_and_of_one_value_no_deviation() {
        assert_eq!(Summary::of(&[]), None);
        let one = Summary {
            n: 1,
            mean: 0.3,
            standard_deviation: None,
            median: 0.3,
            least: 0.3,
            most: 0.3,
        };
        assert_eq!(Summary::of(&[0.3]), Some(one));
    }

    #[test]
    fn of_two_values_by_hand() {
        let two = Summary {
            n: 2,
            mean: 2.0,
            standard_deviation: Some(2f64.sqrt()),
            median: 2.0,
            least: 1.0,
            most: 3.0,
        };
        assert_eq!(Summary::of(&[3.0, 1.0]), Some(two));
    }

    #[test]
    fn the_order_does_not_matter() {
        let values: Vec<f64> = (1..40).map(|i| 1.0 / f64::from(i)).collect();
        let reversed: Vec<f64> = values.iter().rev().copied().collect();
        assert_eq!(Summary::of(&values), Summary::of(&reversed));
    }

    #[test]
    fn equal_values_have_no_deviation() {
        for n in 2..50 {
            let summary = Summary::of(&vec![0.1; n]).unwrap();
            assert_eq!((summary.mean, summary.standard_deviation), (0.1, Some(0.0)), "{n}");
        }
    }

    #[test]
    fn a_nan_is_in_every_number() {
        for nan in [f64::NAN, -f64::NAN] {
            let summary = Summary::of(&[1.0, nan, 2.0]).unwrap();
            let Summary { n, mean, standard_deviation, median, least, most } = summary;
            assert_eq!(n, 3);
            for number in [mean, standard_deviation.unwrap(), median, least, most] {
                assert!(number.is_nan(), "{summary:?}");
            }
        }
    }

    #[test]
    fn an_infinite_value_makes_no_panic() {
        let summary = Summary::of(&[f64::INFINITY, 1.0, 2.0]).unwrap();
        assert_eq!((summary.mean, summary.median), (f64::INFINITY, 2.0));
        assert!(Summary::of(&[f64::INFINITY, -f64::INFINITY]).unwrap().mean.is_nan());
    }
}

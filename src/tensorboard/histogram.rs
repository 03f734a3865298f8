//! Values to counts in buckets `limit[i - 1] <= value < limit[i]`, whose limits grow by 10%:
//! `..., -1e-12, 0, 1e-12, 1.1e-12, 1.21e-12, ..., 1e20, f64::MAX`.
//!
//! ```
//! let histogram = dytb::tensorboard::histogram(&[0.5, 0.5, f32::NAN]).unwrap();
//! assert_eq!((histogram.get_num(), histogram.get_sum()), (2.0, 1.0));
//! assert_eq!(histogram.get_bucket(), [2.0]);
//! ```
//!
//! Source: TensorFlow's `tensorflow/core/lib/histogram/histogram.cc`, `InitDefaultBucketsInner` and
//! `EncodeToProto`.

use std::sync::LazyLock;

use tensorboard_proto::summary::HistogramProto;

/// The limits of all buckets, increasing.
static LIMITS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let powers = std::iter::successors(Some(1e-12), |limit| Some(limit * 1.1));
    let mut positive: Vec<f64> = powers.take_while(|&limit| limit < 1e20).collect();
    positive.push(f64::MAX);
    let negative = positive.iter().rev().map(|limit| -limit);
    negative.chain([0.0]).chain(positive.iter().copied()).collect()
});

/// The histogram of `values` as TensorFlow 1 writes it, without the empty buckets at its ends and
/// with one bucket for each run of empty ones between; there are as many limits as counts.
///
/// NaN and infinities are left out. `None` where nothing is left.
pub fn histogram(values: &[f32]) -> Option<HistogramProto> {
    let mut values: Vec<f64> =
        values.iter().filter(|value| value.is_finite()).map(|&value| f64::from(value)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let (&min, &max) = (values.first()?, values.last()?);
    let (limits, counts) = buckets(&values);
    let mut histogram = HistogramProto::new();
    histogram.set_min(min);
    histogram.set_max(max);
    histogram.set_num(values.len() as f64);
    histogram.set_sum(values.iter().sum());
    histogram.set_sum_squares(values.iter().map(|value| value * value).sum());
    histogram.set_bucket_limit(limits);
    histogram.set_bucket(counts);
    Some(histogram)
}

/// Limits and counts of the sorted `values`, which are finite f32 and so below the last limit.
fn buckets(values: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut limits, mut counts): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let mut last = None;
    let mut rest = values;
    while let Some(&value) = rest.first() {
        let bucket = LIMITS.partition_point(|&limit| limit <= value);
        if last.is_some_and(|last: usize| last + 1 < bucket) {
            // The empty ones between, as one.
            limits.push(LIMITS[bucket - 1]);
            counts.push(0.0);
        }
        let count = rest.partition_point(|&value| value < LIMITS[bucket]);
        limits.push(LIMITS[bucket]);
        counts.push(count as f64);
        rest = &rest[count..];
        last = Some(bucket);
    }
    (limits, counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    #[test]
    fn limits_are_tensorflows() {
        // TensorFlow's loop makes 775 positive limits and its mirror, 0 and the greatest numbers.
        assert_eq!(LIMITS.len(), 2 * (774 + 1) + 1);
        assert!(LIMITS.is_sorted_by(|a, b| a < b));
        assert_eq!((LIMITS[0], LIMITS[775], LIMITS[776]), (f64::MIN, 0.0, 1e-12));
    }

    #[test]
    fn counts_are_those_of_one_by_one() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let values: Vec<f32> = (0..5000)
            .map(|_| {
                random.random_range(-1.0_f32..1.0).powi(9) * 10_f32.powi(random.random_range(-9..9))
            })
            .collect();
        let histogram = histogram(&values).unwrap();
        let (limits, counts) = (histogram.get_bucket_limit(), histogram.get_bucket());
        assert_eq!(limits.len(), counts.len());
        assert!(counts[0] > 0.0 && counts[counts.len() - 1] > 0.0);
        let mut lower = f64::MIN;
        for (&limit, &count) in limits.iter().zip(counts) {
            let inside = |value: &&f32| (lower..limit).contains(&f64::from(**value));
            assert_eq!(values.iter().filter(inside).count() as f64, count);
            lower = limit;
        }
        assert_eq!(counts.iter().sum::<f64>(), 5000.0);
    }

    #[test]
    fn runs_of_empty_buckets_are_one() {
        let histogram = histogram(&[-1.0, 0.0, 0.0, 5.0]).unwrap();
        assert_eq!(histogram.get_bucket(), [1.0, 0.0, 2.0, 0.0, 1.0]);
        assert_eq!(histogram.get_bucket_limit()[1..3], [0.0, 1e-12]);
        assert_eq!((histogram.get_min(), histogram.get_max()), (-1.0, 5.0));
        assert_eq!((histogram.get_sum(), histogram.get_sum_squares()), (4.0, 26.0));
    }

    #[test]
    fn extremes() {
        let histogram = histogram(&[f32::MIN, f32::MAX, f32::MIN_POSITIVE, -0.0]).unwrap();
        assert_eq!(histogram.get_bucket(), [1.0, 0.0, 2.0, 0.0, 1.0]);
        assert_eq!(histogram.get_bucket_limit()[4], f64::MAX);
    }

    #[test]
    fn nothing_to_count() {
        assert!(histogram(&[]).is_none());
        assert!(histogram(&[f32::NAN, f32::INFINITY]).is_none());
    }
}

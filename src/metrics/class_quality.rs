//! How good a classifier's probabilities p are: `[examples, classes]`, row by row, for true `labels`.
//!
//! - Softmax: p_c = exp(z_c) / Σ_j exp(z_j) of logits z.
//! - Top k: the share of examples whose label is among the k most probable classes.
//! - Of a class with TP, FP, FN: precision TP / (TP + FP), recall TP / (TP + FN), F1 2 TP / (2 TP + FP + FN);
//!   "macro" is their plain mean over classes.
//! - Area under the ROC curve, of a class against the rest: see [`ranking`](super::ranking).
//! - Expected calibration error: Σ_b |right in b - Σ confidence in b| / examples, over bins b of the highest
//!   probability (Guo et al. 2017, "On Calibration of Modern Neural Networks").
//!
//! The same numbers as scikit-learn's and, for the last two, torchmetrics'.
//!
//! Of no examples each number is NaN, or `None`.

use super::ranking::Ranking;
use crate::util::parallel::map;

/// Macro-averaged scores, 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MacroScores {
    /// Of the examples that are predicted as a class, the share that is of it.
    pub precision: f64,
    /// Of a class's examples, the share that is predicted so.
    pub recall: f64,
    /// The harmonic mean of the two, taken class by class.
    pub f1: f64,
}

/// Probabilities from logits, `[examples, classes]` both.
///
/// Computed in 64 bits and without overflow. A row with NaN or +∞, or of -∞ alone, becomes NaN.
///
/// # Panics
/// Where the logits are no whole rows.
pub fn softmax(logits: &[f32], classes: usize) -> Vec<f32> {
    let rows = rows(logits, classes);
    rows.flat_map(|row| {
        let highest = row.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let exp = move |logit: f32| (f64::from(logit) - f64::from(highest)).exp();
        let sum: f64 = row.iter().map(|&logit| exp(logit)).sum();
        row.iter().map(move |&logit| (exp(logit) / sum) as f32)
    })
    .collect()
}

/// The share of examples whose label is among the `k` most probable classes, 0..=1.
///
/// Of equally probable classes the one with the lower index comes first, as in argmax. An example with
/// a NaN among its probabilities is not right.
///
/// # Panics
/// Where there is not one row for each label, or a label is not below `classes`.
pub fn top_k(probabilities: &[f32], classes: usize, labels: &[u32], k: usize) -> f64 {
    check(probabilities, classes, labels);
    let right = rows(probabilities, classes).zip(labels).filter(|(row, label)| {
        let label = **label as usize;
        let (before, after) = row.split_at(label);
        let ahead = before.iter().filter(|&&p| p >= row[label]).count()
            + after.iter().filter(|&&p| p > row[label]).count();
        ahead < k && !row.iter().any(|p| p.is_nan())
    });
    right.count() as f64 / labels.len() as f64
}

/// From counts of examples, `[true class, predicted class]`, over the classes that are true or
/// predicted anywhere: scikit-learn's `average="macro"`, with 0 for 0 / 0.
///
/// # Panics
/// Where the counts are not `classes` x `classes`.
pub fn macro_scores(confusion_counts: &[u64], classes: usize) -> MacroScores {
    assert_eq!(confusion_counts.len(), classes * classes);
    let count = |label, prediction| confusion_counts[label * classes + prediction];
    let (mut occurring, mut precision, mut recall, mut f1) = (0.0, 0.0, 0.0, 0.0);
    for class in 0..classes {
        let labelled: u64 = (0..classes).map(|other| count(class, other)).sum();
        let predicted: u64 = (0..classes).map(|other| count(other, class)).sum();
        if labelled + predicted > 0 {
            let right = count(class, class) as f64;
            occurring += 1.0;
            // Without a denominator `right` is 0 too.
            precision += right / predicted.max(1) as f64;
            recall += right / labelled.max(1) as f64;
            f1 += 2.0 * right / (labelled + predicted) as f64;
        }
    }
    MacroScores { precision: precision / occurring, recall: recall / occurring, f1: f1 / occurring }
}

/// The area under the ROC curve, 0..=1: that a random example of a class has a higher probability of
/// it than a random one of the rest, half for an equal one; the mean over the classes that have both
/// examples and a rest, `None` where no class has.
///
/// NaN where such a class has a NaN probability. (A class without examples counts as 0 in torchmetrics'
/// `MulticlassAUROC`: the two are the same where every class occurs.)
///
/// # Panics
/// Where there is not one row for each label, or a label is not below `classes`.
pub fn auroc(probabilities: &[f32], classes: usize, labels: &[u32]) -> Option<f64> {
    check(probabilities, classes, labels);
    let areas = map(classes, |class| {
        let column = probabilities.iter().skip(class).step_by(classes);
        area(column.zip(labels).map(|(&p, &label)| (p, label as usize == class)).collect())
    });
    let areas: Vec<f64> = areas.into_iter().flatten().collect();
    (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
}

/// Of (probability, whether the example is a positive one).
fn area(examples: Vec<(f32, bool)>) -> Option<f64> {
    let positives = examples.iter().filter(|example| example.1).count();
    if positives == 0 || positives == examples.len() {
        return None;
    }
    let scores = examples.into_iter().map(|(score, is_positive)| (f64::from(score), is_positive));
    Some(Ranking::new(scores).map_or(f64::NAN, |ranking| ranking.auroc()))
}

/// The expected calibration error, 0..=1, with so many bins of equal width: how far the highest
/// probabilities are, on average, from the share of examples that are right.
///
/// As torchmetrics' `MulticlassCalibrationError(norm="l1")`: a bin has its lower boundary, not its upper
/// one, in 32 bits; so probabilities of 1 are in one more bin of their own. NaN where a probability
/// is.
///
/// # Panics
/// Where there is not one row for each label, a label is not below `classes`, or there are no bins.
pub fn calibration_error(
    probabilities: &[f32],
    classes: usize,
    labels: &[u32],
    bins: usize,
) -> f64 {
    check(probabilities, classes, labels);
    assert!(bins > 0, "no bins");
    if probabilities.iter().any(|p| p.is_nan()) {
        return f64::NAN;
    }
    let boundaries = boundaries(bins);
    // The right ones less the confidences.
    let mut gaps = vec![0.0; bins + 1];
    for (row, &label) in probabilities.chunks_exact(classes.max(1)).zip(labels) {
        let (mut class, mut confidence) = (0, row[0]);
        for (other, &p) in row.iter().enumerate() {
            if p > confidence {
                (class, confidence) = (other, p);
            }
        }
        let bin = boundaries.partition_point(|&boundary| boundary <= confidence).max(1) - 1;
        gaps[bin] += f64::from(u8::from(class == label as usize)) - f64::from(confidence);
    }
    gaps.iter().map(|gap| gap.abs()).sum::<f64>() / labels.len() as f64
}

/// `[bins + 1]`, from 0 to 1, as `torch.linspace` rounds them: from either end, after a fused
/// multiply-add.
fn boundaries(bins: usize) -> Vec<f32> {
    let step = 1.0 / bins as f32;
    let from_end = |i| (-step).mul_add((bins - i) as f32, 1.0);
    let boundary = |i| if i < bins.div_ceil(2) { step * i as f32 } else { from_end(i) };
    (0..=bins).map(boundary).collect()
}

fn rows(values: &[f32], classes: usize) -> std::slice::ChunksExact<'_, f32> {
    assert!(values.len().is_multiple_of(classes), "{} values, {classes} classes", values.len());
    values.chunks_exact(classes.max(1))
}

fn check(probabilities: &[f32], classes: usize, labels: &[u32]) {
    assert_eq!(probabilities.len(), labels.len() * classes, "{classes} classes");
    assert!(labels.iter().all(|&label| (label as usize) < classes), "labels below {classes}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_stable() {
        assert_eq!(softmax(&[1000.0, 1000.0, -1e9, f32::NEG_INFINITY], 2), [0.5, 0.5, 1.0, 0.0]);
        let broken = softmax(&[1.0, f32::NAN, 0.0, 0.0], 2);
        assert!(broken[0].is_nan() && broken[1].is_nan());
        assert_eq!(broken[2..], [0.5, 0.5]);
        assert_eq!(softmax(&[3.0, -7.0], 1), [1.0, 1.0]);
    }

    #[test]
    fn the_first_of_equals_wins() {
        let equal = [0.25; 4];
        let right = |label| [1, 2, 3].map(|k| top_k(&equal, 4, &[label], k));
        assert_eq!(right(0), [1.0; 3]);
        assert_eq!(right(2), [0.0, 0.0, 1.0]);
        assert_eq!([0, 9].map(|k| top_k(&equal, 4, &[3], k)), [0.0, 1.0]);
        assert_eq!(top_k(&[f32::NAN, 0.9], 2, &[1], 2), 0.0);
    }

    #[test]
    fn classes_that_do_not_occur_do_not_count() {
        // Two of class 0, one of them taken for class 1; class 2 is nowhere.
        let scores = macro_scores(&[1, 1, 0, 0, 0, 0, 0, 0, 0], 3);
        assert_eq!(scores, MacroScores { precision: 0.5, recall: 0.25, f1: 1.0 / 3.0 });
    }

    #[test]
    fn equal_probabilities_are_worth_half() {
        assert_eq!(auroc(&[0.5; 8], 2, &[0, 1, 1, 1]), Some(0.5));
        assert_eq!(auroc(&[0.0, 1.0, -0.0, 1.0], 2, &[0, 1]), Some(0.5));
        assert_eq!(auroc(&[0.9, 0.1, 0.2, 0.8], 2, &[0, 1]), Some(1.0));
        assert_eq!(auroc(&[0.9, 0.1, 0.2, 0.8], 2, &[0, 0]), None);
        assert!(auroc(&[0.9, f32::NAN, 0.2, 0.8], 2, &[0, 1]).unwrap().is_nan());
    }

    #[test]
    fn certain_and_right_is_calibrated() {
        let error = |p: [f32; 4], labels: [u32; 2]| calibration_error(&p, 2, &labels, 15);
        assert_eq!(error([1.0, 0.0, 0.0, 1.0], [0, 1]), 0.0);
        assert_eq!(error([1.0, 0.0, 0.0, 1.0], [1, 0]), 1.0);
        // In bins of their own: their errors do not cancel.
        assert_eq!(error([1.0, 0.0, 0.96875, 0.03125], [1, 0]), (1.0 + 0.03125) / 2.0);
        assert!(error([f32::NAN, 0.0, 0.0, 1.0], [0, 1]).is_nan());
        assert_eq!(calibration_error(&[-1.0, -2.0], 2, &[0], 15), 2.0);
    }

    #[test]
    fn nothing_has_no_score() {
        for classes in [0, 1, 10] {
            assert!(softmax(&[], classes).is_empty());
            assert!(top_k(&[], classes, &[], 1).is_nan());
            assert_eq!(auroc(&[], classes, &[]), None);
            assert!(calibration_error(&[], classes, &[], 15).is_nan());
            let scores = macro_scores(&vec![0; classes * classes], classes);
            assert!(scores.precision.is_nan() && scores.recall.is_nan() && scores.f1.is_nan());
        }
        assert_eq!(auroc(&[1.0, 1.0], 1, &[0, 0]), None);
        assert_eq!(top_k(&[1.0, 1.0], 1, &[0, 0], 1), 1.0);
    }
}

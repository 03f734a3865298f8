//! How well a score tells positives from negatives: s of each example, larger for what is rather positive.
//!
//! At the threshold t an example is called positive where s >= t; with TP(t), FP(t) of them of P positives and N
//! negatives, and t running through the scores that occur, from the largest to the least:
//!
//! - Area under the ROC curve: Σ over pairs of (1 if s_positive > s_negative, ½ if they are equal) / (P N), which is
//!   that under the points (FP / N, TP / P) (Mann and Whitney 1947).
//! - Average precision: Σ_t (R(t) - R(t before)) TP(t) / (TP(t) + FP(t)), R = TP / P.
//! - Best F1: max_t 2 TP / (P + TP + FP), at the largest such t.
//!
//! The numbers of scikit-learn's `roc_auc_score`, `average_precision_score` and `precision_recall_curve`.
//!
//! ```
//! use dytb::metrics::ranking::Ranking;
//!
//! let ranking = Ranking::new([(0.9, true), (0.4, false), (0.4, true), (0.1, false)]).unwrap();
//! assert_eq!(ranking.auroc(), 3.5 / 4.0);
//! assert_eq!(ranking.best_f1(), (0.8, 0.4));
//! ```

/// Scores of positives and negatives, equal ones together.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// The largest score first.
    groups: Vec<Group>,
    positives: usize,
    negatives: usize,
}

/// The examples of one score.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Group {
    score: f64,
    positives: usize,
    negatives: usize,
}

impl Ranking {
    /// Of the score of each example, and whether it is a positive one; `None` where one of the two kinds has no
    /// example, or a score is NaN.
    pub fn new(examples: impl IntoIterator<Item = (f64, bool)>) -> Option<Self> {
        let mut examples: Vec<_> = examples.into_iter().collect();
        let positives = examples.iter().filter(|example| example.1).count();
        let negatives = examples.len() - positives;
        if positives == 0 || negatives == 0 || examples.iter().any(|example| example.0.is_nan()) {
            return None;
        }
        // Zeros of both signs are neighbours in this order, and equal below.
        examples.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let group = |equal: &[(f64, bool)]| {
            let positives = equal.iter().filter(|example| example.1).count();
            Group { score: equal[0].0, positives, negatives: equal.len() - positives }
        };
        let groups = examples.chunk_by(|a, b| a.0 == b.0).map(group).collect();
        Some(Self { groups, positives, negatives })
    }

    /// The area under the ROC curve, 0..=1: ½ where the score tells nothing.
    pub fn auroc(&self) -> f64 {
        // In halves of pairs, which are whole numbers.
        let (mut won, mut below) = (0u128, self.negatives);
        for group in &self.groups {
            below -= group.negatives;
            won += group.positives as u128 * (2 * below + group.negatives) as u128;
        }
        won as f64 / 2.0 / (self.positives as f64 * self.negatives as f64)
    }

    /// The average precision, 0..=1: the share of positives where the score tells nothing.
    pub fn average_precision(&self) -> f64 {
        let each = self.groups.iter().zip(self.counts()).map(|(group, (right, wrong))| {
            group.positives as f64 / self.positives as f64 * right as f64 / (right + wrong) as f64
        });
        each.sum()
    }

    /// The largest F1, 0..=1, and the largest threshold that has it.
    pub fn best_f1(&self) -> (f64, f64) {
        let each = self.groups.iter().zip(self.counts()).map(|(group, (right, wrong))| {
            (2.0 * right as f64 / (self.positives + right + wrong) as f64, group.score)
        });
        each.fold((0.0, f64::INFINITY), |best, next| if next.0 > best.0 { next } else { best })
    }

    /// The ROC curve: (FP / N, TP / P) from (0, 0) to (1, 1), at every score that occurs.
    pub fn roc(&self) -> Vec<(f64, f64)> {
        let rates = |(right, wrong): (usize, usize)| {
            (wrong as f64 / self.negatives as f64, right as f64 / self.positives as f64)
        };
        [(0, 0)].into_iter().chain(self.counts()).map(rates).collect()
    }

    /// (TP, FP) at the score of each group.
    fn counts(&self) -> impl Iterator<Item = (usize, usize)> {
        self.groups.iter().scan((0, 0), |(right, wrong), group| {
            *right += group.positives;
            *wrong += group.negatives;
            Some((*right, *wrong))
        })
    }
}

/// The least of the `scores` that this `share` of them does not exceed: numpy's `quantile` with
/// `method="inverted_cdf"`.
///
/// # Panics
/// Where there is no score, or the share is not more than 0 and 1 at the most.
pub fn quantile(scores: &[f64], share: f64) -> f64 {
    assert!(share > 0.0 && share <= 1.0 && !scores.is_empty(), "a share of {share}");
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_scores_tell_nothing() {
        let labels = [true, false, false, true, false];
        let ranking = Ranking::new(labels.map(|label| (0.25, label))).unwrap();
        assert_eq!((ranking.auroc(), ranking.average_precision()), (0.5, 0.4));
        assert_eq!(ranking.best_f1(), (4.0 / 7.0, 0.25));
        assert_eq!(ranking.roc(), [(0.0, 0.0), (1.0, 1.0)]);
    }

    #[test]
    fn a_perfect_score_and_its_opposite() {
        let perfect = Ranking::new([(1.0, false), (2.0, true), (f64::INFINITY, true)]).unwrap();
        assert_eq!((perfect.auroc(), perfect.average_precision()), (1.0, 1.0));
        assert_eq!(perfect.best_f1(), (1.0, 2.0));
        let opposite = Ranking::new([(1.0, true), (2.0, false)]).unwrap();
        assert_eq!((opposite.auroc(), opposite.average_precision()), (0.0, 0.5));
    }

    #[test]
    fn zeros_of_both_signs_are_equal() {
        assert_eq!(Ranking::new([(0.0, true), (-0.0, false)]).unwrap().auroc(), 0.5);
    }

    #[test]
    fn nothing_to_tell_apart() {
        assert_eq!(Ranking::new([]), None);
        assert_eq!(Ranking::new([(1.0, true)]), None);
        assert_eq!(Ranking::new([(1.0, true), (f64::NAN, false)]), None);
    }

    #[test]
    fn quantiles_are_scores() {
        let scores = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(
            [0.01, 0.2, 0.21, 0.95, 1.0].map(|q| quantile(&scores, q)),
            [1., 1., 2., 5., 5.]
        );
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&hundred, 0.95), 95.0);
    }
}

//! Which classes a classifier takes for which: of c[t][p] examples of the true class t the predicted
//! class is p. The accuracy of class t is c[t][t] / Σ_p c[t][p].

use crate::util::csv::to_csv;
use serde::{Deserialize, Serialize};

/// Counts of examples, `[true class, predicted class]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

/// How well one class is predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// The class's name.
    pub class: String,
    /// Its examples.
    pub examples: u64,
    /// The share of them whose predicted class is this one; `None` where there are none.
    pub accuracy: Option<f64>,
}

impl Confusion {
    /// Of examples with these true `labels` and the `predictions` for them, both below `classes`.
    ///
    /// # Panics
    /// Where one is not.
    pub fn new(classes: usize, labels: &[u32], predictions: &[u32]) -> Self {
        let mut counts = vec![0; classes * classes];
        for (&label, &prediction) in labels.iter().zip(predictions) {
            assert!((label as usize) < classes && (prediction as usize) < classes);
            counts[label as usize * classes + prediction as usize] += 1;
        }
        Self { classes, counts }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// `[true class, predicted class]`.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The score of each class, by `names`.
    pub fn class_scores(&self, names: &[String]) -> Vec<ClassScore> {
        let rows = self.counts.chunks_exact(self.classes).enumerate();
        rows.map(|(class, row)| {
            let examples = row.iter().sum();
            let accuracy = (examples > 0).then(|| row[class] as f64 / examples as f64);
            ClassScore { class: names[class].clone(), examples, accuracy }
        })
        .collect()
    }

    /// The `count` pairs of a true class and another predicted one with the most examples, these first, by label; fewer
    /// where fewer are confused.
    pub fn most_confused(&self, count: usize) -> Vec<(usize, usize, u64)> {
        let cells = self.counts.iter().enumerate();
        let cells = cells.map(|(at, n)| (at / self.classes, at % self.classes, *n));
        let mut wrong: Vec<_> = cells.filter(|(t, p, n)| t != p && *n > 0).collect();
        // Stable: of equal ones in the order of the labels.
        wrong.sort_by_key(|(_, _, n)| std::cmp::Reverse(*n));
        wrong.truncate(count);
        wrong
    }

    /// A table with a line for each true class and a column for each predicted class, then the class's
    /// examples and accuracy.
    pub fn to_csv(&self, names: &[String]) -> String {
        let of_classes = names.iter().map(String::as_str);
        let head = ["true class \\ predicted class"].into_iter().chain(of_classes);
        let head = head.chain(["examples", "accuracy"]).map(str::to_owned).collect();
        let rows = self.counts.chunks_exact(self.classes);
        let lines = self.class_scores(names).into_iter().zip(rows).map(|(score, row)| {
            let accuracy = score.accuracy.map_or(String::new(), |accuracy| accuracy.to_string());
            let counts = row.iter().map(ToString::to_string);
            let line = [score.class].into_iter().chain(counts);
            line.chain([score.examples.to_string(), accuracy]).collect::<Vec<_>>()
        });
        to_csv([head].into_iter().chain(lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_confused() {
        let confusion = Confusion::new(3, &[0, 0, 0, 1, 2, 2], &[0, 2, 2, 0, 1, 2]);
        assert_eq!(confusion.most_confused(9), [(0, 2, 2), (1, 0, 1), (2, 1, 1)]);
        assert_eq!(confusion.most_confused(1), [(0, 2, 2)]);
    }

    #[test]
    fn counts_by_true_class() {
        let confusion = Confusion::new(3, &[0, 0, 0, 1], &[0, 0, 2, 0]);
        assert_eq!(confusion.counts(), [2, 0, 1, 1, 0, 0, 0, 0, 0]);
        let names = ["cat", "a \"dog\", or so", "2"].map(str::to_owned);
        let scores = confusion.class_scores(&names);
        assert_eq!(scores[0].accuracy, Some(2.0 / 3.0));
        assert_eq!((scores[1].examples, scores[1].accuracy), (1, Some(0.0)));
        assert_eq!(scores[2].accuracy, None);
        assert_eq!(
            confusion.to_csv(&names),
            "true class \\ predicted class,cat,\"a \"\"dog\"\", or so\",2,examples,accuracy\n\
             cat,2,0,1,3,0.6666666666666666\n\
             \"a \"\"dog\"\", or so\",1,0,0,1,0\n2,0,0,0,0,\n"
        );
    }
}

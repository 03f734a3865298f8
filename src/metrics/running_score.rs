//! The mean score of the steps of an epoch so far: Σ bᵢ lᵢ / Σ bᵢ of batches of bᵢ examples with the mean loss
//! lᵢ, each as it was before its step. It is summed in the order of the steps, in 64 bits.

use serde::{Deserialize, Serialize};

use super::Score;

/// Sums over the steps of an epoch. A checkpoint in the midst of an epoch keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunningScore {
    /// Examples so far.
    pub examples: u64,
    /// Σ of batch size times loss.
    loss: f64,
    /// Σ of batch size times accuracy, of a classifier.
    accuracy: Option<f64>,
}

impl RunningScore {
    /// Adds the score of a batch of so many `examples`.
    pub fn add(&mut self, score: &Score, examples: usize) {
        let share = examples as f64;
        self.examples += examples as u64;
        self.loss += share * score.loss();
        if let Score::Accuracy { accuracy, .. } = score {
            self.accuracy = Some(self.accuracy.unwrap_or(0.0) + share * accuracy);
        }
    }

    /// Whether all scores were finite.
    pub fn mean_is_finite(&self) -> bool {
        self.loss.is_finite()
    }

    /// The mean; `None` before the first step.
    pub fn mean(&self) -> Option<Score> {
        let examples = self.examples as f64;
        let loss = self.loss / examples;
        (self.examples > 0).then(|| match self.accuracy {
            Some(accuracy) => Score::Accuracy { accuracy: accuracy / examples, loss },
            None => Score::Error { error: loss },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighted_by_the_batch() {
        let mut running = RunningScore::default();
        assert_eq!(running.mean(), None);
        running.add(&Score::Accuracy { accuracy: 1.0, loss: 0.5 }, 3);
        running.add(&Score::Accuracy { accuracy: 0.0, loss: 1.5 }, 1);
        assert_eq!(running.mean(), Some(Score::Accuracy { accuracy: 0.75, loss: 0.75 }));
    }
}

//! How good a model is on some examples.
//!
//! An autoencoder has an error (lower is better), a classifier an accuracy (higher is better) and a loss, which
//! does not decide.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The measure of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Score {
    /// Of an autoencoder.
    Error {
        /// Half the mean squared error.
        error: f64,
    },
    /// Of a classifier.
    Accuracy {
        /// The share of examples whose predicted class is right, 0..=1.
        accuracy: f64,
        /// The mean cross-entropy.
        loss: f64,
    },
}

impl Score {
    /// What it is called and its value: what results files and `evaluate_...` print.
    pub fn headline(&self) -> (&'static str, f64) {
        match *self {
            Self::Error { error } => ("error", unsigned_zero(error)),
            Self::Accuracy { accuracy, .. } => ("accuracy", unsigned_zero(accuracy)),
        }
    }

    /// The value that training brings down: the error or the loss.
    pub fn loss(&self) -> f64 {
        match *self {
            Self::Error { error } => error,
            Self::Accuracy { loss, .. } => loss,
        }
    }

    /// The value by which two scores are compared, of which less is better: the error, or the accuracy taken
    /// negative.
    pub fn as_loss(&self) -> f64 {
        match *self {
            Self::Error { error } => error,
            Self::Accuracy { accuracy, .. } => -accuracy,
        }
    }

    /// All of it, by TensorBoard's tags, as Dynamic Training Bench had them.
    pub fn scalars(&self) -> Vec<(&'static str, f64)> {
        match *self {
            Self::Error { error } => vec![("error", unsigned_zero(error))],
            Self::Accuracy { accuracy, loss } => {
                vec![("loss", unsigned_zero(loss)), ("accuracy", unsigned_zero(accuracy))]
            }
        }
    }

    /// Whether it beats `other`; an equal one does not, and NaN beats nothing.
    pub fn is_better_than(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Error { error: ours }, Self::Error { error: theirs }) => ours < theirs,
            (Self::Accuracy { accuracy: ours, .. }, Self::Accuracy { accuracy: theirs, .. }) => {
                ours > theirs
            }
            _ => false,
        }
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { error } => write!(f, "error {}", fixed(*error, 6)),
            Self::Accuracy { accuracy, loss } => {
                write!(f, "accuracy {}  loss {}", fixed(*accuracy, 4), fixed(*loss, 6))
            }
        }
    }
}

/// `value` with so many `digits` after the point, and no sign before a zero: the cross-entropy of a
/// class that is certain is -ln 1 = -0.
pub(crate) fn fixed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.chars().all(|c| c == '0' || c == '.') => zero.to_owned(),
        _ => text,
    }
}

/// `value` with six digits after the point, or as many more as a small one needs for four significant ones: 0.021300,
/// 0.00001234.
pub(crate) fn significant(value: f64) -> String {
    let zeros = match value.abs() {
        small if small > 0.0 && small < 1.0 => -small.log10().floor() as usize - 1,
        _ => 0,
    };
    fixed(value, (zeros + 4).clamp(6, 24))
}

/// The same number; 0 for -0.
fn unsigned_zero(value: f64) -> f64 {
    // As IEEE 754 has it: -0 + 0 = 0.
    value + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_keep_their_digits() {
        let shown = [0.0213, 12.5, 1.234e-5, -0.00123456, 0.0, 1e-300].map(significant);
        let expected = [
            "0.021300",
            "12.500000",
            "0.00001234",
            "-0.001235",
            "0.000000",
            &format!("{:.24}", 0.0),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn less_error_and_more_accuracy_are_better() {
        let error = |error| Score::Error { error };
        assert!(error(0.1).is_better_than(&error(0.2)));
        assert!(!error(0.2).is_better_than(&error(0.2)));
        assert!(!error(f64::NAN).is_better_than(&error(0.2)));
        let accuracy = |accuracy| Score::Accuracy { accuracy, loss: 1.0 - accuracy };
        assert!(accuracy(0.9).is_better_than(&accuracy(0.8)));
        assert!(!accuracy(0.9).is_better_than(&accuracy(0.9)));
        assert!(!accuracy(0.9).is_better_than(&error(0.9)));
    }

    #[test]
    fn zero_has_no_sign() {
        for (value, text) in [(-0.0, "0.00"), (-0.004, "0.00"), (-0.006, "-0.01"), (1.0, "1.00")] {
            assert_eq!(fixed(value, 2), text);
        }
        assert_eq!([f64::NAN, f64::NEG_INFINITY].map(|value| fixed(value, 6)), ["NaN", "-inf"]);
        let score = Score::Accuracy { accuracy: 1.0, loss: -1e-9 };
        assert_eq!(score.to_string(), "accuracy 1.0000  loss 0.000000");
        let zero = Score::Accuracy { accuracy: -0.0, loss: -0.0 };
        assert!(zero.scalars().iter().all(|(_, value)| value.is_sign_positive()));
        assert!(zero.headline().1.is_sign_positive());
    }

    #[test]
    fn scores_survive_json() {
        for (score, json) in [
            (Score::Error { error: 0.1 + 0.2 }, r#"{"error":0.30000000000000004}"#),
            (Score::Accuracy { accuracy: 0.5, loss: 1.0 }, r#"{"accuracy":0.5,"loss":1.0}"#),
        ] {
            assert_eq!(serde_json::to_string(&score).unwrap(), json);
            assert_eq!(serde_json::from_str::<Score>(json).unwrap(), score);
        }
    }
}

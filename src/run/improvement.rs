//! Since when a run's validations have not become better: what early stopping and a plateau's schedule look at.
//!
//! Of values v₁, v₂, ... of which less is better (an accuracy is taken negative), a reference b and a least
//! improvement δ (`--min_delta`), epoch after epoch:
//!
//! ```text
//! vₑ < b - δ:  b ← vₑ, and e is the last improvement
//! otherwise:   the epoch is one more without
//! ```
//!
//! Early stopping ends the run `--patience` epochs after the last improvement, as Keras and Lightning do. A plateau
//! brings the learning rate down with the first epoch after more than its patience without improvement, and counts
//! anew from there: PyTorch's `ReduceLROnPlateau(threshold=δ, threshold_mode="abs", cooldown=0)`.
//!
//! ```
//! use dytb::run::{Improvement, Plateau};
//!
//! let plateau = Some(Plateau { patience: 1, factor: 0.1 });
//! let mut last = Improvement::first(0.5, 1);
//! last = last.and_then(0.45, 2, 0.1, plateau).and_then(0.44, 3, 0.1, plateau);
//! assert_eq!((last.epoch, last.reductions), (1, 1));
//! ```

use serde::{Deserialize, Serialize};

use super::Plateau;

/// The last improvement of a run's validations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Improvement {
    /// The reference b.
    pub value: f64,
    /// Epochs finished with it.
    pub epoch: u64,
    /// Epochs without one that a plateau has counted.
    #[serde(default)]
    pub waited: u64,
    /// How often a plateau has brought the learning rate down.
    #[serde(default)]
    pub reductions: u64,
}

impl Improvement {
    /// The first validation, with this `value`, after so many epochs.
    pub fn first(value: f64, epoch: u64) -> Self {
        Self { value, epoch, waited: 0, reductions: 0 }
    }

    /// After one more validation, with this `value`, after so many epochs. NaN is no improvement.
    pub fn and_then(
        self,
        value: f64,
        epoch: u64,
        min_delta: f64,
        plateau: Option<Plateau>,
    ) -> Self {
        if value < self.value - min_delta {
            return Self { value, epoch, waited: 0, ..self };
        }
        match plateau {
            Some(Plateau { patience, .. }) if self.waited >= patience => {
                Self { waited: 0, reductions: self.reductions + 1, ..self }
            }
            _ => Self { waited: self.waited + 1, ..self },
        }
    }
}

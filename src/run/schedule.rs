//! The learning rate of each step: η f(s), a function of the step alone, so that a resumed run goes
//! on as it would have gone. With n steps an epoch and s the steps since the warm-up:
//!
//! | `--lr_schedule` | f(s) |
//! |---|---|
//! | `constant` | 1 |
//! | `step` | factor^⌊s / (n · epochs)⌋: `tf.train.exponential_decay` with `staircase=True` |
//! | `exponential` | factor^(s / (n · epochs)): the same without |
//! | `cosine` | (1 + cos(π s / S)) / 2, S the steps from the warm-up to the run's end (Loshchilov and Hutter 2017, without restarts) |
//!
//! The warm-up comes first: W = n · warm-up epochs steps with η (t + 1) / W, t = 0..W (Goyal et al.
//! 2017, section 2.2). It does not begin at 0, which would be a step of nothing, and its last step
//! has η.
//!
//! ```
//! use dytb::run::{Schedule, Shape};
//!
//! let schedule = Schedule { shape: Shape::Cosine, warmup_epochs: 1 };
//! let rates: Vec<_> = (0..6).map(|step| schedule.at(1.0, step, 2, 3)).collect();
//! assert_eq!(rates[..3], [0.5, 1.0, 1.0]); // warm-up, warm-up, the cosine's first
//! assert!(rates[3..].is_sorted_by(|one, next| one > next));
//! ```

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate changes in a run; [`Schedule::default`]: not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Schedule {
    /// What it does after the warm-up.
    pub shape: Shape,
    /// Epochs in which it grows to what the optimizer's arguments say.
    pub warmup_epochs: u64,
}

/// What a learning rate does after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Nothing.
    #[default]
    Constant,
    /// It falls at once, every N epochs: Dynamic Training Bench's `--lr_decay`.
    Step(LearningRateDecay),
    /// It falls with every step, by as much in as many epochs.
    Exponential(LearningRateDecay),
    /// It falls to 0 at the run's end.
    Cosine,
}

/// By how much a learning rate falls in how many epochs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningRateDecay {
    /// Epochs between two decays.
    pub epochs: u64,
    /// What the learning rate is multiplied by.
    pub factor: f64,
}

impl Shape {
    /// Its name, as `--lr_schedule` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Step(_) => "step",
            Self::Exponential(_) => "exponential",
            Self::Cosine => "cosine",
        }
    }

    /// By how much it falls, if that is in steps of its own.
    pub fn decay(self) -> Option<LearningRateDecay> {
        match self {
            Self::Step(decay) | Self::Exponential(decay) => Some(decay),
            Self::Constant | Self::Cosine => None,
        }
    }
}

impl Schedule {
    /// The learning rate of `step` (0 is the first) in a run of `epochs` epochs, where `initial` is
    /// the optimizer's.
    pub fn at(&self, initial: f64, step: u64, steps_per_epoch: u64, epochs: u64) -> f64 {
        let warmup = self.warmup_epochs * steps_per_epoch;
        if step < warmup {
            return initial * (step + 1) as f64 / warmup as f64;
        }
        let step = step - warmup;
        let period = |decay: LearningRateDecay| steps_per_epoch * decay.epochs;
        match self.shape {
            Shape::Constant => initial,
            Shape::Step(decay) => initial * decay.factor.powf((step / period(decay)) as f64),
            Shape::Exponential(decay) => {
                initial * decay.factor.powf(step as f64 / period(decay) as f64)
            }
            Shape::Cosine => {
                let steps = (steps_per_epoch * epochs).saturating_sub(warmup).max(1);
                initial * (1.0 + (PI * step as f64 / steps as f64).cos()) / 2.0
            }
        }
    }

    /// Whether a run of more epochs differs from the beginning on.
    pub fn depends_on_epochs(&self) -> bool {
        self.shape == Shape::Cosine
    }

    /// What a run's name says of it: `_exp_lr` for [`Shape::Step`], as Dynamic Training Bench named
    /// the runs of `--lr_decay`.
    pub fn suffix(&self) -> String {
        let shape = match self.shape {
            Shape::Constant => "",
            Shape::Step(_) => "_exp_lr",
            Shape::Exponential(_) => "_exponential_lr",
            Shape::Cosine => "_cosine_lr",
        };
        match self.warmup_epochs {
            0 => shape.to_owned(),
            epochs => format!("{shape}_warmup={epochs}"),
        }
    }
}

/// A schedule as it is written now, or as it was: `lr_decay`, null or what is now [`Shape::Step`].
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Now { shape: Shape, warmup_epochs: u64 },
    Before(Option<LearningRateDecay>),
}

impl From<Written> for Schedule {
    fn from(written: Written) -> Self {
        match written {
            Written::Now { shape, warmup_epochs } => Self { shape, warmup_epochs },
            Written::Before(decay) => {
                Self { shape: decay.map_or(Shape::Constant, Shape::Step), warmup_epochs: 0 }
            }
        }
    }
}

//! The learning rate of each step: a function of the step and, of a plateau, of the validations before it, so that a
//! resumed run goes on as it would have gone. With η the optimizer's, m the least (`--min_lr`), n steps an epoch and
//! s the steps since the warm-up:
//!
//! | `--lr_schedule` | learning rate |
//! |---|---|
//! | `constant` | η |
//! | `step` | max(m, η factor^⌊s / (n · epochs)⌋): `tf.train.exponential_decay` with `staircase=True` |
//! | `exponential` | max(m, η factor^(s / (n · epochs))): the same without |
//! | `cosine` | m + (η - m) (1 + cos(π s / S)) / 2, S the steps from the warm-up to the run's end (Loshchilov and Hutter 2017, without restarts): PyTorch's `CosineAnnealingLR(eta_min=m)`, step by step |
//! | `plateau` | max(m, η factor^r) after r [reductions](super::Improvement): PyTorch's `ReduceLROnPlateau(eps=0)` |
//! | `one_cycle` | a cosine from η / 25 up to η, and one down to m, else η / 250,000: PyTorch's `OneCycleLR` (Smith and Topin 2018), of which the momentum's cycle is left out |
//!
//! The warm-up comes first: W = n · warm-up epochs steps with η (t + 1) / W, t = 0..W (Goyal et al.
//! 2017, section 2.2). It does not begin at 0, which would be a step of nothing, and its last step
//! has η. That of `one_cycle` is its way up: as many epochs or, without, three tenths of the run.
//!
//! ```
//! use dytb::run::{Schedule, Shape};
//!
//! let schedule = Schedule { shape: Shape::Cosine, warmup_epochs: 1, min_lr: 0.0 };
//! let rates: Vec<_> = (0..6).map(|step| schedule.at(1.0, step, (2, 3), 0)).collect();
//! assert_eq!(rates[..3], [0.5, 1.0, 1.0]); // warm-up, warm-up, the cosine's first
//! assert!(rates[3..].is_sorted_by(|one, next| one > next));
//! ```

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::util::defaults::is_default;
use crate::util::python_number::python_repr;

/// How the learning rate changes in a run; [`Schedule::default`]: not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Schedule {
    /// What it does after the warm-up.
    pub shape: Shape,
    /// Epochs in which it grows to what the optimizer's arguments say.
    pub warmup_epochs: u64,
    /// The least that it falls to.
    #[serde(skip_serializing_if = "is_default")]
    pub min_lr: f64,
}

/// The share of the steps in which `one_cycle` rises: PyTorch's `pct_start`.
const RISE: f64 = 0.3;
/// What `one_cycle` begins with: η / 25, PyTorch's `div_factor`.
const BEGIN: f64 = 25.0;
/// What it ends with: its first learning rate / 10,000, PyTorch's `final_div_factor`.
const END: f64 = 1e4;

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
    /// It falls to the least at the run's end.
    Cosine,
    /// It falls when the validation has not become better for some epochs.
    Plateau(Plateau),
    /// It rises from a small one, and falls to a smaller one at the run's end.
    OneCycle,
}

/// When and by how much a learning rate falls on a plateau.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// Epochs without a better validation that are waited for: the next one brings it down, as PyTorch counts.
    pub patience: u64,
    /// What the learning rate is multiplied by.
    pub factor: f64,
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
    /// All names, as `--lr_schedule` takes them.
    pub const NAMES: [&str; 6] =
        ["constant", "step", "exponential", "cosine", "plateau", "one_cycle"];

    /// Its name, as `--lr_schedule` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Step(_) => "step",
            Self::Exponential(_) => "exponential",
            Self::Cosine => "cosine",
            Self::Plateau(_) => "plateau",
            Self::OneCycle => "one_cycle",
        }
    }

    /// By how much it falls every so many epochs, if it does.
    pub fn decay(self) -> Option<LearningRateDecay> {
        match self {
            Self::Step(decay) | Self::Exponential(decay) => Some(decay),
            _ => None,
        }
    }

    /// When it falls on a plateau, if it does.
    pub fn plateau(self) -> Option<Plateau> {
        match self {
            Self::Plateau(plateau) => Some(plateau),
            _ => None,
        }
    }
}

impl Schedule {
    /// The learning rate of `step` (0 is the first) in a run of so many steps an epoch and epochs, after so many
    /// `reductions` of a plateau, where `initial` is the optimizer's.
    pub fn at(
        &self,
        initial: f64,
        step: u64,
        (steps_per_epoch, epochs): (u64, u64),
        reductions: u64,
    ) -> f64 {
        let (warmup, all) = (self.warmup_epochs * steps_per_epoch, steps_per_epoch * epochs);
        if self.shape == Shape::OneCycle {
            let rise = if warmup > 0 { warmup as f64 } else { RISE * all as f64 };
            return self.one_cycle(initial, step as f64, (rise, all as f64));
        }
        if step < warmup {
            return initial * (step + 1) as f64 / warmup as f64;
        }
        let step = step - warmup;
        let period = |decay: LearningRateDecay| steps_per_epoch * decay.epochs;
        match self.shape {
            Shape::Constant | Shape::OneCycle => initial,
            Shape::Step(decay) => {
                self.at_least(initial * decay.factor.powf((step / period(decay)) as f64))
            }
            Shape::Exponential(decay) => {
                self.at_least(initial * decay.factor.powf(step as f64 / period(decay) as f64))
            }
            Shape::Cosine => {
                let steps = all.saturating_sub(warmup).max(1);
                let fall = initial - self.min_lr;
                self.min_lr + fall * (1.0 + (PI * step as f64 / steps as f64).cos()) / 2.0
            }
            // One after the other, as PyTorch multiplies.
            Shape::Plateau(plateau) => {
                (0..reductions).fold(initial, |rate, _| self.at_least(rate * plateau.factor))
            }
        }
    }

    fn at_least(&self, rate: f64) -> f64 {
        rate.max(self.min_lr)
    }

    /// Up in the first `rise` of `all` steps, and down in the others, each along half a cosine.
    fn one_cycle(&self, initial: f64, step: f64, (rise, all): (f64, f64)) -> f64 {
        let begin = initial / BEGIN;
        let end = if self.min_lr > 0.0 { self.min_lr } else { begin / END };
        let anneal =
            |from: f64, to: f64, share: f64| to + (from - to) / 2.0 * (1.0 + (PI * share).cos());
        // The way up ends at a step, of which there may be a part: PyTorch's own.
        let top = rise - 1.0;
        match top > 0.0 && step <= top {
            true => anneal(begin, initial, step / top),
            false => anneal(initial, end, (step - top) / (all - 1.0 - top)),
        }
    }

    /// Whether a run of more epochs differs from the beginning on.
    pub fn depends_on_epochs(&self) -> bool {
        matches!(self.shape, Shape::Cosine | Shape::OneCycle)
    }

    /// What a run's name says of it: `_exp_lr` for [`Shape::Step`], as Dynamic Training Bench named
    /// the runs of `--lr_decay`.
    pub fn suffix(&self) -> String {
        let shape = match self.shape {
            Shape::Constant => "",
            Shape::Step(_) => "_exp_lr",
            Shape::Exponential(_) => "_exponential_lr",
            Shape::Cosine => "_cosine_lr",
            Shape::Plateau(_) => "_plateau_lr",
            Shape::OneCycle => "_one_cycle_lr",
        };
        let mut suffix = shape.to_owned();
        if self.warmup_epochs > 0 {
            suffix += &format!("_warmup={}", self.warmup_epochs);
        }
        if self.min_lr > 0.0 {
            suffix += &format!("_min_lr={}", python_repr(self.min_lr));
        }
        suffix
    }
}

/// A schedule as it is written now, or as it was: `lr_decay`, null or what is now [`Shape::Step`].
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Now {
        shape: Shape,
        warmup_epochs: u64,
        #[serde(default)]
        min_lr: f64,
    },
    Before(Option<LearningRateDecay>),
}

impl From<Written> for Schedule {
    fn from(written: Written) -> Self {
        match written {
            Written::Now { shape, warmup_epochs, min_lr } => Self { shape, warmup_epochs, min_lr },
            Written::Before(decay) => {
                Self { shape: decay.map_or(Shape::Constant, Shape::Step), ..Self::default() }
            }
        }
    }
}

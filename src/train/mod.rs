//! Training and evaluation.

mod any_model;
mod cards;
pub(crate) mod evaluate;
mod fit;
mod interrupt;
mod learner;
pub(crate) mod pretrained;
mod progress;
mod report;
mod step;
pub(crate) mod trainer;

pub use any_model::{Learner, Measured};
pub use evaluate::{Evaluation, evaluate};
pub use interrupt::Interrupt;
pub use step::{Evaluated, Step, StepConfig, evaluate as evaluate_feed, take};
pub use trainer::{Finished, Settings, train};

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

pub use any_model::{AnyModel, BatchOutput};
pub use evaluate::{EvalRequest, evaluate};
pub use interrupt::Interrupt;
pub use step::{EvalOutput, StepConfig, StepOutput, loss_and_gradients, loss_and_predictions};
pub use trainer::{FinishedRun, TrainOptions, train};

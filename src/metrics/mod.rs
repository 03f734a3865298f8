//! How good a model is: its [`Score`] on a data set, and of a classifier the [`Confusion`] of classes.

mod assessment;
mod confusion;
mod score;

pub use assessment::EvalReport;
pub use confusion::{ClassScore, Confusion};
pub use score::Score;
pub(crate) use score::fixed;

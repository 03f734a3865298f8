//! How good a model is: its [`Score`] on a data set, and of a classifier the [`Confusion`] of classes.

mod confusion;
mod report;
mod score;

pub use confusion::{ClassScore, Confusion};
pub use report::EvalReport;
pub use score::Score;
pub(crate) use score::fixed;

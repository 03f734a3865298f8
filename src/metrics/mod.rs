//! How good a model is: its [`Score`] on a data set, the [`Metric`]s beside it, and of a classifier the
//! [`Confusion`] of classes.

pub mod class_quality;
mod confusion;
pub mod image_quality;
mod image_results;
pub mod measure;
mod metric;
mod report;
mod running_score;
mod score;

pub use confusion::{ClassScore, Confusion};
pub use image_results::{ImageResults, Outcomes};
pub use metric::{METRICS, Metric};
pub use report::EvalReport;
pub use running_score::RunningScore;
pub use score::Score;
pub(crate) use score::fixed;

//! How good a model is: its [`Score`] on a data set, the [`Metric`]s beside it, and of a classifier the
//! [`Confusion`] of classes.

mod anomaly_score;
pub mod class_quality;
mod confusion;
pub mod image_quality;
mod image_results;
pub mod measure;
mod metric;
pub mod ranking;
mod report;
pub mod representation;
mod running_score;
mod score;

pub use anomaly_score::AnomalyScore;
pub use confusion::{ClassScore, Confusion};
pub use image_results::{ImageResults, Outcomes};
pub use metric::{METRICS, Metric};
pub use report::{ConfusedPair, EvalReport};
pub use running_score::RunningScore;
pub use score::Score;
pub(crate) use score::{fixed, significant};

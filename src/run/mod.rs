//! A run on disk: `log/<Model>/<name>/` with its configuration, its lock, `checkpoints/`, `best/`,
//! and the event files in `train/` and `validation/`.

mod anomaly_threshold;
mod checkpoint;
mod config;
mod data_summary;
mod environment;
mod flags;
mod folder;
mod group;
pub mod history;
pub mod image_results;
mod improvement;
mod locate;
mod recovery;
mod results;
mod schedule;
mod status;

pub use anomaly_threshold::AnomalyThreshold;
pub use checkpoint::{Best, Checkpoint, State, latest};
pub use config::{Pretrained, RunConfig};
pub use data_summary::DataSummary;
pub use environment::Environment;
pub use folder::RunFolder;
pub use improvement::Improvement;
pub(crate) use locate::{find_checkpoint, run_of};
pub use recovery::recover;
pub use results::{RunResult, ensure_writable, record};
pub use schedule::{LearningRateDecay, Plateau, Schedule, Shape};
pub use status::{Status, StatusFile, StatusKind};

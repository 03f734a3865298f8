//! A run on disk: `log/<Model>/<name>/` with its configuration, its lock, `checkpoints/`, `best/`,
//! and the event files in `train/` and `validation/`.

mod checkpoint;
mod config;
mod folder;
mod results;
mod schedule;
mod status;

pub use checkpoint::{Best, Checkpoint, State, latest, prune};
pub use config::{Pretrained, RunConfig};
pub use folder::RunFolder;
pub(crate) use folder::write_atomically;
pub use results::{Outcome, record};
pub use schedule::{LearningRateDecay, Schedule, Shape};
pub use status::{Status, StatusFile, StatusKind};

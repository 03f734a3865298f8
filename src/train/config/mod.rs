//! From what is said of a run to its configuration, in three steps:
//!
//! 1. **merge**: what the flags say, [over](PartialRunConfig::or) what the file of `--config` says;
//! 2. **[validate](PartialRunConfig::validate)**: the defaults filled in, all values checked, once and for flags
//!    and file alike; no file is touched;
//! 3. **[resolve](ValidRunConfig::resolve)**: what the data set, the weights and the run's folder say. Only here are
//!    files read.

mod images;
mod partial;
mod resolve;
mod steps;
mod validate;
mod vary;

pub use images::{check_mixing, check_smoothing};
pub use partial::{
    Classes, GivenArguments, NamedWeights, PartialImages, PartialRunConfig, PartialSchedule,
    PartialSteps,
};
pub use steps::{check_clip_norm, check_ema};
pub use validate::{MAX_EPOCHS, ValidRunConfig, check_comment, metrics_of};

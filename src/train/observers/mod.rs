//! The observers of a run.

mod metadata;
mod progress;
mod status;
mod tensorboard;

pub(crate) use progress::Progress;
pub(crate) use tensorboard::TensorBoard;

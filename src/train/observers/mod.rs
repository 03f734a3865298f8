//! The observers of a run.

mod history;
mod metadata;
mod progress;
mod status;
mod tensorboard;

pub(crate) use history::HistoryFile;
pub(crate) use progress::Progress;
pub(crate) use tensorboard::TensorBoard;

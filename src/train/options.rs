//! Where and how a run is trained, and what comes of it.

use std::path::PathBuf;

use burn::tensor::Device;

use super::{Exchange, Interrupt};
use crate::data::Source;
use crate::metrics::Metric;
use crate::run::{Best, RunResult};

/// Where and how a run is trained: nothing of it changes what the run is.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// The folder of all runs.
    pub log: PathBuf,
    /// The run's own folder, where it is not the one that its configuration names below `log`.
    pub folder: Option<PathBuf>,
    /// The folder of the results files.
    pub results: PathBuf,
    /// Delete the run first.
    pub restart: bool,
    /// Where the steps are computed: the first device has the model, and others, of the same kind, take pieces of each batch.
    pub train_devices: Vec<Device>,
    /// Where the validations are computed.
    pub eval_device: Device,
    /// Where the data set's files are.
    pub source: Source,
    /// Steps between two points of the loss.
    pub log_every: u64,
    /// Epochs between two sets of pictures and histograms; 0 for none. `None`: as many as make fifty
    /// sets or fewer.
    pub images_every: Option<u64>,
    /// The metrics of the validations and the test beside the score; those of the other kind of model are left
    /// out.
    pub metrics: Vec<Metric>,
    /// Which run of how many this is, for the progress.
    pub label: Option<String>,
    /// The command line, for people.
    pub command: String,
    /// End after so many epochs of the run, with a checkpoint and without a test; it goes on as if it had not ended.
    pub stop_after: Option<u64>,
    /// With which processes it is trained.
    pub exchange: Exchange,
    /// How the training is asked to end.
    pub interrupt: Interrupt,
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq)]
pub enum TrainEnd {
    /// All epochs are trained, and the best model is tested.
    Finished(FinishedRun),
    /// After the epochs of [`TrainOptions::stop_after`].
    Paused(PausedRun),
}

/// A run that goes on with the same command.
#[derive(Clone, Debug, PartialEq)]
pub struct PausedRun {
    /// Epochs trained.
    pub epochs: u64,
    /// The best validation so far.
    pub best: Option<Best>,
    /// Its folder.
    pub folder: PathBuf,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedRun {
    /// What it reached.
    pub result: RunResult,
    /// Its folder.
    pub folder: PathBuf,
}

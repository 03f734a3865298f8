//! What watches a run: TensorBoard, the progress on stderr, the status file.
//!
//! The training loop tells of [events](Event) and knows no log; an observer takes of them what it shows.
//! It changes nothing of the run. That it cannot write ends the run, as a full disk would end the next
//! checkpoint.

use anyhow::Result;

use super::Pictures;
use crate::metrics::{EvalReport, Score};
use crate::run::{RunResult, StatusKind};

/// What happens in a run. Steps and epochs are those taken so far.
pub(crate) enum Event<'a> {
    /// The score of a step's batch was read back from the device.
    Step {
        step: u64,
        /// Of 0.
        epoch: u64,
        score: &'a Score,
        /// The learning rate.
        rate: f64,
        /// The global norm of its gradients before they were clipped, if they are.
        norm: Option<f32>,
        /// Examples in a step, on average.
        images_per_step: f64,
    },
    /// An epoch was validated.
    Validation {
        step: u64,
        /// Of 0.
        epoch: u64,
        report: &'a EvalReport,
        /// The mean of the epoch's steps, if all of them are known.
        train: Option<Score>,
        /// Whether it is the best so far.
        is_best: bool,
        /// That of the epoch's last step.
        learning_rate: f64,
    },
    /// The model is shown after a validation.
    Pictures { step: u64, pictures: &'a Pictures, report: &'a EvalReport },
    /// A checkpoint is about to be written: what was told before has to be on the disk then.
    BeforeCheckpoint,
    /// The run, with a checkpoint at this step, goes on.
    Checkpoint { step: u64 },
    /// All epochs are trained, and the best model is about to be tested.
    BeforeTest { step: u64 },
    /// The run is finished and its results are recorded.
    Finished { step: u64, result: &'a RunResult },
    /// The run ends otherwise, and stands at the checkpoint of this step.
    Stopped { step: u64, state: StatusKind },
}

/// What watches a run.
pub(crate) trait Observer {
    /// Takes note of `event`.
    ///
    /// # Errors
    /// When it cannot be written.
    fn notify(&mut self, event: &Event) -> Result<()>;
}

/// Tells each of `observers`, in their order, of `event`.
///
/// # Errors
/// The first one's that fails.
pub(crate) fn notify(observers: &mut [Box<dyn Observer + Send + '_>], event: &Event) -> Result<()> {
    observers.iter_mut().try_for_each(|observer| observer.notify(event))
}

//! How a run stands: `status.json` in its folder, written when it begins, after each epoch and when
//! it ends.
//!
//! ```json
//! { "state": "interrupted", "epochs": 3, "step": 35, "seconds": 4.2 }
//! ```
//!
//! A process that is killed writes nothing: its run is `running` for ever. Who reads the file
//! concludes from the lock that nobody holds that it has crashed; [`Status::now`] does.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::folder::read_json;
use super::{RunFolder, RunResult};
use crate::util::stderr::message;

/// The file's name.
pub(super) const STATUS: &str = "status.json";

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Whether it runs, or how it ended.
    pub state: StatusKind,
    /// Epochs finished.
    pub epochs: u64,
    /// Steps taken.
    pub step: u64,
    /// Seconds that all its processes have trained; those of one that was killed, to its last epoch.
    pub seconds: f64,
}

/// Whether a run runs, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusKind {
    /// A process trains it.
    Running,
    /// All its epochs are trained, and its results recorded.
    Finished,
    /// Its loss became NaN or infinite.
    Diverged,
    /// It has trained as many epochs as it was asked to for now (`--stop_after`), and goes on with the same command.
    Paused,
    /// A signal ended it after a checkpoint.
    Interrupted,
    /// Something failed: a disk was full, say.
    Failed,
    /// The process that trained it is gone and has said nothing. This is never in the file.
    Crashed,
}

impl Status {
    /// That of a run before its first step.
    pub(super) const NOT_BEGUN: Self =
        Self { state: StatusKind::Running, epochs: 0, step: 0, seconds: 0.0 };

    /// What the run in `folder` said last; `None` where there is no run, or one of before there were
    /// such files.
    ///
    /// # Errors
    /// When its `status.json` cannot be read or is damaged.
    pub fn of(folder: &Path) -> Result<Option<Self>> {
        read_json(&folder.join(STATUS))
    }

    /// The same, but [`StatusKind::Crashed`] for a run that nobody trains any more, and
    /// [`StatusKind::Running`] for one that is in use: a run that reads its test examples has already said
    /// that it was interrupted. Nothing is written in `folder`.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn now(folder: &Path) -> Result<Option<Self>> {
        // The lock first: a run that ends between the two looks is not taken for one that crashed.
        let in_use = RunFolder::seems_in_use(folder);
        let mut status = Self::of(folder)?;
        if let Some(Self { state, .. }) = &mut status {
            *state = match *state {
                StatusKind::Running if !in_use => StatusKind::Crashed,
                StatusKind::Interrupted | StatusKind::Failed if in_use => StatusKind::Running,
                other => other,
            };
        }
        Ok(status)
    }
}

/// The status of the run that this process trains. If it goes before the run's end was said, the run
/// has failed.
pub struct StatusFile<'a> {
    folder: &'a RunFolder,
    status: Status,
    steps_per_epoch: u64,
    /// When this process began, and the seconds of those before it.
    began: (Instant, f64),
}

impl<'a> StatusFile<'a> {
    /// Says that the run in `folder` runs, after `step` steps.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn begin(folder: &'a RunFolder, step: u64, steps_per_epoch: u64) -> Result<Self> {
        // A damaged one tells only how long the run has taken.
        let seconds = Status::of(folder.path()).ok().flatten().map_or(0.0, |last| last.seconds);
        let epochs = step / steps_per_epoch;
        let status = Status { state: StatusKind::Running, epochs, step, seconds };
        let file = Self { folder, status, steps_per_epoch, began: (Instant::now(), seconds) };
        folder.write_json(STATUS, &file.status)?;
        Ok(file)
    }

    /// Says that the run in `folder`, which has this `outcome`, is finished, if it has not said so: it may
    /// have been killed after its results were recorded.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn finished(folder: &'a RunFolder, outcome: &RunResult) -> Result<()> {
        // A damaged one tells only how long the run has taken.
        let last = Status::of(folder.path()).ok().flatten();
        if last.is_some_and(|last| last.state == StatusKind::Finished) {
            return Ok(());
        }
        let steps_per_epoch = outcome.best.step / outcome.best.epoch.max(1);
        let step = steps_per_epoch * outcome.epochs;
        let seconds = last.map_or(0.0, |last| last.seconds);
        let state = StatusKind::Finished;
        folder.write_json(STATUS, &Status { state, epochs: outcome.epochs, step, seconds })
    }

    /// Seconds that the processes before this one have trained the run.
    pub fn seconds_before(&self) -> f64 {
        self.began.1
    }

    /// The run's folder.
    pub fn folder(&self) -> &RunFolder {
        self.folder
    }

    /// Says that it has taken `step` steps, and goes on.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn reached(&mut self, step: u64) -> Result<()> {
        let (began, before) = self.began;
        self.status.step = step;
        self.status.epochs = step / self.steps_per_epoch;
        self.status.seconds = before + began.elapsed().as_secs_f64();
        self.folder.write_json(STATUS, &self.status)
    }

    /// Says that it was interrupted after `step` steps, its last: what it is if the process ends before it
    /// says how the run ended.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn leave_interrupted(&mut self, step: u64) -> Result<()> {
        self.reached(step)?;
        let left = Status { state: StatusKind::Interrupted, ..self.status };
        self.folder.write_json(STATUS, &left)
    }

    /// Says that it ended after `step` steps, and how. That it cannot be written is told and no more:
    /// how the run ended is more important.
    pub fn end(&mut self, state: StatusKind, step: u64) {
        self.status.state = state;
        if let Err(error) = self.reached(step) {
            message(&format!("warning: {error}"));
        }
    }
}

impl Drop for StatusFile<'_> {
    fn drop(&mut self) {
        if self.status.state == StatusKind::Running {
            self.end(StatusKind::Failed, self.status.step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::EvalReport;
    use crate::metrics::Score;
    use crate::run::Best;
    use std::fs;

    #[test]
    fn a_run_that_went_on() {
        let log = tempfile::tempdir().unwrap();
        let now = || Status::now(log.path()).unwrap().map(|status| (status.state, status.epochs));
        assert_eq!(now(), None);
        let folder = RunFolder::open(log.path()).unwrap();
        let mut file = StatusFile::begin(&folder, 0, 10).unwrap();
        assert_eq!(now(), Some((StatusKind::Running, 0)));
        file.reached(25).unwrap();
        assert_eq!(now(), Some((StatusKind::Running, 2)));
        file.end(StatusKind::Interrupted, 31);
        // It may still read its test examples.
        assert_eq!(now(), Some((StatusKind::Running, 3)));
        drop(file);
        drop(folder);
        assert_eq!(now(), Some((StatusKind::Interrupted, 3)));
        let folder = RunFolder::open(log.path()).unwrap();
        let first = Status::of(log.path()).unwrap().unwrap();
        assert!(first.step == 31 && first.seconds > 0.0);

        // The seconds of all processes, and no word of the end.
        drop(StatusFile::begin(&folder, 31, 10).unwrap());
        let second = Status::of(log.path()).unwrap().unwrap();
        assert!(second.state == StatusKind::Failed && second.seconds > first.seconds);

        let score = Score::Error { error: 0.5 };
        let best = Best::by_score(score, 30, 3);
        let test = EvalReport {
            score,
            metrics: Vec::new(),
            images: None,
            confusion: None,
            class_names: Vec::new(),
            notes: Vec::new(),
        };
        StatusFile::finished(&folder, &RunResult::new(4, best, &test, false)).unwrap();
        assert_eq!(now(), Some((StatusKind::Finished, 4)));
        assert_eq!(Status::of(log.path()).unwrap().unwrap().step, 40);
    }

    #[test]
    fn nobody_holds_the_lock() {
        let log = tempfile::tempdir().unwrap();
        let json = r#"{"state": "running", "epochs": 1, "step": 10, "seconds": 1.5}"#;
        fs::write(log.path().join(STATUS), json).unwrap();
        let state = || Status::now(log.path()).unwrap().unwrap().state;
        assert_eq!(state(), StatusKind::Crashed);
        // Nothing was made.
        assert_eq!(fs::read_dir(log.path()).unwrap().count(), 1);
        let folder = RunFolder::open(log.path()).unwrap();
        assert_eq!(state(), StatusKind::Running);
        drop(folder);
        assert_eq!(state(), StatusKind::Crashed);
        assert_eq!(Status::of(log.path()).unwrap().unwrap().state, StatusKind::Running);
    }

    #[test]
    fn damage_is_named() {
        let log = tempfile::tempdir().unwrap();
        fs::write(log.path().join(STATUS), r#"{"state": "asleep"}"#).unwrap();
        let error = Status::now(log.path()).unwrap_err().to_string();
        assert!(error.contains("status.json` is damaged"), "{error}");
    }
}

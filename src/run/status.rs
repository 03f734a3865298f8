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

use super::RunFolder;
use super::folder::read_json;
use crate::tell;

/// The file's name.
const STATUS: &str = "status.json";

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
    /// A signal ended it after a checkpoint.
    Interrupted,
    /// Something failed: a disk was full, say.
    Failed,
    /// The process that trained it is gone and has said nothing. This is never in the file.
    Crashed,
}

impl Status {
    /// What the run in `folder` said last; `None` where there is no run, or one of before there were
    /// such files.
    ///
    /// # Errors
    /// When its `status.json` cannot be read or is damaged.
    pub fn of(folder: &Path) -> Result<Option<Self>> {
        read_json(&folder.join(STATUS))
    }

    /// The same, but [`StatusKind::Crashed`] for a run that nobody trains any more. Nothing is
    /// written in `folder`.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn now(folder: &Path) -> Result<Option<Self>> {
        // The lock first: a run that ends between the two looks is not taken for one that crashed.
        let in_use = RunFolder::is_in_use(folder);
        let mut status = Self::of(folder)?;
        if let Some(Self { state: state @ StatusKind::Running, .. }) = &mut status
            && !in_use
        {
            *state = StatusKind::Crashed;
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
    /// Says that the run in `folder` runs, after so many steps.
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

    /// Says that the run in `folder` is finished after `step` steps, if it has not said so: it may
    /// have been killed after its results were recorded.
    ///
    /// # Errors
    /// When that cannot be read or written.
    pub fn finished(folder: &'a RunFolder, step: u64, steps_per_epoch: u64) -> Result<()> {
        let last = Status::of(folder.path())?;
        if last.is_none_or(|last| last.state != StatusKind::Finished) {
            Self::begin(folder, step, steps_per_epoch)?.end(StatusKind::Finished, step);
        }
        Ok(())
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

    /// Says that it ended after `step` steps, and how. That it cannot be written is told and no more:
    /// how the run ended is more important.
    pub fn end(&mut self, state: StatusKind, step: u64) {
        self.status.state = state;
        if let Err(error) = self.reached(step) {
            tell(&format!("warning: {error}"));
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
        drop(file);
        assert_eq!(now(), Some((StatusKind::Interrupted, 3)));
        let first = Status::of(log.path()).unwrap().unwrap();
        assert!(first.step == 31 && first.seconds > 0.0);

        // The seconds of all processes, and no word of the end.
        drop(StatusFile::begin(&folder, 31, 10).unwrap());
        let second = Status::of(log.path()).unwrap().unwrap();
        assert!(second.state == StatusKind::Failed && second.seconds > first.seconds);

        StatusFile::finished(&folder, 40, 10).unwrap();
        assert_eq!(now(), Some((StatusKind::Finished, 4)));
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

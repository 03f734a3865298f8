//! What is known of one run.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run::{Best, Outcome, RunConfig, RunFolder, State, Status, StatusKind};
use crate::{ClassScore, Score};

/// A run, as its folder tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it is.
    pub folder: PathBuf,
    /// What it is.
    pub config: RunConfig,
    /// Whether it runs, or how it ended; `None` for one of before there was such a word.
    pub status: Option<Status>,
    /// The best validation so far.
    pub best: Option<Best>,
    /// The parameters of the best validation on the test examples, when it is finished.
    pub test: Option<Score>,
    /// Each class's share of that, of a classifier.
    pub test_classes: Vec<ClassScore>,
}

impl Row {
    /// Reads the run in `folder`. Nothing is written there.
    ///
    /// # Errors
    /// When a file of it is damaged, or it has none.
    pub fn read(folder: &Path) -> Result<Self> {
        let config = RunFolder::config_at(folder)?
            .with_context(|| format!("there is no run in `{}`", folder.display()))?;
        let status = Status::now(folder)?;
        // Those of a run that goes on with more epochs are not its last.
        let is_over = status.is_none_or(|status| status.state == StatusKind::Finished);
        let outcome = Outcome::at(folder)?.filter(|_| is_over);
        let best = match &outcome {
            Some(outcome) => Some(outcome.best),
            None => State::latest(folder)?.and_then(|state| state.best),
        };
        let (test, test_classes) = outcome
            .map_or((None, Vec::new()), |outcome| (Some(outcome.test), outcome.test_classes));
        Ok(Self { folder: folder.to_owned(), config, status, best, test, test_classes })
    }

    /// One word for how it stands.
    pub fn state(&self) -> &'static str {
        match self.status.map(|status| status.state) {
            Some(StatusKind::Running) => "running",
            Some(StatusKind::Finished) => "finished",
            Some(StatusKind::Diverged) => "diverged",
            Some(StatusKind::Interrupted) => "interrupted",
            Some(StatusKind::Failed) => "failed",
            Some(StatusKind::Crashed) => "crashed",
            None if self.test.is_some() => "finished",
            None => "unknown",
        }
    }

    /// The better one first; errors before accuracies, both before nothing.
    pub fn compare(&self, other: &Self) -> Ordering {
        let key = |row: &Self| match row.best.map(|best| best.score) {
            Some(Score::Error { error }) => (0, error),
            Some(Score::Accuracy { accuracy, .. }) => (1, -accuracy),
            None => (2, 0.0),
        };
        let (ours, theirs) = (key(self), key(other));
        ours.0.cmp(&theirs.0).then(ours.1.total_cmp(&theirs.1))
    }
}

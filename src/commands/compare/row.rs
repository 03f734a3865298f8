//! What is known of one run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Error, Result, anyhow, bail};
use serde_json::{Map, Value};

use super::partial;
use crate::data::Source;
use crate::metrics::{ClassScore, Metric, Score};
use crate::nn::Kind;
use crate::registry;
use crate::run::{Best, RunConfig, RunFolder, RunResult, State, Status, StatusKind};

/// A run, as its folder tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it is.
    pub folder: PathBuf,
    /// Its model.
    pub model: String,
    /// What it is; `None` where that is damaged.
    pub config: Option<RunConfig>,
    /// Whether it runs, or how it ended; `None` for one of before there was such a word.
    pub status: Option<Status>,
    /// The best validation so far.
    pub best: Option<Best>,
    /// The parameters of the best validation on the test examples, when it is finished.
    pub test: Option<Score>,
    /// The metrics of the same test.
    pub test_metrics: BTreeMap<Metric, f64>,
    /// Whether the best validation was chosen on the test images: then its test is no independent one.
    pub validation_is_test: bool,
    /// Each class's share of that, of a classifier.
    pub test_classes: Vec<ClassScore>,
    /// Whether a file of it cannot be read: then this is what the others tell.
    pub is_damaged: bool,
}

impl Row {
    /// Reads the run in `folder`, and says what is wrong with its files. Nothing is written there.
    ///
    /// # Errors
    /// When it has no configuration, or one that cannot be read and nothing else of a run.
    pub fn read(folder: &Path) -> Result<(Self, Vec<Error>)> {
        let mut wrong = Vec::new();
        let config = match RunFolder::config_at(folder) {
            Ok(Some(config)) => Some(config),
            Ok(None) if partial::is_run(folder) => {
                note(&mut wrong, anyhow!("`{}` is gone", folder.join("config.json").display()))
            }
            Ok(None) => bail!("there is no run in `{}`", folder.display()),
            // The configuration of another program.
            Err(error) if !partial::is_run(folder) => return Err(error),
            Err(error) => note(&mut wrong, error),
        };
        let status = Status::now(folder).unwrap_or_else(|error| note(&mut wrong, error));
        // Those of a run that goes on with more epochs are not its last.
        let is_over = status.is_none_or(|status| status.state == StatusKind::Finished);
        let outcome = RunResult::at(folder).unwrap_or_else(|error| note(&mut wrong, error));
        let mut row = Self {
            folder: folder.to_owned(),
            model: String::new(),
            config,
            status,
            best: None,
            test: None,
            test_metrics: BTreeMap::new(),
            validation_is_test: false,
            test_classes: Vec::new(),
            is_damaged: false,
        };
        match outcome.filter(|_| is_over) {
            Some(outcome) => {
                row.best = Some(outcome.best);
                row.test = Some(outcome.test);
                row.test_metrics = outcome.test_metrics;
                row.validation_is_test = outcome.validation_is_test;
                row.test_classes = outcome.test_classes;
            }
            None => {
                let state = State::latest(folder).unwrap_or_else(|error| note(&mut wrong, error));
                row.best = state.and_then(|state| state.best);
            }
        }
        // A checkpoint has the configuration too.
        let other = || State::latest(folder).ok().flatten().map(|state| state.config);
        row.config = row.config.or_else(other);
        row.is_damaged = !wrong.is_empty();
        if row.is_damaged && is_over {
            let (best, test) = partial::scores(folder);
            (row.best, row.test) = (row.best.or(best), row.test.or(test));
        }
        row.validation_is_test |= row.config.as_ref().is_some_and(validates_on_the_test);
        row.model = match &row.config {
            Some(config) => config.model.clone(),
            None => partial::model(folder),
        };
        Ok((row, wrong))
    }

    /// Its data set; nothing where that is damaged.
    pub fn dataset(&self) -> &str {
        self.config.as_ref().map_or("", |config| &config.dataset)
    }

    /// All its flags, by name.
    pub fn flags(&self) -> Map<String, Value> {
        self.config.as_ref().map(RunConfig::flags).unwrap_or_default()
    }

    /// The name that its configuration gives its folder.
    pub fn own_name(&self) -> Option<String> {
        self.config.as_ref().map(RunConfig::name)
    }

    /// Its name, without the model's.
    pub fn name(&self) -> String {
        let name = || self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.config.as_ref().map_or_else(name, RunConfig::name)
    }

    /// One word for how it stands.
    pub fn state(&self) -> &'static str {
        match self.status.map(|status| status.state) {
            _ if self.is_damaged => "damaged",
            Some(StatusKind::Running) => "running",
            Some(StatusKind::Finished) => "finished",
            Some(StatusKind::Diverged) => "diverged",
            Some(StatusKind::Paused) => "paused",
            Some(StatusKind::Interrupted) => "interrupted",
            Some(StatusKind::Failed) => "failed",
            Some(StatusKind::Crashed) => "crashed",
            None if self.test.is_some() => "finished",
            None => "unknown",
        }
    }

    /// What it is measured by: `error` or `accuracy`; `None` where nothing tells.
    pub fn metric(&self) -> Option<&'static str> {
        let measured = self.best.map(|best| best.score).or(self.test);
        let kind = || match registry::kind(&self.model).ok()? {
            Kind::Autoencoder => Some("error"),
            Kind::Classifier => Some("accuracy"),
        };
        measured.map_or_else(kind, |score| Some(score.headline().0))
    }
}

/// Whether the data set of `config` has no validation images but those of its test, and the run none of its own.
/// Earlier runs do not tell.
fn validates_on_the_test(config: &RunConfig) -> bool {
    // Of the user's own pictures the files would have to be read.
    let is_known = config.data.is_none() && config.validation_split.is_none();
    let source = Source { offline: true, ..Source::default() };
    let dataset = || registry::dataset(&config.dataset, &source).ok();
    is_known && dataset().is_some_and(|dataset| dataset.validation_is_test())
}

/// Keeps `error`, and has nothing.
fn note<T>(wrong: &mut Vec<Error>, error: Error) -> Option<T> {
    wrong.push(error);
    None
}

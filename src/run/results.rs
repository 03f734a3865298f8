//! `validation_results.txt` and `test_results.txt` in the working directory: one line a finished
//! run, `{Model}: {name} {error or accuracy}`, as Dynamic Training Bench appended them.
//!
//! A finished run that is run again appends nothing: its folder's `results.json` says that it has.

use crate::util::atomic_file::cannot_write;
use crate::util::defaults::is_default;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::folder::{RESULTS, read_json};
use super::{Best, RunConfig, RunFolder};
use crate::metrics::ClassScore;
use crate::metrics::EvalReport;
use crate::metrics::Metric;
use crate::metrics::Score;
use crate::util::python_number::python_repr;

/// What a finished run reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Epochs trained.
    pub epochs: u64,
    /// The best validation.
    pub best: Best,
    /// Epochs until the last improvement of the validations, where they have one that is not the best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub improved: Option<u64>,
    /// The parameters of the best validation on the test examples.
    pub test: Score,
    /// Metrics of the same parameters on the test examples.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub test_metrics: BTreeMap<Metric, f64>,
    /// Whether the best validation was chosen on the test examples: those of the data set are its test's too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub validation_is_test: bool,
    /// The accuracy of each class, of a classifier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_classes: Vec<ClassScore>,
    /// Whether the lines are in the results files.
    recorded: bool,
}

impl RunResult {
    /// Of a run that has not been recorded yet.
    pub fn new(epochs: u64, best: Best, test: &EvalReport, validation_is_test: bool) -> Self {
        Self {
            epochs,
            best,
            improved: None,
            test: test.score,
            test_metrics: finite(&test.metrics),
            validation_is_test,
            test_classes: test.class_scores(),
            recorded: false,
        }
    }

    /// The same, the last improvement of the validations after so many epochs, where that is not the best one.
    pub fn improved(self, epochs: Option<u64>) -> Self {
        Self { improved: epochs, ..self }
    }

    /// What `run` reached when it was finished, if it was and its lines are in the results files.
    ///
    /// # Errors
    /// When its `results.json` cannot be read.
    pub fn of(run: &RunFolder) -> Result<Option<Self>> {
        Self::at(run.path())
    }

    /// The same of the run that lives at `path`, which another process may train.
    ///
    /// # Errors
    /// When its `results.json` cannot be read.
    pub fn at(path: &Path) -> Result<Option<Self>> {
        let outcome: Option<Self> = read_json(&path.join(RESULTS))?;
        Ok(outcome.filter(|outcome| outcome.recorded))
    }
}

/// Those of `metrics` that are numbers: JSON has no others, and the PSNR of a perfect model is infinite.
fn finite(metrics: &[(Metric, f64)]) -> BTreeMap<Metric, f64> {
    metrics.iter().copied().filter(|(_, value)| value.is_finite()).collect()
}

/// The results files: their names, and which score each has of a run.
const FILES: [&str; 2] = ["validation_results.txt", "test_results.txt"];

/// Makes `directory`, if it is not there, and fails where its results files cannot be written: better before the first
/// step of a run than after its last.
///
/// # Errors
/// A [`Failure`](crate::error::Failure) that names the file.
pub fn ensure_writable(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(|error| cannot_write(directory, &error))?;
    for path in FILES.map(|name| directory.join(name)) {
        if fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
            return Err(cannot_write(&path, &error));
        }
        let opened = match path.exists() {
            true => File::options().read(true).append(true).open(&path).map(drop),
            // Not that file itself: another run may end now, and an empty file would be left behind.
            false => tempfile::Builder::new().prefix(".results").tempfile_in(directory).map(drop),
        };
        opened.map_err(|error| cannot_write(&path, &error))?;
    }
    Ok(())
}

/// Appends the lines of `outcome` to the results files in `directory` and keeps it in the folder
/// of `run`.
///
/// # Errors
/// When a file cannot be written.
pub fn record(
    directory: &Path,
    run: &RunFolder,
    config: &RunConfig,
    mut outcome: RunResult,
) -> Result<RunResult> {
    // A crash between the lines and the last word on them finds the intention, and a process that began while
    // another was about to end the run finds the last word: lines that are already there are then not written
    // twice. (Damaged ones are no intention.)
    let said = run.read_json::<RunResult>(RESULTS).ok().flatten();
    let is_said = said.is_some_and(|said| RunResult { recorded: false, ..said } == outcome);
    run.write_json(RESULTS, &outcome)?;
    for (file, score) in FILES.into_iter().zip([outcome.best.score, outcome.test]) {
        let (_, value) = score.headline();
        let line = format!("{}: {} {}\n", config.model, config.name(), python_repr(value));
        append(&directory.join(file), &line, is_said)?;
    }
    outcome.recorded = true;
    run.write_json(RESULTS, &outcome)?;
    Ok(outcome)
}

/// Appends `line` to the file `path`; with `once`, only if it is not in there. The file is locked
/// meanwhile: several runs may end at the same time.
fn append(path: &Path, line: &str, once: bool) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = File::options().read(true).append(true).create(true).open(path)?;
        let _held = crate::util::file_lock::lock(&file, path)?;
        let mut there = Vec::new();
        file.read_to_end(&mut there)?;
        if once && there.split_inclusive(|&byte| byte == b'\n').any(|old| old == line.as_bytes()) {
            return Ok(());
        }
        // Whatever is there stays a line of its own.
        let torn = there.last().is_some_and(|&byte| byte != b'\n');
        let line = [if torn { "\n" } else { "" }, line].concat();
        file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).inspect_err(|_| {
            // The whole line or nothing; the first error is the one to tell.
            let _ = file.set_len(there.len() as u64);
        })
    };
    write().map_err(|error| cannot_write(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::checkpoint::tests::checkpoint;
    use std::thread;

    /// A process that began while another was about to end the run.
    #[test]
    fn a_run_that_has_ended_twice_has_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::open(&folder.path().join("run")).unwrap();
        let state = checkpoint(3).state;
        let score = Score::Error { error: 0.5 };
        let (metrics, class_names) = Default::default();
        let test = EvalReport {
            score,
            metrics,
            images: None,
            confusion: None,
            class_names,
            notes: Vec::new(),
        };
        let outcome = |epochs| RunResult::new(epochs, state.best.unwrap(), &test, false);
        for _ in 0..2 {
            record(folder.path(), &run, &state.config, outcome(3)).unwrap();
        }
        let count = || fs::read_to_string(folder.path().join(FILES[1])).unwrap().lines().count();
        assert_eq!(count(), 1);
        // It went on.
        record(folder.path(), &run, &state.config, outcome(4)).unwrap();
        assert_eq!(count(), 2);
    }

    #[test]
    fn lines_of_many_at_once_are_whole_and_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines.txt");
        let line = |number: usize| format!("{number}: {}\n", "x".repeat(5000));
        thread::scope(|scope| {
            for number in 0..16 {
                let (path, line) = (&path, &line);
                scope.spawn(move || {
                    (0..8).for_each(|more| append(path, &line(8 * number + more), false).unwrap());
                });
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<_> = text.split_inclusive('\n').collect();
        let mut wanted: Vec<_> = (0..128).map(line).collect();
        lines.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(lines, wanted);
    }
}

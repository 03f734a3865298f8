//! One command, several runs: those of `--seeds` and `--folds`, one after the other.
//!
//! Each run has its own folder, and is what it would be if it were trained alone: a finished one is not trained
//! again, an interrupted one goes on. That one fails or diverges does not stop the others; the program's exit
//! code is then that of the first one that did. A signal stops them all, and so do data that cannot be had,
//! which are the same for all.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Error, Result};
use serde_json::{Map, Value, json};

use super::each_class::ClassTable;
use super::output::{self, spread};
use crate::error::{Exit, Failure};
use crate::metrics::{AnomalyScore, fixed};
use crate::run::{RunConfig, RunFolder, RunResult};
use crate::stats::Summary;
use crate::train::{FinishedRun, PausedRun, TrainEnd, TrainOptions, train, write_mean_of_group};
use crate::util::stderr::message;
use crate::util::table::columns;

/// A run that is to be trained.
pub(super) struct PlannedRun {
    /// What it is.
    pub config: RunConfig,
    /// Its folder, where that is not the one of its name.
    pub folder: Option<PathBuf>,
    /// Whether its seed was drawn, or is that of the run that is there.
    pub seed_is_drawn: bool,
    /// Which one of several it is.
    pub label: Option<String>,
}

/// A run that was trained, or why it was not.
struct EndedRun<'a> {
    config: &'a RunConfig,
    folder: PathBuf,
    result: Result<Reached>,
}

/// What a run has reached.
enum Reached {
    /// Its end.
    End(RunResult),
    /// The epochs after which it was to pause.
    Pause(PausedRun),
}

/// Trains `runs`, whose configurations differ in seed and fold, or in the one class that they are trained on, and
/// prints what they reached. With the score `each_class` it tests how well each tells its class from the rest.
///
/// # Errors
/// After all of them, where one or more failed: a [`Failure`] with the exit code of the first. At once after a
/// signal, and without data.
pub(super) fn train_several(
    runs: &[PlannedRun],
    options: &TrainOptions,
    each_class: Option<AnomalyScore>,
    json: bool,
) -> Result<()> {
    let mut ended: Vec<EndedRun> = Vec::new();
    for run in runs {
        let folder = || RunFolder::path_of(&options.log, &run.config);
        let folder = run.folder.clone().unwrap_or_else(folder);
        if let Some(label) = &run.label {
            message(&format!("{label}: {}", folder.display()));
        }
        let of_run = TrainOptions {
            folder: Some(folder.clone()),
            label: run.label.clone(),
            ..options.clone()
        };
        let result = train(&run.config, &of_run).map(|end| match end {
            TrainEnd::Finished(FinishedRun { result, .. }) => Reached::End(result),
            TrainEnd::Paused(paused) => Reached::Pause(paused),
        });
        if let Err(error) = &result {
            if matches!(Exit::of(error), Exit::Interrupted(_) | Exit::Unavailable) {
                return result.map(drop);
            }
            message(&format!("error: {error:#}"));
        }
        ended.push(EndedRun { config: &run.config, folder, result });
        // After each: TensorBoard shows it while the others are trained. It is no reason to end them.
        if options.exchange.is_first()
            && let Err(error) = write_mean_of_group(&options.log, &run.config)
        {
            message(&format!("warning: the mean of the runs is not shown: {error:#}"));
        }
    }
    let mut tests = Ok(());
    if options.exchange.is_first() {
        let table = each_class.map(|score| {
            let (table, outcome) = tested(&ended, score, options);
            tests = outcome;
            table
        });
        output::print(&match (json, table) {
            (true, table) => as_json(&ended, table.as_ref()),
            (false, Some(table)) if !table.is_empty() => {
                format!("{}\n\n{}", as_text(&ended), table.as_text())
            }
            (false, _) => as_text(&ended),
        })?;
    }
    options.exchange.alike(failed(&ended).and(tests))
}

/// How well each finished run tells its class from the rest; and the error of the first whose test failed.
fn tested(
    ended: &[EndedRun],
    score: AnomalyScore,
    options: &TrainOptions,
) -> (ClassTable, Result<()>) {
    let finished = |run: &&EndedRun| matches!(run.result, Ok(Reached::End(_)));
    let classes: BTreeSet<_> =
        ended.iter().map(|run| format!("{:?}", run.config.classes)).collect();
    let (mut table, mut outcome) = (ClassTable::new(score, classes.len()), Ok(()));
    for run in ended.iter().filter(finished) {
        if let Err(error) = table.test(&run.folder, run.config, options) {
            message(&format!("error: no test of {}: {error:#}", run.folder.display()));
            outcome = outcome.and(Err(error));
        }
    }
    (table, outcome)
}

/// The error that ends the program where runs failed.
fn failed(ended: &[EndedRun]) -> Result<()> {
    let failures = ended.iter().filter_map(|run| Some((run, run.result.as_ref().err()?)));
    let failures: Vec<(&EndedRun, &Error)> = failures.collect();
    let Some((_, first)) = failures.first() else { return Ok(()) };
    let what = format!("{} of {} runs failed", failures.len(), ended.len());
    let why = failures.iter().map(|(run, error)| {
        let error = error.to_string();
        format!("{}: {}", run.config.name(), error.lines().next().unwrap_or_default())
    });
    Err(Failure::new(Exit::of(first), what)
        .why(why.collect::<Vec<_>>().join("\n"))
        .help("see above what each of them needs; the same command then tries these again, and no others")
        .into())
}

/// A line for each run, and their spread.
fn as_text(ended: &[EndedRun]) -> String {
    let results = finished(ended);
    let measure = results.first().map_or("error", |result| result.best.score.headline().0);
    let validation = format!("best validation {measure}");
    let test = format!("test {measure}");
    let lines: Vec<_> = ended.iter().map(line).collect();
    let mut text = columns(&["run", &validation, "epoch", &test], &lines, &[]);
    if results.iter().any(|result| result.validation_is_test) {
        text += "\nnote: chosen on the test images: this data set has no other validation images";
    }
    for (name, values) in values(&results) {
        if let Some(summary) = Summary::of(&values).filter(|summary| summary.n > 1) {
            text += &format!("\n{name} = {}", spread(&summary, 6));
        }
    }
    text
}

/// The name of a run, and what it reached or why not.
fn line(run: &EndedRun) -> Vec<String> {
    let name = run.config.name();
    match &run.result {
        Ok(Reached::Pause(paused)) => {
            let best = paused.best.map_or("-".to_owned(), |best| fixed(best.score.headline().1, 6));
            vec![name, best, format!("paused after {}", paused.epochs), "-".to_owned()]
        }
        Ok(Reached::End(result)) => {
            let [best, test] = [result.best.score, result.test].map(|score| score.headline().1);
            vec![name, fixed(best, 6), result.best.epoch.to_string(), fixed(test, 6)]
        }
        Err(error) => {
            let state = if Exit::of(error) == Exit::Diverged { "diverged" } else { "failed" };
            vec![name, state.to_owned(), "-".to_owned(), "-".to_owned()]
        }
    }
}

fn finished<'a>(ended: &'a [EndedRun]) -> Vec<&'a RunResult> {
    let end = |run: &'a EndedRun| match &run.result {
        Ok(Reached::End(result)) => Some(result),
        _ => None,
    };
    ended.iter().filter_map(end).collect()
}

/// The values of all runs, by what they are.
fn values(results: &[&RunResult]) -> Vec<(String, Vec<f64>)> {
    let Some(first) = results.first() else { return Vec::new() };
    let (measure, _) = first.test.headline();
    let of = |value: fn(&RunResult) -> f64| results.iter().map(|result| value(result)).collect();
    vec![
        (format!("best validation {measure}"), of(|result| result.best.score.headline().1)),
        (format!("test {measure}"), of(|result| result.test.headline().1)),
    ]
}

/// All runs, and their spread; of `--each_class` the `table`.
fn as_json(ended: &[EndedRun], table: Option<&ClassTable>) -> String {
    let run = |run: &EndedRun| match &run.result {
        Ok(Reached::Pause(paused)) => json!({
            "folder": paused.folder.display().to_string(),
            "seed": run.config.seed.to_string(),
            "paused": true,
            "epochs": paused.epochs,
        }),
        Ok(Reached::End(result)) => {
            let finished = FinishedRun { result: result.clone(), folder: run.folder.clone() };
            let mut object = output::finished_as_object(&run.config.model, &finished);
            object.insert("seed".to_owned(), json!(run.config.seed.to_string()));
            Value::Object(object)
        }
        Err(error) => json!({
            "folder": run.folder.display().to_string(),
            "seed": run.config.seed.to_string(),
            "failure": format!("{error:#}"),
        }),
    };
    let runs: Vec<_> = ended.iter().map(run).collect();
    let mut object = Map::from_iter([("runs".to_owned(), Value::Array(runs))]);
    for (name, values) in values(&finished(ended)) {
        let name = name.trim_start_matches("best ").replace(' ', "_");
        object.insert(name, json!(Summary::of(&values)));
    }
    if let Some(table) = table {
        object.insert("each_class".to_owned(), table.as_json());
    }
    Value::Object(object).to_string()
}

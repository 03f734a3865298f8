//! The command `evaluate`: the loss, and a classifier's accuracy, of a trained model.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser};

use super::run_args::{RunArgs, SplitName};
use super::values::MetricNames;
use super::{SourceArgs, confusion_matrix, output, values};
use crate::data::Split;
use crate::device::DeviceName;
use crate::error::{Exit, Failure};
use crate::inputs::INPUTS;
use crate::metrics::EvalReport;
use crate::models::MODELS;
use crate::nn::Kind;
use crate::train::{EvalRequest, evaluate, kind_of};

/// Evaluate a trained model on the validation or test images of a data set.
///
/// An autoencoder's error is half the mean squared error over all pixels, which are in [-1, 1]; of a
/// classifier it is the accuracy.
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct Evaluate {
    /// Fail unless it is this model, one of models/
    #[arg(long, value_parser = values::names(MODELS), value_name = "NAME")]
    model: Option<String>,
    #[command(flatten)]
    args: EvaluateArgs,
    #[command(flatten)]
    classes: ClassArgs,
}

impl Evaluate {
    /// Evaluates it and prints its error or accuracy.
    ///
    /// # Errors
    /// As [`evaluate()`], and when the confusion matrix cannot be written.
    pub fn run(&self) -> Result<()> {
        self.args.run(None, self.model.as_deref(), &self.classes)
    }
}

/// What to evaluate, and on what.
#[derive(Args, Clone, Debug)]
pub(super) struct EvaluateArgs {
    /// Data set to evaluate on: a file of inputs/ [default: the one that it was trained on]
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME")]
    dataset: Option<String>,
    #[command(flatten)]
    run: RunArgs,
    /// Part of the data set
    #[arg(long, value_enum, default_value = "validation", value_name = "NAME")]
    split: SplitName,
    /// The same as --split test
    #[arg(long, conflicts_with = "split")]
    test: bool,
    /// Only these classes, by name or number, separated by commas [default: those that the model was
    /// trained on]
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    classes: Option<Vec<String>>,
    /// Print these metrics too, separated by commas [without names: all]
    #[arg(long, value_parser = values::metrics, num_args = 0..=1, default_missing_value = "all", value_name = "NAME,...")]
    metrics: Option<MetricNames>,
    /// Device that evaluates: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu [default: /gpu:0 where there is one]
    #[arg(long, aliases = ["eval_device", "eval-device"], value_name = "DEVICE")]
    device: Option<DeviceName>,
    #[command(flatten)]
    source: SourceArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// What else is shown of a classifier.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ClassArgs {
    /// Print the accuracy of each class too (with --json it is always there)
    #[arg(long = "per_class", alias = "per-class")]
    per_class: bool,
    /// Write the confusion matrix to PATH.csv and, as a picture, to PATH.png; an ending .csv or .png of
    /// PATH is not doubled
    #[arg(long = "confusion_matrix", alias = "confusion-matrix", value_name = "PATH")]
    confusion_matrix: Option<PathBuf>,
}

impl EvaluateArgs {
    /// Evaluates a model of this `kind`, or of any, as the flags say, and prints the result; it has to be the
    /// one called `model`, if one is.
    ///
    /// # Errors
    /// As [`evaluate()`], when the confusion matrix cannot be written or the model predicts no classes.
    pub fn run(
        &self,
        kind: Option<Kind>,
        model: Option<&str>,
        of_classes: &ClassArgs,
    ) -> Result<()> {
        let split = if self.test { Split::Test } else { self.split.into() };
        let metrics = match &self.metrics {
            Some(metrics) => metrics.of(kind_of(&self.run.path())?)?,
            None => Vec::new(),
        };
        let report = evaluate(&EvalRequest {
            model: model.map(str::to_owned),
            kind,
            dataset: self.dataset.clone(),
            checkpoint: self.run.path(),
            split,
            metrics,
            classes: self.classes.clone(),
            source: self.source.source(),
            device: DeviceName::resolve_or_best(self.device),
        })?;
        let files = of_classes.write(&report)?;
        output::print(&match self.json {
            true => output::report_as_json(split, &report, &files),
            false => output::report_as_text(split, &report),
        })?;
        match of_classes.per_class && !self.json {
            true => output::print(&output::classes_as_text(&report.class_scores())),
            false => Ok(()),
        }
    }
}

impl ClassArgs {
    /// Writes the confusion matrix, if one is asked for; the files.
    fn write(&self, report: &EvalReport) -> Result<Vec<PathBuf>> {
        let flag = match self {
            Self { confusion_matrix: Some(_), .. } => "--confusion_matrix",
            Self { per_class: true, .. } => "--per_class",
            _ => return Ok(Vec::new()),
        };
        let Some(confusion) = &report.confusion else {
            return Err(Failure::new(Exit::Usage, format!("`{flag}` with an autoencoder"))
                .why("it predicts no classes")
                .help("leave the flag out; it is for classifiers")
                .into());
        };
        match &self.confusion_matrix {
            Some(path) => confusion_matrix::write(path, confusion, &report.class_names),
            None => Ok(Vec::new()),
        }
    }
}

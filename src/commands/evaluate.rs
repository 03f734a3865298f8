//! The command `evaluate`: the loss, and a classifier's accuracy, of a trained model.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser};

use super::anomalies::AnomalyArgs;
use super::run_args::{RunArgs, SplitArgs};
use super::values::MetricNames;
use super::{SourceArgs, confusion_matrix, gallery, output, values};
use crate::data::DataLoader;
use crate::device::DeviceName;
use crate::error::{Exit, Failure};
use crate::inputs::INPUTS;
use crate::metrics::{AnomalyScore, EvalReport};
use crate::models::MODELS;
use crate::nn::Kind;
use crate::train::{AnomalyRequest, EvalRequest, Evaluated, evaluate, kind_of};
use crate::util::stderr::message;

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
    #[command(flatten)]
    anomalies: AnomalyArgs,
}

impl Evaluate {
    /// Evaluates it and prints its error or accuracy, or how well it tells the normal from the odd.
    ///
    /// # Errors
    /// As [`evaluate()`] or [`tell_apart`](crate::train::tell_apart), and when a file cannot be written.
    pub fn run(&self) -> Result<()> {
        let model = self.model.as_deref();
        match self.anomalies.are_given() {
            true => {
                self.classes.refuse("--normal")?;
                self.args.tell_apart(model, &self.anomalies)
            }
            false => self.args.run(None, model, &self.classes),
        }
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
    #[command(flatten)]
    split: SplitArgs,
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
    /// Print the N pairs of classes that are confused most often [without a number: 10]
    #[arg(long, value_parser = values::at_least_one, num_args = 0..=1, default_missing_value = "10", allow_negative_numbers = true, value_name = "N")]
    confused: Option<usize>,
    /// Draw the images that are predicted worst to this PNG file, each with its class and the one it is taken for
    #[arg(long, value_parser = values::png, value_name = "FILE")]
    gallery: Option<PathBuf>,
    /// How many images --gallery shows [default: 16]
    #[arg(long, value_parser = values::at_least_one, allow_negative_numbers = true, value_name = "N", requires = "gallery")]
    worst: Option<usize>,
}

/// Images of a gallery where nothing is said.
const WORST: usize = 16;

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
        let split = self.split.split();
        let metrics = match &self.metrics {
            Some(metrics) => metrics.of(kind_of(&self.run.path())?)?,
            None => Vec::new(),
        };
        let Evaluated { report, loader } = evaluate(&EvalRequest {
            model: model.map(str::to_owned),
            kind,
            dataset: self.dataset.clone(),
            checkpoint: self.run.path(),
            split,
            metrics,
            images: of_classes.gallery.is_some(),
            classes: self.classes.clone(),
            source: self.source.source(),
            device: DeviceName::resolve_or_best(self.device)?,
        })?;
        let files = of_classes.write(&report, &loader)?;
        let confused = of_classes.confused.map(|count| report.most_confused(count));
        if self.json {
            let confused = confused.as_deref();
            return output::print(&output::report_as_json(split, &report, confused, &files));
        }
        output::print(&output::report_as_text(split, &report))?;
        if of_classes.per_class {
            output::print(&output::classes_as_text(&report.class_scores()))?;
        }
        confused.map_or(Ok(()), |pairs| output::print(&output::confused_as_text(&pairs)))
    }

    /// How well the model, which has to be the one called `model`, if one is, tells the normal from the odd.
    ///
    /// # Errors
    /// As [`tell_apart`](crate::train::tell_apart), and when a file cannot be written.
    pub fn tell_apart(&self, model: Option<&str>, anomalies: &AnomalyArgs) -> Result<()> {
        let request = AnomalyRequest {
            model: model.map(str::to_owned),
            dataset: self.dataset.clone(),
            checkpoint: self.run.path(),
            split: self.split.split(),
            normal: None,
            others: self.classes.clone(),
            score: AnomalyScore::default(),
            source: self.source.source(),
            device: DeviceName::resolve_or_best(self.device)?,
        };
        anomalies.run(request, self.json)
    }
}

impl ClassArgs {
    /// Fails where one of these flags is given beside `other`, which is of autoencoders.
    pub fn refuse(&self, other: &str) -> Result<()> {
        let Some(flag) = self.first_given() else { return Ok(()) };
        Err(Failure::new(Exit::Usage, format!("`{flag}` with `{other}`"))
            .why(format!("`{flag}` is for classifiers, and `{other}` for autoencoders"))
            .help("leave one of them out")
            .into())
    }

    fn first_given(&self) -> Option<&'static str> {
        match self {
            Self { confusion_matrix: Some(_), .. } => Some("--confusion_matrix"),
            Self { per_class: true, .. } => Some("--per_class"),
            Self { confused: Some(_), .. } => Some("--confused"),
            Self { gallery: Some(_), .. } => Some("--gallery"),
            _ => None,
        }
    }

    /// Writes the confusion matrix of `report` and the gallery of the images of `loader`, if they are asked for; the
    /// files.
    fn write(&self, report: &EvalReport, loader: &DataLoader) -> Result<Vec<PathBuf>> {
        let Some(flag) = self.first_given() else { return Ok(Vec::new()) };
        let Some(confusion) = &report.confusion else {
            return Err(Failure::new(Exit::Usage, format!("`{flag}` with an autoencoder"))
                .why("it predicts no classes")
                .help(match flag {
                    "--gallery" => {
                        "dytb reconstruct RUN --worst 16 shows what an autoencoder does worst"
                    }
                    _ => "leave the flag out; it is for classifiers",
                })
                .into());
        };
        let mut files = match &self.confusion_matrix {
            Some(path) => confusion_matrix::write(path, confusion, &report.class_names)?,
            None => Vec::new(),
        };
        if let Some(path) = &self.gallery {
            gallery::write(path, self.worst.unwrap_or(WORST), report, loader)?;
            message(&format!("written: {}", path.display()));
            files.push(path.clone());
        }
        Ok(files)
    }
}

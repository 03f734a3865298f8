//! The flags that all evaluating programs have.

use crate::train::evaluate;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{SourceArgs, output, values};
use crate::data::Split;
use crate::device::DeviceName;
use crate::inputs::INPUTS;
use crate::metrics::EvalReport;
use crate::nn::Kind;
use crate::train::EvalRequest;

/// What to evaluate, and on what.
#[derive(Args, Clone, Debug)]
pub struct EvaluateArgs {
    /// What to evaluate it on: a file of inputs/ [default: the data set that it was trained on]
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME")]
    dataset: Option<String>,
    /// A run's folder (its best checkpoint), a folder of checkpoints (the newest) or a checkpoint
    #[arg(value_name = "RUN", required_unless_present = "checkpoint_dir")]
    run: Option<PathBuf>,
    /// The same, as Dynamic Training Bench had it
    #[arg(long = "checkpoint_dir", aliases = ["checkpoint-dir", "checkpoint_path", "checkpoint-path"], value_name = "PATH", conflicts_with = "run")]
    checkpoint_dir: Option<PathBuf>,
    /// The test images instead of the validation images
    #[arg(long)]
    test: bool,
    /// Only these classes, by name or number, with a comma between two [default: those that the model
    /// was trained on]
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    classes: Option<Vec<String>>,
    /// Device that evaluates: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu [default: /gpu:0 where there is one]
    #[arg(long, aliases = ["eval_device", "eval-device"], value_name = "DEVICE")]
    device: Option<DeviceName>,
    #[command(flatten)]
    source: SourceArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl EvaluateArgs {
    /// How a model of this `kind` does, as the flags say; it has to be the one called `model`, if one is.
    ///
    /// # Errors
    /// As [`evaluate::evaluate`].
    pub fn evaluate(&self, kind: Kind, model: Option<&str>) -> Result<EvalReport> {
        let checkpoint = self.run.clone().or(self.checkpoint_dir.clone());
        evaluate::evaluate(&EvalRequest {
            model: model.map(str::to_owned),
            kind,
            dataset: self.dataset.clone(),
            checkpoint: checkpoint.expect("the parser wants one of the two"),
            split: self.split(),
            classes: self.classes.clone(),
            source: self.source.source(),
            device: DeviceName::resolve_or_best(self.device),
        })
    }

    /// Prints `assessment`, and with JSON the `files` that were written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, assessment: &EvalReport, files: &[PathBuf]) -> Result<()> {
        output::print(&match self.json {
            true => output::assessment_as_json(self.split(), assessment, files),
            false => output::score_as_text(self.split(), &assessment.score),
        })
    }

    /// Whether the result is printed as JSON.
    pub fn json(&self) -> bool {
        self.json
    }

    fn split(&self) -> Split {
        if self.test { Split::Test } else { Split::Validation }
    }
}

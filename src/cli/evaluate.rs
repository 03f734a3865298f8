//! The flags that all evaluating programs have.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::{SourceArgs, output, values};
use crate::Split;
use crate::device::DeviceName;
use crate::evaluator::{self, Assessment, Evaluation};
use crate::inputs::INPUTS;

/// What to evaluate, but for the model.
#[derive(Args, Clone, Debug)]
pub struct EvaluateArgs {
    /// What to evaluate it on: a file of inputs/
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME")]
    dataset: String,
    /// A run's folder (its best checkpoint), a folder of checkpoints (the newest) or a checkpoint
    #[arg(long = "checkpoint_dir", alias = "checkpoint-dir", value_name = "PATH")]
    checkpoint_dir: PathBuf,
    /// The test images instead of the validation images
    #[arg(long)]
    test: bool,
    /// Only these classes, by name or number, with a comma between two [default: those that the model
    /// was trained on]
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    classes: Option<Vec<String>>,
    /// Device that evaluates: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu
    #[arg(long, default_value = "/gpu:0", value_name = "DEVICE")]
    device: DeviceName,
    #[command(flatten)]
    source: SourceArgs,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl EvaluateArgs {
    /// How `model` does, as the flags say.
    ///
    /// # Errors
    /// As [`evaluator::evaluate`].
    pub fn evaluate(&self, model: &str) -> Result<Assessment> {
        evaluator::evaluate(&Evaluation {
            model: model.to_owned(),
            dataset: self.dataset.clone(),
            checkpoint: self.checkpoint_dir.clone(),
            split: self.split(),
            classes: self.classes.clone(),
            source: self.source.source(),
            device: self.device.resolve(),
        })
    }

    /// Prints `assessment`, and with JSON the `files` that were written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, assessment: &Assessment, files: &[PathBuf]) -> Result<()> {
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

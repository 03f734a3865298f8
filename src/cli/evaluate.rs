//! The flags of `evaluate_autoencoder`.

use std::path::PathBuf;

use clap::Parser;

use super::{SourceArgs, values};
use crate::Split;
use crate::device::DeviceName;
use crate::evaluator::Evaluation;
use crate::inputs::INPUTS;
use crate::models::MODELS;

/// Print the error of a trained autoencoder on a data set's validation or test images
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct EvaluateArgs {
    /// The model: a file of models/
    #[arg(long, value_parser = values::names(MODELS), value_name = "NAME")]
    model: String,
    /// What to evaluate it on: a file of inputs/
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME")]
    dataset: String,
    /// A run's folder (its best checkpoint), a folder of checkpoints (the newest) or a checkpoint
    #[arg(long = "checkpoint_dir", alias = "checkpoint-dir", value_name = "PATH")]
    checkpoint_dir: PathBuf,
    /// The test images instead of the validation images
    #[arg(long)]
    test: bool,
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
    /// The evaluation that the flags describe.
    pub fn evaluation(&self) -> Evaluation {
        Evaluation {
            model: self.model.clone(),
            dataset: self.dataset.clone(),
            checkpoint: self.checkpoint_dir.clone(),
            split: if self.test { Split::Test } else { Split::Validation },
            source: self.source.source(),
            device: self.device.resolve(),
        }
    }

    /// Whether the result is printed as JSON.
    pub fn json(&self) -> bool {
        self.json
    }
}

//! The flags that all training programs have.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value};

use super::schedule::ScheduleArgs;
use super::transfer::TransferArgs;
use super::{SourceArgs, output, values};
use crate::device::DeviceName;
use crate::inputs::INPUTS;
use crate::interrupt::Interrupt;
use crate::optimizers::{self, Arguments};
use crate::run::{RunConfig, RunFolder};
use crate::trainer::{self, Settings};
use crate::{Source, subset, zoo};

/// The arguments that Dynamic Training Bench's default optimizer had.
const MOMENTUM_ARGS: &str = r#"{"learning_rate": 1e-2, "momentum": 0.9}"#;

/// What and how to train, but for the model.
#[derive(Args, Clone, Debug)]
pub struct TrainArgs {
    /// What to train it on: a file of inputs/
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME")]
    dataset: String,
    /// The optimizer: TensorFlow 1's by their names, later ones by theirs
    #[arg(long, value_parser = values::optimizers(), default_value = "MomentumOptimizer", value_name = "NAME")]
    optimizer: String,
    /// Its arguments, by TensorFlow's names (by burn's for AdamW, Adan, Lamb, Lion and Muon);
    /// learning_rate is required [default for
    /// MomentumOptimizer: {"learning_rate": 1e-2, "momentum": 0.9}]
    #[arg(long = "optimizer_args", alias = "optimizer-args", value_parser = values::json_object, value_name = "JSON")]
    optimizer_args: Option<Map<String, Value>>,
    /// Examples a step
    #[arg(long = "batch_size", alias = "batch-size", default_value = "128", value_parser = values::at_least_one, value_name = "N")]
    batch_size: usize,
    /// Epochs to train
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u64).range(1..), value_name = "N")]
    epochs: u64,
    /// End after so many epochs without a better validation [default: never]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), value_name = "N")]
    patience: Option<u64>,
    /// Train, validate and test on these classes only, by name or number, with a comma between two
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    classes: Option<Vec<String>>,
    /// Factor of the L2 penalty
    #[arg(long = "l2_penalty", alias = "l2-penalty", default_value = "0.0", value_parser = values::not_negative, value_name = "X", allow_negative_numbers = true)]
    l2_penalty: f64,
    #[command(flatten)]
    schedule: ScheduleArgs,
    /// Device that trains: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu
    #[arg(
        long = "train_device",
        alias = "train-device",
        default_value = "/gpu:0",
        value_name = "DEVICE"
    )]
    train_device: DeviceName,
    /// Device that evaluates
    #[arg(
        long = "eval_device",
        alias = "eval-device",
        default_value = "/gpu:0",
        value_name = "DEVICE"
    )]
    eval_device: DeviceName,
    /// Added to the name of the run
    #[arg(long, value_parser = values::comment, value_name = "TEXT")]
    comment: Option<String>,
    /// Delete the run and begin it anew
    #[arg(long)]
    restart: bool,
    /// Seed of all chance in the run [default: drawn, and kept with the run]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Folder of the runs
    #[arg(long = "log_dir", alias = "log-dir", default_value = "log", value_name = "DIR")]
    log_dir: PathBuf,
    /// Steps between two points of the training error
    #[arg(long = "log_every", alias = "log-every", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..), value_name = "STEPS")]
    log_every: u64,
    /// Epochs between two sets of pictures and histograms; 0 for none [default: so many that there
    /// are fifty sets or fewer]
    #[arg(long = "images_every", alias = "images-every", value_name = "EPOCHS")]
    images_every: Option<u64>,
    #[command(flatten)]
    transfer: TransferArgs,
    #[command(flatten)]
    source: SourceArgs,
    /// Size that pictures are scaled to, in a data set of pictures of any size [default: they have
    /// one size]
    #[arg(long = "image_size", alias = "image-size", value_parser = values::image_size, value_name = "N|HxW")]
    image_size: Option<[usize; 2]>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

impl TrainArgs {
    /// Trains `model` as the flags say and prints what it reached.
    ///
    /// # Errors
    /// As [`trainer::train`], and when the flags make no sense or nothing can be printed.
    pub fn train(&self, model: &str) -> Result<()> {
        let config = self.config(model)?;
        let finished = trainer::train(&config, &self.settings()?)?;
        output::print(&match self.json {
            true => output::finished_as_json(model, &finished),
            false => output::finished_as_text(&finished),
        })
    }

    /// The run of `model` that the flags describe. Without `--seed` it has the seed of the run that is
    /// already in its folder, or a new one.
    ///
    /// # Errors
    /// When the optimizer's arguments or the schedule's flags are wrong, or the data set, the weights
    /// or the folder's configuration cannot be read.
    fn config(&self, model: &str) -> Result<RunConfig> {
        let entry = optimizers::find(&self.optimizer).expect("the parser checked the name");
        let given = match &self.optimizer_args {
            Some(given) => given.clone(),
            None if entry.short == "Momentum" => values::json_object(MOMENTUM_ARGS).expect("JSON"),
            None => Map::new(),
        };
        let source = Source { image_size: self.image_size, ..self.source.source() };
        let dataset = zoo::dataset(&self.dataset, &source)?;
        let classes = match &self.classes {
            Some(named) => Some(subset::labels(named, &dataset.class_names())?),
            None => None,
        };
        let mut config = RunConfig {
            model: model.to_owned(),
            dataset: self.dataset.clone(),
            data: dataset.identity(),
            image_size: self.image_size,
            classes,
            optimizer: entry.name.to_owned(),
            optimizer_args: Arguments::new(entry, given)?,
            batch_size: self.batch_size,
            epochs: self.epochs,
            patience: self.patience,
            lr_schedule: self.schedule.schedule(self.epochs)?,
            l2_penalty: self.l2_penalty,
            seed: self.seed.unwrap_or_else(rand::random),
            comment: self.comment.clone(),
            pretrained: None,
            trainable_scopes: None,
        };
        let there = match self.restart {
            true => None,
            false => RunFolder::config_at(&RunFolder::path_of(&self.log_dir, &config))?,
        };
        self.transfer.apply(&mut config, there.as_ref())?;
        if let (None, Some(there)) = (self.seed, there) {
            config.seed = there.seed;
        }
        Ok(config)
    }

    /// How it is trained.
    ///
    /// # Errors
    /// When signals cannot be listened to.
    fn settings(&self) -> Result<Settings> {
        let train_device = self.train_device.resolve();
        let eval_device = match self.eval_device == self.train_device {
            true => train_device.clone(),
            false => self.eval_device.resolve(),
        };
        Ok(Settings {
            log: self.log_dir.clone(),
            results: PathBuf::from("."),
            restart: self.restart,
            train_device,
            eval_device,
            source: self.source.source(),
            log_every: self.log_every,
            images_every: self.images_every,
            command: output::command(std::env::args()),
            interrupt: Interrupt::listen()?,
        })
    }
}

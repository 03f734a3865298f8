//! The flags that all training programs have.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value};

use super::schedule::ScheduleArgs;
use super::transfer::TransferArgs;
use super::{SourceArgs, config_file, output, values};
use crate::device::DeviceName;
use crate::inputs::INPUTS;
use crate::interrupt::Interrupt;
use crate::optimizers::{self, Arguments, Entry};
use crate::run::{RunConfig, RunFolder, Schedule};
use crate::trainer::{self, Settings};
use crate::{Exit, Failure, Identity, Kind, Source, subset, zoo};

/// Dynamic Training Bench's default optimizer, and the arguments that it had.
const MOMENTUM: &str = "MomentumOptimizer";
const MOMENTUM_ARGS: &str = r#"{"learning_rate": 1e-2, "momentum": 0.9}"#;

/// What and how to train, but for the model.
#[derive(Args, Clone, Debug)]
pub struct TrainArgs {
    /// Train the run that FILE describes, the config.json of a run. Flags beside it count more than what
    /// it says
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to train it on: a file of inputs/
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME", required_unless_present = "config")]
    dataset: Option<String>,
    /// The optimizer: TensorFlow 1's by their names, later ones by theirs [default: MomentumOptimizer]
    #[arg(long, value_parser = values::optimizers(), value_name = "NAME")]
    optimizer: Option<String>,
    /// Its arguments, by TensorFlow's names (by burn's for AdamW, Adan, Lamb, Lion and Muon);
    /// learning_rate is required [default for
    /// MomentumOptimizer: {"learning_rate": 1e-2, "momentum": 0.9}]
    #[arg(long = "optimizer_args", alias = "optimizer-args", value_parser = values::json_object, value_name = "JSON")]
    optimizer_args: Option<Map<String, Value>>,
    /// Examples a step [default: 128]
    #[arg(long = "batch_size", alias = "batch-size", value_parser = values::at_least_one, value_name = "N")]
    batch_size: Option<usize>,
    /// Epochs to train [default: 150]
    #[arg(long, value_parser = values::epochs(), value_name = "N")]
    epochs: Option<u64>,
    /// End after so many epochs without a better validation [default: never]
    #[arg(long, value_parser = values::epochs(), value_name = "N")]
    patience: Option<u64>,
    /// Train, validate and test on these classes only, by name or number, with a comma between two
    /// [default: all]
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    classes: Option<Vec<String>>,
    /// Factor of the L2 penalty [default: 0.0]
    #[arg(long = "l2_penalty", alias = "l2-penalty", value_parser = values::not_negative, value_name = "X", allow_negative_numbers = true)]
    l2_penalty: Option<f64>,
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
    /// Trains `model`, which is of this `kind`, as the flags say and prints what it reached.
    ///
    /// # Errors
    /// As [`trainer::train`], and when the flags make no sense or nothing can be printed.
    pub fn train(&self, kind: Kind, model: Option<&str>) -> Result<()> {
        let config = self.config(kind, model)?;
        let finished = trainer::train(&config, &self.settings()?)?;
        output::print(&match self.json {
            true => output::finished_as_json(&config.model, &finished),
            false => output::finished_as_text(&finished),
        })
    }

    /// The run of `model` that the flags describe, on top of the file of `--config` if there is one.
    /// Where neither has a seed it is that of the run that is already in its folder, or a new one.
    ///
    /// # Errors
    /// When the file, the optimizer's arguments or the schedule's flags are wrong, or the data set, the
    /// weights or the folder's configuration cannot be read.
    fn config(&self, kind: Kind, model: Option<&str>) -> Result<RunConfig> {
        let base = self.config.as_ref().map(|path| config_file::read(path, kind)).transpose()?;
        let mut config = self.over(base.as_ref(), model)?;
        let there = match self.restart {
            true => None,
            false => RunFolder::config_at(&RunFolder::path_of(&self.log_dir, &config))?,
        };
        self.transfer.apply(&mut config, there.as_ref())?;
        if let (None, None, Some(there)) = (self.seed, base, there) {
            config.seed = there.seed;
        }
        Ok(config)
    }

    /// What the flags say; what they do not say is as in `base`, or the default.
    fn over(&self, base: Option<&RunConfig>, model: Option<&str>) -> Result<RunConfig> {
        let optimizer = self.optimizer.as_deref().or(base.map(|base| base.optimizer.as_str()));
        let entry = optimizers::find(optimizer.unwrap_or(MOMENTUM)).expect("it was checked");
        let epochs = self.epochs.or(base.map(|base| base.epochs)).unwrap_or(150);
        let schedule = base.map_or_else(Schedule::default, |base| base.lr_schedule);
        // The size of another data set's images is its own.
        let same_dataset = base.filter(|_| self.dataset.is_none());
        let image_size = self.image_size.or(same_dataset.and_then(|base| base.image_size));
        let dataset = self.dataset.as_deref().or(base.map(|base| base.dataset.as_str()));
        let dataset = dataset.expect("the parser wants --dataset or --config");
        let source = Source { image_size, ..self.source.source() };
        let opened = zoo::dataset(dataset, &source)?;
        let data = opened.identity();
        if let Some(base) = same_dataset.filter(|base| base.data != data) {
            return Err(other_data(base, data.as_ref()));
        }
        let classes = subset::labels_of(self.classes.as_deref(), &*opened)?
            .or_else(|| same_dataset.and_then(|base| base.classes.clone()));
        let model = model.or(base.map(|base| base.model.as_str()));
        Ok(RunConfig {
            model: model.expect("the parser wants --model or --config").to_owned(),
            dataset: dataset.to_owned(),
            data,
            image_size,
            classes,
            optimizer: entry.name.to_owned(),
            optimizer_args: self.optimizer_args(entry, base)?,
            batch_size: self.batch_size.or(base.map(|base| base.batch_size)).unwrap_or(128),
            epochs,
            patience: self.patience.or(base.and_then(|base| base.patience)),
            lr_schedule: self.schedule.schedule(epochs, schedule)?,
            l2_penalty: self.l2_penalty.or(base.map(|base| base.l2_penalty)).unwrap_or(0.0),
            seed: self.seed.or(base.map(|base| base.seed)).unwrap_or_else(rand::random),
            comment: self.comment.clone().or(base.and_then(|base| base.comment.clone())),
            pretrained: base.and_then(|base| base.pretrained.clone()),
            trainable_scopes: base.and_then(|base| base.trainable_scopes.clone()),
        })
    }

    /// The arguments of the optimizer `entry`; those in `base` are for its own optimizer.
    fn optimizer_args(&self, entry: &Entry, base: Option<&RunConfig>) -> Result<Arguments> {
        let base = base.filter(|base| base.optimizer == entry.name);
        match (&self.optimizer_args, base) {
            (Some(given), _) => Arguments::new(entry, given.clone()),
            (None, Some(base)) => Ok(base.optimizer_args.clone()),
            (None, None) if entry.name == MOMENTUM => {
                Arguments::new(entry, values::json_object(MOMENTUM_ARGS).expect("JSON"))
            }
            (None, None) => Arguments::new(entry, Map::new()),
        }
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

/// The data that are there are not those of the run `base`.
fn other_data(base: &RunConfig, data: Option<&Identity>) -> anyhow::Error {
    let text = |data: Option<&Identity>| {
        data.map_or("none".to_owned(), |data| format!("{} ({})", data.name, data.fingerprint))
    };
    Failure::new(Exit::Failed, "these are not the pictures of the run in --config")
        .why(format!("{} there, {} now", text(base.data.as_ref()), text(data)))
        .remedy(format!("name theirs with --data_dir; --dataset {} takes these", base.dataset))
        .into()
}

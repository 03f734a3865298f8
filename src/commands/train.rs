//! The flags that all training programs have.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value};

use super::schedule::ScheduleArgs;
use super::transfer::TransferArgs;
use super::values::Instead;
use super::{SourceArgs, config_file, output, values};
use crate::data::subset;
use crate::data::{Identity, Source};
use crate::device::DeviceName;
use crate::error::{Exit, Failure};
use crate::inputs::INPUTS;
use crate::nn::Kind;
use crate::optim;
use crate::optim::{Arguments, Entry};
use crate::registry;
use crate::run::{RunConfig, RunFolder, Schedule};
use crate::train::Interrupt;
use crate::train::TrainOptions;
use crate::train::train;

/// Dynamic Training Bench's default optimizer, and the arguments that it had.
const MOMENTUM: &str = "MomentumOptimizer";
const LEARNING_RATE: f64 = 1e-2;
const MOMENTUM_VALUE: f64 = 0.9;

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
    /// learning_rate is required. [default where no --optimizer is named: {"learning_rate": 1e-2,
    /// "momentum": 0.9}; a momentum that is not given is 0.9 then]
    #[arg(long = "optimizer_args", alias = "optimizer-args", value_parser = values::json_object, value_name = "JSON")]
    optimizer_args: Option<Map<String, Value>>,
    /// The learning rate: a short way to write learning_rate in --optimizer_args
    #[arg(long = "learning_rate", visible_alias = "lr", alias = "learning-rate", value_parser = values::learning_rate, value_name = "X", allow_negative_numbers = true)]
    learning_rate: Option<Value>,
    /// Examples a step [default: 128]
    #[arg(long = "batch_size", aliases = ["batch-size", "bs"], value_parser = values::at_least_one, allow_negative_numbers = true, value_name = "N")]
    batch_size: Option<usize>,
    /// Epochs to train [default: 150]
    #[arg(long, aliases = ["num_epochs", "max_epochs", "num-epochs", "max-epochs"], value_parser = values::epochs, allow_negative_numbers = true, value_name = "N")]
    epochs: Option<u64>,
    /// Early stopping: end after N epochs without a better validation [default: never]
    #[arg(long, alias = "early_stopping", value_parser = values::epochs, allow_negative_numbers = true, value_name = "N")]
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
    /// Device that trains: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu [default: /gpu:0 where there is one]
    #[arg(long = "train_device", alias = "train-device", value_name = "DEVICE")]
    train_device: Option<DeviceName>,
    /// Device that evaluates [default: /gpu:0 where there is one]
    #[arg(long = "eval_device", alias = "eval-device", value_name = "DEVICE")]
    eval_device: Option<DeviceName>,
    /// Device that trains and evaluates
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["train_device", "eval_device"])]
    device: Option<DeviceName>,
    /// The same as --device /gpu:N
    #[arg(long, hide = true, value_parser = values::gpu, allow_negative_numbers = true, value_name = "N", conflicts_with_all = ["train_device", "eval_device", "device"])]
    gpu: Option<DeviceName>,
    /// Added to the name of the run
    #[arg(long, value_parser = values::comment, value_name = "TEXT")]
    comment: Option<String>,
    /// Delete the run and begin it anew
    #[arg(long)]
    restart: bool,
    /// Seed of all chance in the run [default: drawn, and kept with the run]
    #[arg(long, value_parser = values::whole_number, allow_negative_numbers = true, value_name = "N")]
    seed: Option<u64>,
    /// Folder of the runs [default: log; with --config the run's own folder is kept]
    #[arg(long = "log_dir", aliases = ["log-dir", "logdir"], value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Steps between two points of the training error
    #[arg(long = "log_every", alias = "log-every", default_value = "10", value_parser = values::steps, allow_negative_numbers = true, value_name = "STEPS")]
    log_every: u64,
    /// Epochs between two sets of pictures and histograms; 0 for none [default: so many that there
    /// are fifty sets or fewer]
    #[arg(long = "images_every", alias = "images-every", value_parser = values::whole_number, allow_negative_numbers = true, value_name = "EPOCHS")]
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
    #[command(flatten)]
    elsewhere: OtherTools,
}

/// Flags of other tools that have no meaning of their own here: each says what to use.
#[derive(Args, Clone, Debug)]
struct OtherTools {
    #[arg(long = "weight_decay", aliases = ["weight-decay", "wd"], hide = true, value_parser = Instead(
        "--l2_penalty X adds X w to the gradient of each weight w, as PyTorch's SGD and Adam do; \
         AdamW, Adan, Lamb, Lion and Muon take weight_decay in --optimizer_args"
    ))]
    weight_decay: Option<String>,
    #[arg(long = "momentum", hide = true, value_parser = Instead(
        "give it with the learning rate, as --optimizer_args '{\"learning_rate\": 1e-2, \"momentum\": 0.9}'"
    ))]
    momentum: Option<String>,
    #[arg(long = "scheduler", aliases = ["lr_scheduler", "lr-scheduler"], hide = true, value_parser = Instead(
        "--lr_schedule constant, step, exponential or cosine, with --warmup_epochs"
    ))]
    scheduler: Option<String>,
    #[arg(long = "resume", num_args = 0..=1, default_missing_value = "", hide = true, value_parser = Instead(
        "the same command goes on where the run was stopped; --checkpoint_path begins a run with the weights \
         of another"
    ))]
    resume: Option<String>,
    #[arg(long = "cpu", num_args = 0..=1, default_missing_value = "", hide = true, value_parser = Instead(
        "--device cpu"
    ))]
    cpu: Option<String>,
    #[arg(long = "weights", alias = "pretrained", hide = true, value_parser = Instead(
        "--checkpoint_path begins with the weights of a run or a file"
    ))]
    weights: Option<String>,
    #[arg(long = "num_workers", aliases = ["workers", "threads", "num-workers"], hide = true, value_parser = Instead(
        "all processors work; RAYON_NUM_THREADS=N in the environment takes fewer, and changes no result"
    ))]
    num_workers: Option<String>,
}

impl TrainArgs {
    /// Trains `model`, which is of this `kind` or of any, as the flags say and prints what it reached.
    ///
    /// # Errors
    /// As [`trainer::train`], and when the flags make no sense or nothing can be printed.
    pub fn train(&self, kind: Option<Kind>, model: Option<&str>) -> Result<()> {
        let (config, folder) = self.config(kind, model)?;
        let finished = train(&config, &self.settings(folder)?)?;
        output::print(&match self.json {
            true => output::finished_as_json(&config.model, &finished),
            false => output::finished_as_text(&finished),
        })
    }

    /// The run of `model` that the flags describe, on top of the file of `--config` if there is one, and
    /// its folder where that is not the one of its name.
    /// Where neither has a seed it is that of the run that is already in its folder, or a new one.
    ///
    /// # Errors
    /// When the file, the optimizer's arguments or the schedule's flags are wrong, or the data set, the
    /// weights or the folder's configuration cannot be read.
    fn config(
        &self,
        kind: Option<Kind>,
        model: Option<&str>,
    ) -> Result<(RunConfig, Option<PathBuf>)> {
        let base = self.config.as_ref().map(|path| config_file::read(path, kind)).transpose()?;
        let mut config = self.over(base.as_ref(), model)?;
        let by_name = RunFolder::path_of(self.log_dir(), &config);
        let folder = base.as_ref().and_then(|base| self.own_folder(&config, base, &by_name));
        let there = match self.restart {
            true => None,
            false => RunFolder::config_at(folder.as_ref().unwrap_or(&by_name))?,
        };
        self.transfer.apply(&mut config, there.as_ref())?;
        if let (None, None, Some(there)) = (self.seed, base, there) {
            config.seed = there.seed;
        }
        Ok((config, folder))
    }

    /// The folder of the run whose configuration `--config` names, if the run of these flags, `config`, is
    /// still that run, `base`, and it is not the folder `by_name`: it was renamed or moved.
    fn own_folder(&self, config: &RunConfig, base: &RunConfig, by_name: &Path) -> Option<PathBuf> {
        let file = self.config.as_ref().filter(|_| self.log_dir.is_none())?;
        // A copy of the file beside other things describes a run, and is none.
        if file.file_name() != Some(OsStr::new("config.json")) {
            return None;
        }
        let folder = match file.parent()? {
            parent if parent.as_os_str().is_empty() => Path::new("."),
            parent => parent,
        };
        let elsewhere = folder.canonicalize().ok() != by_name.canonicalize().ok();
        let is_same = config.differences(base).is_empty() && self.transfer.is_empty();
        (RunFolder::is_run(folder) && elsewhere && is_same).then(|| folder.to_owned())
    }

    /// Where the data set's files are: where the flags say or, for the run of `--config`, where they were when
    /// it was trained.
    ///
    /// # Errors
    /// When they were in a folder that is gone.
    fn source(&self) -> Result<Source> {
        let source = self.source.source();
        match self.config.as_ref().and_then(|file| file.parent()) {
            Some(run) if self.dataset.is_none() => RunFolder::source_of(run, &source),
            _ => Ok(source),
        }
    }

    fn log_dir(&self) -> &Path {
        self.log_dir.as_deref().unwrap_or(Path::new("log"))
    }

    /// What the flags say; what they do not say is as in `base`, or the default.
    fn over(&self, base: Option<&RunConfig>, model: Option<&str>) -> Result<RunConfig> {
        let optimizer = self.optimizer.as_deref().or(base.map(|base| base.optimizer.as_str()));
        let entry = optim::find(optimizer.unwrap_or(MOMENTUM)).expect("it was checked");
        let epochs = self.epochs.or(base.map(|base| base.epochs)).unwrap_or(150);
        let schedule = base.map_or_else(Schedule::default, |base| base.lr_schedule);
        // The size of another data set's images is its own.
        let same_dataset = base.filter(|_| self.dataset.is_none());
        let image_size = self.image_size.or(same_dataset.and_then(|base| base.image_size));
        let dataset = self.dataset.as_deref().or(base.map(|base| base.dataset.as_str()));
        let dataset = dataset.expect("the parser wants --dataset or --config");
        let source = Source { image_size, ..self.source()? };
        let opened = registry::dataset(dataset, &source)?;
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
        let mut given = match (&self.optimizer_args, base) {
            (Some(given), _) => given.clone(),
            (None, Some(base)) => {
                let of_base = base.optimizer_args.iter();
                of_base.map(|(name, value)| (name.to_owned(), value.clone())).collect()
            }
            (None, None) if entry.name == MOMENTUM && self.learning_rate.is_none() => {
                Map::from_iter([("learning_rate".to_owned(), Value::from(LEARNING_RATE))])
            }
            (None, None) => Map::new(),
        };
        if let Some(rate) = &self.learning_rate {
            let named = self.optimizer_args.as_ref().and_then(|given| given.get("learning_rate"));
            if let Some(other) = named.filter(|other| *other != rate) {
                let what = format!("`--learning_rate {rate}` contradicts `--optimizer_args`");
                let why = format!("learning_rate is {other} there");
                return Err(Failure::new(Exit::Usage, what)
                    .why(why)
                    .help("give one of them")
                    .into());
            }
            given.insert("learning_rate".to_owned(), rate.clone());
        }
        // The default optimizer has its default; who names one follows TensorFlow, which wants it.
        let is_default =
            self.optimizer.is_none() && base.is_none() || self.optimizer_args.is_none();
        if entry.name == MOMENTUM && is_default && !given.contains_key("momentum") {
            given.insert("momentum".to_owned(), Value::from(MOMENTUM_VALUE));
        }
        Arguments::new(entry, given)
    }

    /// How it is trained.
    ///
    /// # Errors
    /// When signals cannot be listened to.
    fn settings(&self, folder: Option<PathBuf>) -> Result<TrainOptions> {
        let both = self.device.or(self.gpu);
        let (train, eval) = (self.train_device.or(both), self.eval_device.or(both));
        let train_device = DeviceName::resolve_or_best(train);
        let eval_device = match eval == train {
            true => train_device.clone(),
            false => DeviceName::resolve_or_best(eval),
        };
        Ok(TrainOptions {
            log: self.log_dir().to_owned(),
            folder,
            results: PathBuf::from("."),
            restart: self.restart,
            train_device,
            eval_device,
            source: self.source()?,
            log_every: self.log_every,
            images_every: self.images_every,
            command: output::command(std::env::args_os().map(|word| word.to_string_lossy().into())),
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
        .help(format!("name theirs with --data_dir; --dataset {} takes these", base.dataset))
        .into()
}

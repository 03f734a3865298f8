//! The flags that all training programs have.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value};

use super::device_args::DeviceArgs;
use super::images::ImageArgs;
use super::schedule::ScheduleArgs;
use super::several::{Member, SeveralArgs};
use super::steps::StepArgs;
use super::train_several::{PlannedRun, train_several};
use super::transfer::TransferArgs;
use super::values::{Instead, MetricNames};
use super::{SourceArgs, config_file, each_class, output, values};
use crate::data::Source;
use crate::error::{Exit, Failure};
use crate::inputs::INPUTS;
use crate::metrics::Metric;
use crate::nn::Kind;
use crate::registry;
use crate::run::{RunConfig, RunFolder};
use crate::train::config::{Classes, GivenArguments, PartialRunConfig};
use crate::train::train;
use crate::train::{Exchange, Interrupt, TrainEnd, TrainOptions};

/// What and how to train, but for the model.
#[derive(Args, Clone, Debug)]
pub struct TrainArgs {
    /// Train the run that FILE describes, as the config.json of a run does; flags override it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[arg(long = "model_args", aliases = ["model-args", "model_kwargs", "model-kwargs"], help = values::model_args_help(), value_parser = values::model_args, value_name = "JSON")]
    model_args: Option<Map<String, Value>>,
    /// Data set to train on: a file of inputs/
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME", required_unless_present = "config")]
    dataset: Option<String>,
    /// Optimizer: one of TensorFlow 1's, or a later one [default: MomentumOptimizer]
    #[arg(long, value_parser = values::optimizers(), value_name = "NAME")]
    optimizer: Option<String>,
    /// Arguments of the optimizer, by TensorFlow's names (burn's for AdamW, Adan, Lamb, Lion and Muon);
    /// learning_rate is required. [default without --optimizer: {"learning_rate": 1e-2, "momentum": 0.9}]
    #[arg(long = "optimizer_args", alias = "optimizer-args", value_parser = values::optimizer_args, value_name = "JSON")]
    optimizer_args: Option<Map<String, Value>>,
    /// Learning rate: the same as learning_rate in --optimizer_args
    #[arg(long = "learning_rate", visible_alias = "lr", alias = "learning-rate", value_parser = values::learning_rate, value_name = "X", allow_negative_numbers = true)]
    learning_rate: Option<Value>,
    /// Batch size: examples per step [default: 128]
    #[arg(long = "batch_size", aliases = ["batch-size", "bs"], value_parser = values::at_least_one, allow_negative_numbers = true, value_name = "N")]
    batch_size: Option<usize>,
    /// Epochs to train [default: 150]
    #[arg(long, aliases = ["num_epochs", "max_epochs", "num-epochs", "max-epochs"], value_parser = values::epochs, allow_negative_numbers = true, value_name = "N")]
    epochs: Option<u64>,
    /// Early stopping: stop after N epochs without improvement of the validation [default: never]
    #[arg(long, alias = "early_stopping", value_parser = values::epochs, allow_negative_numbers = true, value_name = "N")]
    patience: Option<u64>,
    /// By how much a validation has to be better than the last improvement to count as one, for --patience and for
    /// --lr_schedule plateau [default: 0]
    #[arg(long = "min_delta", aliases = ["min-delta", "early_stopping_threshold"], value_parser = values::not_negative, value_name = "X", allow_negative_numbers = true)]
    min_delta: Option<f64>,
    /// Train, validate and test on these classes only, by name or number, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_name = "CLASS,...")]
    classes: Option<Vec<String>>,
    /// Factor λ of the L2 penalty [default: 0.0]
    #[arg(long = "l2_penalty", alias = "l2-penalty", value_parser = values::not_negative, value_name = "X", allow_negative_numbers = true)]
    l2_penalty: Option<f64>,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    steps: StepArgs,
    #[command(flatten)]
    schedule: ScheduleArgs,
    #[command(flatten)]
    devices: DeviceArgs,
    /// Text added to the name of the run
    #[arg(long, value_parser = values::comment, value_name = "TEXT")]
    comment: Option<String>,
    /// Pause after N epochs of the run, with a checkpoint and without the test; without the flag the same command
    /// goes on, on the learning rate's schedule of the whole run
    #[arg(long = "stop_after", alias = "stop-after", value_parser = values::epochs, allow_negative_numbers = true, value_name = "N")]
    stop_after: Option<u64>,
    /// Delete the run and start over
    #[arg(long)]
    restart: bool,
    #[command(flatten)]
    several: SeveralArgs,
    /// Log these metrics of the validations and the test too, separated by commas [without names: all]
    #[arg(long, value_parser = values::metrics, num_args = 0..=1, default_missing_value = "all", value_name = "NAME,...")]
    metrics: Option<MetricNames>,
    /// Pick the best model by this metric [default: error of autoencoders, accuracy of classifiers]
    #[arg(long, value_name = "NAME")]
    select: Option<String>,
    /// Folder of the runs [default: log; with --config the run's own folder is kept]
    #[arg(long = "log_dir", aliases = ["log-dir", "logdir"], value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Folder of validation_results.txt and test_results.txt
    #[arg(long = "results_dir", alias = "results-dir", value_name = "DIR", default_value = ".")]
    results_dir: PathBuf,
    /// Log the training error every STEPS steps
    #[arg(long = "log_every", alias = "log-every", default_value = "10", value_parser = values::steps, allow_negative_numbers = true, value_name = "STEPS")]
    log_every: u64,
    /// Log pictures and histograms every EPOCHS epochs; 0: never [default: often enough for up to 50 sets]
    #[arg(long = "images_every", alias = "images-every", value_parser = values::whole_number, allow_negative_numbers = true, value_name = "EPOCHS")]
    images_every: Option<u64>,
    #[command(flatten)]
    transfer: TransferArgs,
    #[command(flatten)]
    source: SourceArgs,
    /// Size that pictures are scaled to, for data sets of pictures of any size
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
        "--lr_schedule constant, step, exponential, cosine, plateau or one_cycle, with --warmup_epochs"
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
        let exchange = Exchange::join()?;
        exchange.told(exchange.settled(|| self.train_with(&exchange, kind, model)))
    }

    /// The same, with the other processes of `exchange`.
    fn train_with(
        &self,
        exchange: &Exchange,
        kind: Option<Kind>,
        model: Option<&str>,
    ) -> Result<()> {
        // All of them first: what is wrong with one is told before the first is trained.
        let (mut runs, options) = exchange.agree(self.planned(exchange, kind, model))?;
        exchange.refuse_difference("number of runs", &runs.len().to_le_bytes())?;
        let seeds = exchange.numbers_of_first(runs.iter().map(|run| run.config.seed).collect());
        for (run, seed) in runs.iter_mut().zip(seeds).filter(|(run, _)| run.seed_is_drawn) {
            run.config.seed = seed;
        }
        if self.several.are_several() {
            let each_class = self.several.score_of_each_class();
            return train_several(&runs, &options, each_class, self.json);
        }
        let PlannedRun { config, folder, .. } = runs.remove(0);
        let end = train(&config, &TrainOptions { folder, ..options })?;
        if !exchange.is_first() {
            return Ok(());
        }
        output::print(&match (&end, self.json) {
            (TrainEnd::Finished(run), true) => output::finished_as_json(&config.model, run),
            (TrainEnd::Finished(run), false) => output::finished_as_text(run),
            (TrainEnd::Paused(run), true) => output::paused_as_json(&config.model, run),
            (TrainEnd::Paused(run), false) => output::paused_as_text(run, config.epochs),
        })
    }

    /// What is trained, and how.
    fn planned(
        &self,
        exchange: &Exchange,
        kind: Option<Kind>,
        model: Option<&str>,
    ) -> Result<(Vec<PlannedRun>, TrainOptions)> {
        let runs = self.runs(kind, model)?;
        let kind = registry::kind(&runs[0].config.model)?;
        let metrics = self.metrics.as_ref().map(|metrics| metrics.of(kind)).transpose()?;
        let options = self.options(metrics.unwrap_or_default(), exchange)?;
        Ok((runs, options))
    }

    /// The runs of `model` that the flags describe, over what the file of `--config` says.
    ///
    /// # Errors
    /// When a value is wrong, or the data set, the weights or a folder's configuration cannot be read.
    fn runs(&self, kind: Option<Kind>, model: Option<&str>) -> Result<Vec<PlannedRun>> {
        let file = self.config.as_ref().map(|path| config_file::read(path, kind)).transpose()?;
        let classes = match self.several.takes_each_class() {
            true => Some(self.classes_one_by_one(file.as_ref(), model)?),
            false => None,
        };
        let members = self.several.members(classes.as_deref())?;
        let flags = self.partial(model)?;
        members.iter().map(|member| self.run(file.as_ref(), flags.clone(), member)).collect()
    }

    /// The names of the classes that `--each_class` trains `model` on, of the data set of the flags or of `file`.
    ///
    /// # Errors
    /// As those of [`each_class::classes`].
    fn classes_one_by_one(
        &self,
        file: Option<&RunConfig>,
        model: Option<&str>,
    ) -> Result<Vec<String>> {
        let model = model.or(file.map(|file| file.model.as_str()));
        let dataset = self.dataset.as_deref().or(file.map(|file| file.dataset.as_str()));
        let image_size = self.image_size.or(file.and_then(|file| file.image_size));
        let source = Source { image_size, ..self.source()? };
        // The parser wants them where there is no file.
        each_class::classes(model.unwrap_or_default(), dataset.unwrap_or_default(), &source)
    }

    /// The runs of a trial of a sweep: as the flags describe them, but for these `values` by flag, and called by the
    /// trial's number.
    ///
    /// # Errors
    /// As [`runs`](Self::runs), and where a flag cannot be varied or have this value.
    pub(super) fn runs_of_trial(
        &self,
        model: &str,
        trial: usize,
        values: &[(&str, &Value)],
    ) -> Result<Vec<PlannedRun>> {
        let file = self.config.as_ref().map(|path| config_file::read(path, None)).transpose()?;
        // These first: they decide which arguments there are, and what of the file is for others.
        let decide = |(name, _): &&(&str, &Value)| ["model", "dataset", "optimizer"].contains(name);
        let (first, others): (Vec<_>, Vec<_>) = values.iter().partition(decide);
        let mut said = self.partial(Some(model))?;
        for (name, value) in first {
            said = said.with(name, value)?;
        }
        let comment = said.comment.take().map_or(String::new(), |comment| format!("{comment}_"));
        said.comment = Some(format!("{comment}trial={trial}"));
        if let Some(file) = &file {
            said = said.or(file.clone().into());
        }
        for (name, value) in others {
            said = said.with(name, value)?;
        }
        let members = self.several.members_of_sweep()?;
        let plan = |member: &Member| self.plan(file.as_ref(), member.of(said.clone()), member);
        members.iter().map(plan).collect()
    }

    /// What training is told beside what a run is, as words of a command line: devices, where the data are, what is
    /// logged.
    pub(super) fn passed_on(&self) -> Result<Vec<String>> {
        let mut words = self.devices.to_words();
        let mut add = |flag: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("--{flag}={value}")));
        };
        let source = self.source()?;
        let data_dir = source.data_dir.map(|dir| dir.canonicalize().unwrap_or(dir));
        add("data_dir", data_dir.map(|dir| dir.display().to_string()));
        add("log_every", Some(self.log_every.to_string()));
        // Pictures of every trial are rarely looked at.
        add("images_every", Some(self.images_every.unwrap_or(0).to_string()));
        add("metrics", self.metrics.as_ref().map(MetricNames::text));
        add("memory", source.memory.map(|bytes| bytes.to_string()));
        if source.offline {
            words.push("--offline".to_owned());
        }
        Ok(words)
    }

    /// The folder of `--log_dir`, if it was given.
    pub(super) fn given_log_dir(&self) -> Option<&Path> {
        self.log_dir.as_deref()
    }

    /// Whether JSON is to be printed.
    pub(super) fn prints_json(&self) -> bool {
        self.json
    }

    /// The run `member` of what `flags` say, over what `file` says.
    fn run(
        &self,
        file: Option<&RunConfig>,
        flags: PartialRunConfig,
        member: &Member,
    ) -> Result<PlannedRun> {
        let flags = member.of(flags);
        let said = match file {
            Some(file) => flags.or(file.clone().into()),
            None => flags,
        };
        self.plan(file, said, member)
    }

    /// The run `member`, of which the flags and `file` say this.
    fn plan(
        &self,
        file: Option<&RunConfig>,
        said: PartialRunConfig,
        member: &Member,
    ) -> Result<PlannedRun> {
        let said = member.complete(said)?;
        let seed_is_drawn = said.seed.is_none();
        let valid = said.validate().map_err(|error| self.of_file(error))?;
        let mut folder = None;
        let config = valid.resolve(&self.source()?, self.restart, |config| {
            let by_name = RunFolder::path_of(self.log_dir(), config);
            folder = file.and_then(|file| self.own_folder(config, file, &by_name));
            folder.clone().unwrap_or(by_name)
        })?;
        Ok(PlannedRun { config, folder, seed_is_drawn, label: member.label.clone() })
    }

    /// What the flags say.
    ///
    /// # Errors
    /// [`Exit::Usage`] where they contradict each other.
    fn partial(&self, model: Option<&str>) -> Result<PartialRunConfig> {
        if let (Some(rate), Some(arguments)) = (&self.learning_rate, &self.optimizer_args)
            && let Some(other) = arguments.get("learning_rate").filter(|other| *other != rate)
        {
            let what = format!("`--learning_rate {rate}` contradicts `--optimizer_args`");
            return Err(Failure::new(Exit::Usage, what)
                .why(format!("learning_rate is {other} there"))
                .help("give one of them")
                .into());
        }
        let arguments = self.optimizer_args.clone();
        Ok(PartialRunConfig {
            model: model.map(str::to_owned),
            model_args: self.model_args.clone(),
            dataset: self.dataset.clone(),
            data: None,
            image_size: self.image_size,
            classes: self.classes.clone().map(Classes::Names),
            optimizer: self.optimizer.clone(),
            optimizer_args: arguments.map(|values| GivenArguments { values, is_complete: false }),
            learning_rate: self.learning_rate.clone(),
            batch_size: self.batch_size,
            epochs: self.epochs,
            patience: self.patience,
            min_delta: self.min_delta,
            schedule: self.schedule.partial()?,
            l2_penalty: self.l2_penalty,
            images: self.images.partial(),
            steps: self.steps.partial(),
            validation_split: None,
            select: self.select.clone(),
            seed: None,
            seed_in_name: false,
            comment: self.comment.clone(),
            weights: self.transfer.weights(),
            pretrained: None,
            trainable_scopes: self.transfer.trainable_scopes(),
        })
    }

    /// `error` of a value, which is the file's if there is one: the flags' parsers let no such value through,
    /// but for the arguments of the model and the optimizer.
    fn of_file(&self, error: anyhow::Error) -> anyhow::Error {
        let is_flags = error.is::<Failure>()
            && (self.optimizer_args.is_some() || self.optimizer.is_some() || !is_argument(&error))
            && (self.model_args.is_some() || !error.to_string().contains("`--model_args`"));
        match &self.config {
            Some(path) if !is_flags => config_file::wrong(path, &error).into(),
            _ => error,
        }
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
    pub(super) fn source(&self) -> Result<Source> {
        let source = self.source.source();
        match self.config.as_ref().and_then(|file| file.parent()) {
            Some(run) if self.dataset.is_none() => RunFolder::source_of(run, &source),
            _ => Ok(source),
        }
    }

    fn log_dir(&self) -> &Path {
        self.log_dir.as_deref().unwrap_or(Path::new("log"))
    }

    /// How it is trained.
    ///
    /// # Errors
    /// When signals cannot be listened to, or a device that was named is not there.
    fn options(&self, metrics: Vec<Metric>, exchange: &Exchange) -> Result<TrainOptions> {
        let (train_devices, eval_device) = self.devices.resolve()?;
        Ok(TrainOptions {
            log: self.log_dir().to_owned(),
            folder: None,
            results: self.results_dir.clone(),
            restart: self.restart,
            train_devices,
            eval_device,
            source: self.source()?,
            log_every: self.log_every,
            images_every: self.images_every,
            metrics,
            label: None,
            stop_after: self.stop_after,
            command: output::command(std::env::args_os().map(|word| word.to_string_lossy().into())),
            exchange: exchange.clone(),
            interrupt: Interrupt::listen()?,
        })
    }
}

/// Whether `error` is about an argument of an optimizer.
fn is_argument(error: &anyhow::Error) -> bool {
    error.to_string().contains("`--optimizer_args`")
}

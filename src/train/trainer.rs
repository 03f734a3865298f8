//! The training loop.
//!
//! For each epoch e: the examples in the order that (seed, e) gives, in batches, a step of the
//! optimizer each; then the validation, the pictures, and a checkpoint. A run goes on from
//! its last checkpoint as if it had never stopped.

use crate::train::evaluate;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;

use crate::data::DataLoader;
use crate::data::Subset;
use crate::data::{Dataset, Source, Split};
use crate::error::{Exit, Failure};
use crate::metrics::EvalReport;
use crate::registry;
use crate::run;
use crate::run::{
    Best, Checkpoint, DataSummary, RunConfig, RunFolder, RunResult, State, Status, StatusFile,
    StatusKind,
};
use crate::train::Interrupt;
use crate::train::StepConfig;
use crate::train::cards::Cards;
use crate::train::learner::Learner;
use crate::train::progress::Progress;
use crate::train::report::Report;
use crate::train::step;
use crate::util::random::{coin, epoch_order, step_seed};
use crate::util::stderr::tell;
use crate::viz;

/// Sets of pictures and histograms of a run, at the most, where nothing else is asked for.
const PICTURE_SETS: u64 = 50;

/// Where and how a run is trained: nothing of it changes what the run is.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// The folder of all runs.
    pub log: PathBuf,
    /// The run's own folder, where it is not the one that its configuration names below `log`.
    pub folder: Option<PathBuf>,
    /// The folder of the results files.
    pub results: PathBuf,
    /// Delete the run first.
    pub restart: bool,
    /// Where the steps are computed.
    pub train_device: Device,
    /// Where the validations are computed.
    pub eval_device: Device,
    /// Where the data set's files are.
    pub source: Source,
    /// Steps between two points of the loss.
    pub log_every: u64,
    /// Epochs between two sets of pictures and histograms; 0 for none. `None`: as many as make fifty
    /// sets or fewer.
    pub images_every: Option<u64>,
    /// The command line, for people.
    pub command: String,
    /// How the training is asked to end.
    pub interrupt: Interrupt,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedRun {
    /// What it reached.
    pub outcome: RunResult,
    /// Its folder.
    pub folder: PathBuf,
}

/// What a run is trained on.
struct Data {
    dataset: Box<dyn Dataset>,
    train: DataLoader,
    validation: DataLoader,
    summary: DataSummary,
}

/// A run that is being trained.
struct Run<'a> {
    config: &'a RunConfig,
    settings: &'a TrainOptions,
    data: &'a Data,
    folder: &'a RunFolder,
    learner: Learner,
    state: State,
    /// Steps taken at the last checkpoint.
    saved: u64,
    steps_per_epoch: u64,
    status: StatusFile<'a>,
    report: Report,
    progress: Progress,
}

/// Trains the run `config`, from its last checkpoint if it has one.
///
/// # Errors
/// [`Exit::Diverged`] when the loss is no longer finite, [`Exit::Interrupted`] after a signal,
/// [`Exit::DataUnavailable`] without data, [`Exit::Failed`] where the folder belongs to another
/// configuration or a file cannot be read or written.
pub fn train(config: &RunConfig, settings: &TrainOptions) -> Result<FinishedRun> {
    let in_log = || RunFolder::path_of(&settings.log, config);
    let path = settings.folder.clone().unwrap_or_else(in_log);
    if !settings.restart {
        refuse_another(config, &path)?;
        if let Some(outcome) = finished(config, &settings.source, &path)? {
            return Ok(FinishedRun { outcome, folder: path });
        }
    }
    run::refuse_unwritable(&settings.results)?;
    let data = Data::load(config, settings)?;
    let (shape, classes) = (data.summary.shape, data.summary.class_names.len());
    let mut learner =
        Learner::new(config, shape, classes, &settings.train_device, &settings.eval_device)?;
    // Before the folder is made: where the weights cannot be had, nothing is.
    let may_begin = settings.restart || RunFolder::checkpoints_at(&path)?.is_empty();
    let mut transfer = if may_begin { learner.load_pretrained(config)? } else { None };

    let folder = RunFolder::open(&path)?;
    if settings.restart {
        folder.clear()?;
    } else {
        // Once more: another process may have begun it meanwhile.
        refuse_another(config, &path)?;
    }
    let state = match run::recover(&folder, config, &data.summary)? {
        Some((from, checkpoint)) => learner.resume(checkpoint, &from, config, &data.summary)?,
        None => {
            if !may_begin {
                transfer = learner.load_pretrained(config)?;
            }
            if let (Some(transfer), Some(from)) = (transfer, &config.pretrained) {
                let from = from.checkpoint_path.display();
                tell(&format!("weights of `{from}`\n{transfer}"));
            }
            State::new(config.clone(), data.summary.clone())
        }
    };
    let run = Run::open(config, settings, &data, &folder, learner, state)?;
    settings.interrupt.defer();
    // On a thread of the pool, which works on the pieces of a batch itself instead of waking
    // another thread and waiting for it at every step.
    let run = rayon::scope(|_| run.train())?;
    let outcome = run.finish()?;
    Ok(FinishedRun { outcome, folder: path })
}

/// What the run at `path` has reached, if it is finished and has nothing left to do.
fn finished(config: &RunConfig, source: &Source, path: &Path) -> Result<Option<RunResult>> {
    let reached = || -> Result<Option<RunResult>> {
        let outcome = RunResult::at(path).unwrap_or_else(|error| {
            tell(&format!("warning: {error}\nnote: the test is done once more"));
            None
        });
        let status = Status::of(path).ok().flatten();
        let Some(outcome) = outcome else { return Ok(None) };
        if let Some(status) = status.filter(|status| status.epochs > outcome.epochs) {
            // It went on, and its best model is another one now.
            return match config.epochs < status.epochs {
                true => Err(went_on(config, &status, path)),
                false => Ok(None),
            };
        }
        Ok(config.is_over(outcome.epochs, Some(outcome.best)).then_some(outcome))
    };
    if reached()?.is_none() {
        return Ok(None);
    }
    let folder = RunFolder::open(path)?;
    // Once more: another process may have gone on meanwhile.
    let Some(outcome) = reached()? else { return Ok(None) };
    StatusFile::finished(&folder, &outcome)?;
    let more = match outcome.epochs < config.epochs {
        // Early stopping.
        true => "more --patience goes on",
        false => "more --epochs go on",
    };
    tell(&format!("note: this run is finished; --restart trains it anew, {more}"));
    if let (Some(there), Some(now)) = (RunFolder::kept_data_dir(path), &source.data_dir)
        && now.canonicalize().ok().as_ref() != Some(&there)
    {
        let (there, now) = (there.display(), now.display());
        tell(&format!(
            "note: it was trained on the data in `{there}`; those in `{now}` were not read"
        ));
    }
    Ok(Some(outcome))
}

/// Fewer epochs are asked for than the run at `path` has trained since it was finished.
fn went_on(config: &RunConfig, status: &Status, path: &Path) -> anyhow::Error {
    let what = format!("`--epochs {}`: the run has trained {}", config.epochs, status.epochs);
    Failure::new(Exit::Failed, what)
        .why(format!("`{}` was finished once, and went on", path.display()))
        .help(format!(
            "--epochs {} or more ends it; --comment trains a run of fewer epochs of its own",
            status.epochs
        ))
        .into()
}

impl Data {
    /// Reads the examples for training and for validation, and looks whether the test's files are whole.
    fn load(config: &RunConfig, settings: &TrainOptions) -> Result<Self> {
        let source = Source { image_size: config.image_size, ..settings.source.clone() };
        let whole = registry::dataset(&config.dataset, &source)?;
        let dataset = Subset::of(whole, config.classes.as_deref())?;
        let (train, validation) = (dataset.load(Split::Train)?, dataset.load(Split::Validation)?);
        dataset.verify_test()?;
        let summary = DataSummary::new(&train, &validation, dataset.class_names());
        let train = DataLoader::new(train, &settings.train_device.clone().autodiff());
        let validation = DataLoader::new(validation, &settings.eval_device);
        Ok(Self { dataset, train, validation, summary })
    }
}

impl<'a> Run<'a> {
    /// The run `learner`, which stands at `state`, with its files open.
    fn open(
        config: &'a RunConfig,
        settings: &'a TrainOptions,
        data: &'a Data,
        folder: &'a RunFolder,
        learner: Learner,
        state: State,
    ) -> Result<Self> {
        let steps_per_epoch = data.train.len().div_ceil(config.batch_size) as u64;
        folder.write_config(config)?;
        folder.keep_source(&settings.source)?;
        let status = StatusFile::begin(folder, state.step, steps_per_epoch)?;
        let mut report = Report::open(folder, state.step, state.validation_is_due)?;
        report.cards(&Cards {
            command: &settings.command,
            config,
            kind: learner.model.kind(),
            shape: data.summary.shape,
            operations: learner.operations(),
        })?;
        let last_step = steps_per_epoch * config.epochs;
        let mut progress = Progress::new(state.step, last_step, config.epochs);
        if state.step > 0 {
            progress.say(&format!("going on after step {} of {last_step}", state.step));
        }
        Ok(Self {
            config,
            settings,
            data,
            folder,
            learner,
            saved: state.step,
            state,
            steps_per_epoch,
            status,
            report,
            progress,
        })
    }

    /// All epochs that are left.
    fn train(mut self) -> Result<Self> {
        while !self.config.is_over(self.state.epochs(self.steps_per_epoch), self.state.best) {
            let epoch = self.state.epochs(self.steps_per_epoch);
            let order = epoch_order(self.config.seed, epoch, self.data.train.len());
            let batches: Vec<_> = order.chunks(self.config.batch_size).collect();
            if !self.state.validation_is_due {
                self.steps(epoch, &batches)?;
            }
            self.validate(epoch, batches[0])?;
        }
        Ok(self)
    }

    /// The steps of an epoch that are left of its `batches`.
    fn steps(&mut self, epoch: u64, batches: &[&[usize]]) -> Result<()> {
        let (config, train) = (self.config, &self.data.train);
        let flips = self.data.dataset.random_horizontal_flip();
        let images_per_step = train.len() as f64 / self.steps_per_epoch as f64;
        for batch in &batches[(self.state.step % self.steps_per_epoch) as usize..] {
            let learning_rate = config.learning_rate(self.state.step, self.steps_per_epoch);
            let mirrored = |index| flips && coin(config.seed, epoch, index);
            let seed = step_seed(config.seed, self.state.step);
            let particulars = StepConfig { l2_penalty: config.l2_penalty, seed };
            let step =
                step::loss_and_gradients(&self.learner.model, train, batch, mirrored, particulars);
            self.learner.refuse_untrained(&step.gradients)?;
            self.learner.update(step.gradients, learning_rate);
            self.state.step += 1;
            self.state.validation_is_due = self.state.step.is_multiple_of(self.steps_per_epoch);

            let shown = self.state.step.is_multiple_of(self.settings.log_every);
            if self.state.validation_is_due || shown {
                let score = step::score(&self.learner.model, step.output, train, batch);
                self.refuse_divergence("loss", score.loss())?;
                self.report.step(self.state.step, &score, learning_rate)?;
                self.progress.step(self.state.step, epoch, &score, images_per_step);
            }
            if let Some(signal) = self.settings.interrupt.signal() {
                return Err(self.interrupted(signal)?);
            }
        }
        Ok(())
    }

    /// The end of an epoch, whose first batch was `first`: validation, pictures, checkpoint.
    fn validate(&mut self, epoch: u64, first: &[usize]) -> Result<()> {
        let names = self.data.dataset.class_names();
        let interrupt = &self.settings.interrupt;
        let Some(validated) = self.learner.validate(&self.data.validation, names, interrupt)?
        else {
            return Err(self.interrupted(interrupt.signal().unwrap_or(0))?);
        };
        let (score, step) = (validated.score, self.state.step);
        self.refuse_divergence("validation loss", score.loss())?;
        self.report.validation(step, &score)?;
        let picture_sets = self.config.epochs.div_ceil(PICTURE_SETS);
        let images_every = self.settings.images_every.unwrap_or(picture_sets);
        if images_every > 0 && (epoch + 1).is_multiple_of(images_every) {
            // The first batch is whole, the last may hold a single image.
            let shown = &first[..first.len().min(viz::shown(self.data.summary.shape))];
            let images = self.data.train.images(shown, |_| false).inner();
            let images = images.to_device(&self.settings.eval_device);
            self.learner.picture(images, step, &mut self.report)?;
            self.report.classes(step, &validated)?;
        }
        self.report.sync()?;

        let is_best = self.state.best.is_none_or(|best| score.is_better_than(&best.score));
        self.progress.epoch(step, epoch, &score, is_best);
        if is_best {
            self.state.best = Some(Best { score, step, epoch: epoch + 1 });
        }
        self.state.validation_is_due = false;
        let checkpoint = self.checkpoint()?;
        self.keep(&checkpoint, is_best)?;
        self.status.reached(step)?;
        match self.settings.interrupt.signal() {
            Some(signal) => Err(self.end_interrupted(signal)),
            None => Ok(()),
        }
    }

    /// The test of the best model, and the results.
    fn finish(mut self) -> Result<RunResult> {
        let step = self.state.step;
        let epochs = self.state.epochs(self.steps_per_epoch);
        self.progress.finish();
        if epochs < self.config.epochs {
            let patience = self.config.patience.unwrap_or(0);
            let epochs = if patience == 1 { "epoch" } else { "epochs" };
            tell(&format!("note: early stopping: {patience} {epochs} without a better validation"));
        }
        let best = self.state.best.context("a run of at least one epoch has a best validation")?;
        // All is saved but the results: from here on a signal may end the process at once, and this is
        // what the run is then.
        self.status.leave_interrupted(step)?;
        self.settings.interrupt.end_at_once();
        if let Some(signal) = self.settings.interrupt.signal() {
            return Err(self.end_interrupted(signal));
        }
        let test = test(self.folder, best, &*self.data.dataset, &self.settings.eval_device)?;
        for (name, value) in test.score.scalars() {
            self.refuse_divergence(&format!("test {name}"), value)?;
        }
        let outcome = RunResult::new(epochs, best, &test);
        self.folder.refuse_loss()?;
        let outcome = run::record(&self.settings.results, self.folder, self.config, outcome)?;
        self.report.finished(step, &outcome)?;
        self.status.end(StatusKind::Finished, step);
        Ok(outcome)
    }

    /// The run as it stands. Fails when something in it is not finite: the loss may be, as tanh(∞) is 1,
    /// and a parameter whose step is only a sign, while the optimizer's slots are lost for ever.
    fn checkpoint(&mut self) -> Result<Checkpoint> {
        let (checkpoint, largest) = self.learner.checkpoint(&self.state)?;
        self.refuse_divergence("largest parameter or slot", largest.into())?;
        Ok(checkpoint)
    }

    /// Saves `checkpoint`.
    fn keep(&mut self, checkpoint: &Checkpoint, is_best: bool) -> Result<()> {
        self.folder.keep(checkpoint, is_best)?;
        self.saved = checkpoint.state.step;
        Ok(())
    }

    /// Fails when `value` is not finite.
    fn refuse_divergence(&mut self, what: &str, value: f64) -> Result<()> {
        if value.is_finite() {
            return Ok(());
        }
        let step = self.state.step;
        // A status of later steps than the last checkpoint's would say that one is gone.
        self.status.end(StatusKind::Diverged, self.saved);
        let checkpoints = self.folder.checkpoints();
        let why = match RunFolder::checkpoints_at(self.folder.path())?.is_empty() {
            true => "it has no checkpoint yet".to_owned(),
            false => format!("the last good checkpoint is in `{}`", checkpoints.display()),
        };
        Err(Failure::new(Exit::Diverged, format!("the {what} became {value} at step {step}"))
            .why(why)
            .help("try a lower learning_rate in --optimizer_args, with --restart or --comment")
            .into())
    }

    /// Saves the run after `signal`; the error that ends it.
    ///
    /// # Errors
    /// When it cannot be saved.
    fn interrupted(&mut self, signal: i32) -> Result<anyhow::Error> {
        let checkpoint = self.checkpoint()?;
        self.report.sync()?;
        self.keep(&checkpoint, false)?;
        Ok(self.end_interrupted(signal))
    }

    /// The error that ends the run after `signal`, which is saved.
    fn end_interrupted(&mut self, signal: i32) -> anyhow::Error {
        let step = self.state.step;
        self.status.end(StatusKind::Interrupted, step);
        Failure::new(Exit::Interrupted(signal), format!("interrupted after step {step}"))
            .why("a checkpoint was written")
            .help("the same command goes on from there")
            .into()
    }
}

/// How the model of the validation `best`, which is in `folder`, does on the test examples. This is
/// the only place that reads them.
fn test(
    folder: &RunFolder,
    best: Best,
    dataset: &dyn Dataset,
    device: &Device,
) -> Result<EvalReport> {
    let found = run::latest(&folder.best())?.filter(|(_, found)| found.state.step == best.step);
    let (path, checkpoint) = found.with_context(|| {
        format!("the best checkpoint is gone from `{}`", folder.best().display())
    })?;
    let model =
        evaluate::restore(&checkpoint, &path, (dataset.shape(), dataset.num_classes()), device)?;
    let loader = DataLoader::new(dataset.load(Split::Test)?, device);
    Ok(evaluate::assess(&model, &loader, dataset.class_names()))
}

/// Fails when the run that lives at `path` is not the run `config`.
fn refuse_another(config: &RunConfig, path: &Path) -> Result<()> {
    RunFolder::config_at(path)?.map_or(Ok(()), |there| config.refuse_another(&there, path))
}

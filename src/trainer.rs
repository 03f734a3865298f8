//! The training loop.
//!
//! For each epoch e: the examples in the order that (seed, e) gives, in batches, a step of the
//! optimizer each; then the validation, the pictures, and a checkpoint. A run goes on from
//! its last checkpoint as if it had never stopped.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;

use crate::cards::Cards;
use crate::chance::{coin, epoch_order, step_seed};
use crate::evaluator::{self, Assessment};
use crate::feed::Feed;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::report::Report;
use crate::run::{
    self, Best, Checkpoint, Outcome, RunConfig, RunFolder, State, StatusFile, StatusKind,
};
use crate::step::{self, StepConfig};
use crate::subset::Subset;
use crate::trainee::Trainee;
use crate::{Dataset, Exit, Failure, Source, Split, pictures, tell, zoo};

/// Sets of pictures and histograms of a run, at the most, where nothing else is asked for.
const PICTURE_SETS: u64 = 50;

/// Where and how a run is trained: nothing of it changes what the run is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder of all runs.
    pub log: PathBuf,
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
pub struct Finished {
    /// What it reached.
    pub outcome: Outcome,
    /// Its folder.
    pub folder: PathBuf,
}

/// Trains the run `config`, from its last checkpoint if it has one.
///
/// # Errors
/// [`Exit::Diverged`] when the loss is no longer finite, [`Exit::Interrupted`] after a signal,
/// [`Exit::DataUnavailable`] without data, [`Exit::Failed`] where the folder belongs to another
/// configuration or a file cannot be read or written.
pub fn train(config: &RunConfig, settings: &Settings) -> Result<Finished> {
    // On a thread of the pool, which works on the pieces of a batch itself instead of waking
    // another thread and waiting for it at every step.
    rayon::scope(|_| run(config, settings))
}

fn run(config: &RunConfig, settings: &Settings) -> Result<Finished> {
    let path = RunFolder::path_of(&settings.log, config);
    if !settings.restart {
        refuse_another(config, &path)?;
    }
    let source = Source { image_size: config.image_size, ..settings.source.clone() };
    let whole = zoo::dataset(&config.dataset, &source)?;
    let dataset = Subset::of(whole, config.classes.as_deref())?;
    let train = Feed::new(dataset.load(Split::Train)?, &settings.train_device.clone().autodiff());
    let validation = Feed::new(dataset.load(Split::Validation)?, &settings.eval_device);
    let (shape, classes) = (dataset.shape(), dataset.num_classes());
    let mut trainee =
        Trainee::new(config, shape, classes, &settings.train_device, &settings.eval_device)?;
    if settings.restart || !RunFolder::has_begun(&path) {
        trainee.load_pretrained(config)?;
    }

    let steps_per_epoch = train.len().div_ceil(config.batch_size) as u64;
    let folder = RunFolder::open(&path)?;
    if settings.restart {
        folder.clear()?;
    } else {
        // Once more: another process may have begun it meanwhile.
        refuse_another(config, &path)?;
    }
    let is_over = |outcome: &Outcome| config.is_over(outcome.epochs, Some(outcome.best));
    if let Some(outcome) = Outcome::of(&folder)?.filter(is_over) {
        StatusFile::finished(&folder, outcome.epochs * steps_per_epoch, steps_per_epoch)?;
        tell("note: this run is finished; --restart trains it anew, more --epochs go on");
        return Ok(Finished { outcome, folder: path });
    }
    let mut state = match run::recover(&folder, config)? {
        Some((path, checkpoint)) => trainee.resume(checkpoint, &path, config)?,
        None => State::new(config.clone(), shape, classes),
    };
    folder.write_config(config)?;
    let mut status = StatusFile::begin(&folder, state.step, steps_per_epoch)?;
    let mut report = Report::open(&folder, state.step)?;
    report.cards(&Cards {
        command: &settings.command,
        config,
        kind: trainee.model.kind(),
        shape,
        operations: &trainee.operations(shape),
    })?;

    let last_step = steps_per_epoch * config.epochs;
    let mut progress = Progress::new(state.step, last_step, config.epochs);
    if state.step > 0 {
        progress.say(&format!("going on after step {} of {last_step}", state.step));
    }
    let images_per_step = train.len() as f64 / steps_per_epoch as f64;
    let flips = dataset.random_horizontal_flip();
    let images_every = settings.images_every.unwrap_or(config.epochs.div_ceil(PICTURE_SETS));

    while !config.is_over(state.step / steps_per_epoch, state.best) {
        let epoch = state.step / steps_per_epoch;
        let order = epoch_order(config.seed, epoch, train.len());
        let batches: Vec<_> = order.chunks(config.batch_size).collect();

        for batch in &batches[(state.step % steps_per_epoch) as usize..] {
            let learning_rate = config.learning_rate(state.step, steps_per_epoch);
            let mirrored = |index| flips && coin(config.seed, epoch, index);
            let seed = step_seed(config.seed, state.step);
            let particulars = StepConfig { l2_penalty: config.l2_penalty, seed };
            let step = step::take(&trainee.model, &train, batch, mirrored, particulars);
            trainee.update(step.gradients, learning_rate);
            state.step += 1;

            let epoch_ends = state.step.is_multiple_of(steps_per_epoch);
            if epoch_ends || state.step.is_multiple_of(settings.log_every) {
                let score = step::score(&trainee.model, step.measured, &train, batch);
                refuse_divergence("loss", score.loss(), state.step, &mut status)?;
                report.step(state.step, &score, learning_rate)?;
                progress.step(state.step, epoch, &score, images_per_step);
            }
            if !epoch_ends && let Some(signal) = settings.interrupt.signal() {
                let checkpoint = checkpoint(&trainee, &state, &mut status)?;
                report.sync()?;
                folder.keep(&checkpoint, false)?;
                return Err(interrupted(signal, state.step, &mut status));
            }
        }

        let validated = trainee.validate(&validation, dataset.class_names())?;
        let score = validated.score;
        refuse_divergence("validation loss", score.loss(), state.step, &mut status)?;
        report.validation(state.step, &score)?;
        if images_every > 0 && (epoch + 1).is_multiple_of(images_every) {
            // The first batch is whole, the last may hold a single image.
            let shown = &batches[0][..batches[0].len().min(pictures::shown(shape))];
            let images = train.images(shown, |_| false).inner().to_device(&settings.eval_device);
            trainee.picture(images, state.step, &mut report)?;
            report.classes(state.step, &validated)?;
        }
        report.sync()?;

        let is_best = state.best.is_none_or(|best| score.is_better_than(&best.score));
        progress.epoch(state.step, epoch, &score, is_best);
        if is_best {
            state.best = Some(Best { score, step: state.step, epoch: epoch + 1 });
        }
        let checkpoint = checkpoint(&trainee, &state, &mut status)?;
        folder.keep(&checkpoint, is_best)?;
        status.reached(state.step)?;
        if let Some(signal) = settings.interrupt.signal() {
            return Err(interrupted(signal, state.step, &mut status));
        }
    }
    progress.finish();
    if state.step < last_step {
        tell(&format!("note: {} epochs without a better validation", config.patience.unwrap_or(0)));
    }

    let best = state.best.context("a run of at least one epoch has a best validation")?;
    let test = test(&folder, best, &*dataset, &settings.eval_device)?;
    let outcome = Outcome::new(state.step / steps_per_epoch, best, &test);
    folder.refuse_loss()?;
    let outcome = run::record(&settings.results, &folder, config, outcome)?;
    report.finished(state.step, &outcome)?;
    status.end(StatusKind::Finished, state.step);
    Ok(Finished { outcome, folder: path })
}

/// How the model of the validation `best`, which is in `folder`, does on the test examples. This is
/// the only place that reads them.
fn test(
    folder: &RunFolder,
    best: Best,
    dataset: &dyn Dataset,
    device: &Device,
) -> Result<Assessment> {
    let found = run::latest(&folder.best())?.filter(|(_, found)| found.state.step == best.step);
    let (path, checkpoint) = found.with_context(|| {
        format!("the best checkpoint is gone from `{}`", folder.best().display())
    })?;
    let model =
        evaluator::restore(&checkpoint, &path, (dataset.shape(), dataset.num_classes()), device)?;
    let feed = Feed::new(dataset.load(Split::Test)?, device);
    Ok(evaluator::assess(&model, &feed, dataset.class_names()))
}

/// Fails when the run that lives at `path` is not the run `config`.
fn refuse_another(config: &RunConfig, path: &Path) -> Result<()> {
    RunFolder::config_at(path)?.map_or(Ok(()), |there| config.refuse_another(&there, path))
}

/// The run as it stands at `state`. Fails when a parameter is not finite: the loss may be, as tanh(∞) is 1.
fn checkpoint(trainee: &Trainee, state: &State, status: &mut StatusFile) -> Result<Checkpoint> {
    let checkpoint = trainee.checkpoint(state)?;
    let largest = checkpoint.largest_parameter()?;
    refuse_divergence("largest parameter", largest, state.step, status)?;
    Ok(checkpoint)
}

/// Fails when `value` is not finite.
fn refuse_divergence(what: &str, value: f64, step: u64, status: &mut StatusFile) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    status.end(StatusKind::Diverged, step);
    Err(Failure::new(Exit::Diverged, format!("the {what} became {value} at step {step}"))
        .why(format!(
            "the last good checkpoint is in `{}`",
            status.folder().checkpoints().display()
        ))
        .remedy("try a lower learning_rate in --optimizer_args, with --restart or --comment")
        .into())
}

fn interrupted(signal: i32, step: u64, status: &mut StatusFile) -> anyhow::Error {
    status.end(StatusKind::Interrupted, step);
    Failure::new(Exit::Interrupted(signal), format!("interrupted after step {step}"))
        .why("a checkpoint was written")
        .remedy("the same command goes on from there")
        .into()
}

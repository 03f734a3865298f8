//! The training loop.
//!
//! For each epoch e: the examples in the order that (seed, e) gives, in batches, a step of the
//! optimizer each; then the validation, the pictures, and a checkpoint. A run goes on from
//! its last checkpoint as if it had never stopped.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::batch_step::BatchStep;
use super::evaluate::Measures;
use super::initialize::{Beginning, already_finished};
use super::latent::latent_rows;
use super::observer::{self, Event, Observer};
use super::observers::{HistoryFile, Progress, TensorBoard};
use super::ranks::{begin, checkpoint_of_first, refuse_differences, refuse_unshared};
use super::run_data::RunData;
use super::shared_step::{SpareRows, passes_of_shared_batch};
use super::step::{self, StepConfig};
use super::{
    BatchOutput, Exchange, FinishedRun, Learner, PausedRun, Pictures, TrainEnd, TrainOptions,
    copies, evaluate,
};
use crate::data::{Batch, BatchBytes, DataLoader, Mix, Mixed, Split, mix};
use crate::device::describe;
use crate::error::{Exit, Failure};
use crate::metrics::{EvalReport, Metric, Score};
use crate::nn::Kind;
use crate::run::history::History;
use crate::run::{
    self, Best, Checkpoint, Environment, RunConfig, RunFolder, RunResult, State, StatusFile,
};
use crate::run::{StatusKind, image_results};
use crate::util::random::{epoch_order, step_seed};
use crate::util::stderr::message;
use crate::viz;

/// Sets of pictures and histograms of a run, at the most, where nothing else is asked for.
const PICTURE_SETS: u64 = 50;

/// The metrics of every test beside the score; the structural similarity takes longer, and is there where it
/// was asked for.
const OF_PIXELS: &[Metric] = &[Metric::Mse, Metric::Mae, Metric::Psnr];
const OF_CLASSES: &[Metric] =
    &[Metric::Top5, Metric::Precision, Metric::Recall, Metric::F1, Metric::Auroc, Metric::Ece];

/// A run that is being trained.
struct Run<'a> {
    config: &'a RunConfig,
    options: &'a TrainOptions,
    data: &'a RunData,
    /// The first rank's alone.
    folder: Option<&'a RunFolder>,
    learner: Learner,
    state: State,
    /// What the validations measure.
    measures: Measures,
    /// Steps whose score has not been read back from the device yet: outputs and labels.
    pending: Vec<(BatchOutput, Vec<u32>)>,
    /// Steps taken at the last checkpoint.
    saved: u64,
    steps_per_epoch: u64,
    /// What ranks write their gradients to.
    rows: SpareRows,
    /// The signal that the ranks, where there are several, have agreed on with the last step.
    agreed_signal: Option<i32>,
    observers: Vec<Box<dyn Observer + Send + 'a>>,
}

/// Trains the run `config`, from its last checkpoint if it has one; with the processes of
/// [`TrainOptions::exchange`], all of which call this.
///
/// # Errors
/// [`Exit::Diverged`] when the loss is no longer finite, [`Exit::Interrupted`] after a signal,
/// [`Exit::Unavailable`] without data, [`Exit::Failed`] where the folder belongs to another
/// configuration or a file cannot be read or written.
pub fn train(config: &RunConfig, options: &TrainOptions) -> Result<TrainEnd> {
    options.exchange.settled(|| train_shared(config, options))
}

fn train_shared(config: &RunConfig, options: &TrainOptions) -> Result<TrainEnd> {
    let exchange = &options.exchange;
    refuse_differences(config, options)?;
    let in_log = || RunFolder::path_of(&options.log, config);
    let path = options.folder.clone().unwrap_or_else(in_log);
    let finished = exchange.is_first().then(|| already_finished(config, options, &path));
    let finished = exchange.agree(finished.transpose().map(Option::flatten))?;
    if let Some(result) = result_of_first(exchange, finished)? {
        return Ok(TrainEnd::Finished(FinishedRun { result, folder: path }));
    }
    let unwritable = exchange.is_first().then(|| run::ensure_writable(&options.results));
    exchange.agree(unwritable.transpose())?;
    let data = RunData::load_in_turns(config, options)?;
    refuse_unshared(config, options, &data.summary)?;
    exchange.alike(refuse_top5(config, &data))?;
    let Beginning { folder, learner, state } = begin(config, options, &path, &data.summary)?;
    let run = Run::open(config, options, &data, folder.as_ref(), learner, state)?;
    options.interrupt.defer();
    // On a thread of the pool, which works on the microbatches itself instead of waking another thread
    // and waiting for it at every step.
    let run = rayon::scope(|_| run.train())?;
    if !run.is_over() {
        return Ok(TrainEnd::Paused(run.pause(path)?));
    }
    let result = run.finish()?;
    Ok(TrainEnd::Finished(FinishedRun { result, folder: path }))
}

/// What the finished run has reached, which the first rank has found in its folder; `None` where it is not finished.
fn result_of_first(exchange: &Exchange, result: Option<RunResult>) -> Result<Option<RunResult>> {
    if exchange.is_alone() {
        return Ok(result);
    }
    let json = exchange.agree(serde_json::to_vec(&result).map_err(Into::into))?;
    Ok(serde_json::from_slice(&exchange.of_first(json))?)
}

/// Fails where the best of `config` is to be picked by a metric that all models reach.
fn refuse_top5(config: &RunConfig, data: &RunData) -> Result<()> {
    let classes = data.summary.class_names.len();
    if config.select != Some(Metric::Top5) || classes > 5 {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("`--select top5` of {classes} classes"))
        .why("it is 1 for any model")
        .help("pick the best model by another metric")
        .into())
}

impl<'a> Run<'a> {
    /// The run `learner`, which stands at `state`, with its files open.
    fn open(
        config: &'a RunConfig,
        options: &'a TrainOptions,
        data: &'a RunData,
        folder: Option<&'a RunFolder>,
        learner: Learner,
        state: State,
    ) -> Result<Self> {
        let steps_per_epoch = data.train.len().div_ceil(config.batch_size) as u64;
        let observers = match folder {
            Some(folder) => {
                let at = (&state, steps_per_epoch);
                observers(config, options, folder, &learner, at)?
            }
            None => Vec::new(),
        };
        let kind = learner.model.kind();
        let mut metrics = options.metrics.clone();
        metrics.retain(|metric| metric.is_of_classifiers() == (kind == Kind::Classifier));
        if let Some(select) = config.select.filter(|select| !metrics.contains(select)) {
            metrics.push(select);
        }
        Ok(Self {
            config,
            options,
            data,
            folder,
            learner,
            saved: state.step,
            state,
            measures: Measures { metrics, images: false },
            pending: Vec::new(),
            steps_per_epoch,
            rows: SpareRows::default(),
            agreed_signal: None,
            observers,
        })
    }

    /// All epochs that are left.
    fn train(mut self) -> Result<Self> {
        while !self.is_over() && !self.is_to_pause() {
            let epoch = self.state.epochs(self.steps_per_epoch);
            let order = epoch_order(self.config.seed, epoch, self.data.train.len());
            let batches: Vec<_> = order.chunks(self.config.batch_size).collect();
            if !self.state.validation_is_due {
                let taken = (self.state.step % self.steps_per_epoch) as usize;
                let mut ahead = self.data.train.read_ahead(&batches[taken..]);
                for indices in &batches[taken..] {
                    self.step(epoch, indices, &ahead.next_batch()?)?;
                    self.save_if_interrupted()?;
                }
            }
            // Once an epoch: the validation's copy of the model and the checkpoint have the same bytes.
            let parameters = self.learner.parameters()?;
            let Some(report) = self.validate(&parameters)? else {
                self.save_if_interrupted()?;
                bail!("the validation ended before its time");
            };
            let is_best = self.note_validation(epoch, &report)?;
            self.show(epoch, batches[0], &report)?;
            self.checkpoint(parameters, is_best)?;
            self.notify(&Event::Checkpoint { step: self.saved })?;
            self.end_if_interrupted()?;
        }
        Ok(self)
    }

    /// Whether nothing is left to do but the test.
    fn is_over(&self) -> bool {
        let improved = self.state.improvement.map(|last| last.epoch);
        self.config.is_over(self.state.epochs(self.steps_per_epoch), self.state.best, improved)
    }

    /// Whether it has trained as many epochs as it is to for now.
    fn is_to_pause(&self) -> bool {
        let epochs = self.state.epochs(self.steps_per_epoch);
        self.options.stop_after.is_some_and(|stop_after| epochs >= stop_after)
    }

    /// Ends the process's part of the run, which stands at a checkpoint.
    fn pause(mut self, folder: PathBuf) -> Result<PausedRun> {
        self.options.interrupt.end_at_once();
        let (step, best) = (self.state.step, self.state.best);
        self.notify(&Event::Stopped { step, state: StatusKind::Paused })?;
        Ok(PausedRun { epochs: self.state.epochs(self.steps_per_epoch), best, folder })
    }

    /// One step of the optimizer down the gradients of the batch at `indices`, for which these `bytes` were read.
    fn step(&mut self, epoch: u64, indices: &[usize], bytes: &BatchBytes) -> Result<()> {
        let (config, train) = (self.config, &self.data.train);
        let seed = step_seed(config.seed, self.state.step);
        let augmented = self.data.augmentation.of_epoch(config.seed, epoch);
        let mix = Mix::draw(config.mixup, config.cutmix, self.data.summary.shape, seed);
        let partners = mix.map_or_else(Vec::new, |_| mix::partners(indices));
        let mixed = mix.map(|mix| Mixed { partners: &partners, mix });
        let batch = Batch {
            augmented,
            mixed,
            label_smoothing: config.label_smoothing,
            weights: self.data.weights(indices, &partners),
            ..Batch::plain(indices)
        };
        let batch = batch.with_bytes(bytes);
        let learning_rate = self.learning_rate(self.state.step);
        let step_config = StepConfig { l2_penalty: config.l2_penalty, seed };
        let step = self.passes(batch, step_config);
        let exchange = &self.options.exchange;
        exchange.alike(self.learner.refuse_untrained(&step))?;
        let output = step.output.clone();
        let norm = self.learner.update(step, learning_rate, exchange)?;
        self.state.step += 1;
        self.state.validation_is_due = self.state.step.is_multiple_of(self.steps_per_epoch);

        // Read back from the device only where it is told: a GPU goes on meanwhile.
        let labelled = batch.larger_shares().iter();
        let labels = labelled.map(|&index| train.examples().labels()[index]).collect();
        self.pending.push((output, labels));
        let is_told = self.state.step.is_multiple_of(self.options.log_every);
        if self.state.validation_is_due || is_told {
            let score = self.read_back().context("a step has a score")?;
            self.refuse_divergence("loss", score.loss())?;
            let norm = norm.map(|norm| norm.into_scalar::<f32>());
            if let Some(norm) = norm {
                // Clipped by an infinite one the gradients are 0, and nothing else is seen of it.
                self.refuse_divergence("norm of the gradients", norm.into())?;
            }
            let images_per_step = self.data.train.len() as f64 / self.steps_per_epoch as f64;
            let (step, score, rate) = (self.state.step, &score, learning_rate);
            self.notify(&Event::Step { step, epoch, score, rate, norm, images_per_step })?;
        }
        Ok(())
    }

    /// That of the step after `steps` steps.
    fn learning_rate(&self, steps: u64) -> f64 {
        let reductions = self.state.improvement.map_or(0, |last| last.reductions);
        self.config.learning_rate(steps, self.steps_per_epoch, reductions)
    }

    /// The forward and the backward pass of `batch`, of all ranks.
    fn passes(&mut self, batch: Batch, config: StepConfig) -> BatchStep {
        let (model, train) = (&self.learner.model, &self.data.train);
        let TrainOptions { exchange, interrupt, .. } = self.options;
        if exchange.is_alone() {
            return step::passes_of_batch(model, &self.data.loaders(), batch, config);
        }
        let signal = interrupt.signal();
        let by = (exchange, &self.rows);
        let (step, signal) = passes_of_shared_batch(model, train, batch, config, by, signal);
        self.agreed_signal = signal;
        step
    }

    /// Reads the scores of the last steps back from the device and adds them to those of the epoch; the last
    /// one's.
    fn read_back(&mut self) -> Option<Score> {
        let mut last = None;
        for (output, labels) in self.pending.drain(..) {
            let score = step::score(&self.learner.model, output, &labels);
            self.state.epoch_so_far.get_or_insert_default().add(&score, labels.len());
            last = Some(score);
        }
        last
    }

    /// How the model with these `parameters` does on the validation examples; `None` where a signal came
    /// meanwhile.
    fn validate(&mut self, parameters: &[u8]) -> Result<Option<EvalReport>> {
        let names = self.data.dataset.class_names();
        let TrainOptions { interrupt, exchange, .. } = self.options;
        let validation = &self.data.validation;
        self.learner.validate(parameters, validation, names, &self.measures, (interrupt, exchange))
    }

    /// Takes note of a validation; whether it is the best so far.
    fn note_validation(&mut self, epoch: u64, report: &EvalReport) -> Result<bool> {
        let (score, step) = (report.score, self.state.step);
        self.refuse_divergence("validation loss", score.loss())?;
        // JSON has no infinite numbers.
        let selected = self.config.select.map(|select| selected(select, report)).transpose();
        let selected = self.options.exchange.alike(selected)?;
        let selected = selected.map(|value| value.clamp(f64::MIN, f64::MAX));
        let is_best = match (self.state.best, self.config.select) {
            (None, _) => true,
            (Some(best), None) => score.is_better_than(&best.score),
            (Some(Best { selected: None, .. }), Some(_)) => true,
            (Some(Best { selected: Some(best), .. }), Some(select)) => {
                selected.is_some_and(|selected| select.is_better(selected, best))
            }
        };
        // Of a run that goes on from a checkpoint without it there is only a part of the epoch.
        let all = self.data.train.len() as u64;
        let train = self.state.epoch_so_far.take().filter(|steps| steps.examples == all);
        let train = train.filter(|steps| steps.mean_is_finite()).and_then(|steps| steps.mean());
        let learning_rate = self.learning_rate(step - 1);
        self.notify(&Event::Validation { step, epoch, report, train, is_best, learning_rate })?;
        self.state.improvement = self.config.counts_improvements().then(|| {
            let State { improvement, best, .. } = self.state;
            self.config.improvement(improvement, best, (score, selected, epoch + 1))
        });
        if is_best {
            self.state.best = Some(Best { score, step, epoch: epoch + 1, selected });
        }
        self.state.validation_is_due = false;
        Ok(is_best)
    }

    /// Shows the validated model, with images of the epoch's `first` batch, where that is due.
    fn show(&mut self, epoch: u64, first: &[usize], report: &EvalReport) -> Result<()> {
        let picture_sets = self.config.epochs.div_ceil(PICTURE_SETS);
        let images_every = self.options.images_every.unwrap_or(picture_sets);
        if self.folder.is_none() || images_every == 0 || !(epoch + 1).is_multiple_of(images_every) {
            return Ok(());
        }
        // The first batch is whole, the last may hold a single image.
        let shown = &first[..first.len().min(viz::shown(self.data.summary.shape))];
        let bytes = self.data.train.read(shown)?;
        let images = self.data.train.images(Batch::plain(shown).with_bytes(&bytes)).inner();
        let images = images.to_device(&self.options.eval_device);
        let normalization = self.data.summary.normalization.as_ref();
        let model = self.learner.evaluated();
        let latent = latent_rows(model, &self.data.validation, self.config.seed)?;
        let pictures = &Pictures::of(model, images, normalization, latent);
        self.notify(&Event::Pictures { step: self.state.step, pictures, report })
    }

    /// Saves the run as it stands, with these `parameters`, and whether its last validation is the best.
    ///
    /// # Errors
    /// When it cannot be written, and when something in it is not finite: the loss may be, as tanh(∞) is 1,
    /// and a parameter whose step is only a sign, while the optimizer's slots are lost for ever.
    fn checkpoint(&mut self, parameters: Vec<u8>, is_best: bool) -> Result<()> {
        self.read_back();
        // A loss that was not finite in between has no mean, also of a run that goes on from here.
        self.state.epoch_so_far = self.state.epoch_so_far.filter(|steps| steps.mean_is_finite());
        self.notify(&Event::BeforeCheckpoint)?;
        let exchange = &self.options.exchange;
        let (checkpoint, largest) = self.learner.checkpoint(parameters, &self.state, exchange)?;
        self.refuse_divergence("largest parameter or slot", largest.into())?;
        if let Some(folder) = self.folder {
            folder.keep(&checkpoint, is_best)?;
        }
        self.saved = checkpoint.state.step;
        Ok(())
    }

    /// The test of the best model, and the results.
    fn finish(mut self) -> Result<RunResult> {
        let step = self.state.step;
        let epochs = self.state.epochs(self.steps_per_epoch);
        let best = self.state.best.context("a run of at least one epoch has a best validation")?;
        // All is saved but the results: from here on a signal may end the process at once.
        self.notify(&Event::BeforeTest { step })?;
        if epochs < self.config.epochs {
            let patience = self.config.patience.unwrap_or(0);
            let epochs = if patience == 1 { "epoch" } else { "epochs" };
            let what = match self.config.min_delta {
                0.0 => "a better validation".to_owned(),
                least => format!("an improvement of more than {least}"),
            };
            message(&format!("note: early stopping: {patience} {epochs} without {what}"));
        }
        self.options.interrupt.end_at_once();
        self.end_if_interrupted()?;
        let mut measures = Measures { images: true, ..self.measures.clone() };
        let with_test =
            if self.learner.model.kind() == Kind::Classifier { OF_CLASSES } else { OF_PIXELS };
        measures
            .metrics
            .extend(with_test.iter().filter(|metric| !self.measures.metrics.contains(metric)));
        let test = test(self.folder, best, self.config, self.data, self.options, &measures)?;
        for (name, value) in test.score.scalars() {
            self.refuse_divergence(&format!("test {name}"), value)?;
        }
        let is_test = self.data.summary.validation_is_test;
        let improved = self.state.improvement.map(|last| last.epoch);
        let result = RunResult::new(epochs, best, &test, is_test).improved(improved);
        let Some(folder) = self.folder else { return Ok(result) };
        folder.refuse_loss()?;
        if let Some(images) = &test.images {
            image_results::write(folder, images)?;
        }
        let result = run::record(&self.options.results, folder, self.config, result)?;
        self.notify(&Event::Finished { step, result: &result })?;
        Ok(result)
    }

    fn notify(&mut self, event: &Event) -> Result<()> {
        observer::notify(&mut self.observers, event)
    }

    /// Fails when `value` is not finite.
    fn refuse_divergence(&mut self, what: &str, value: f64) -> Result<()> {
        if value.is_finite() {
            return Ok(());
        }
        let step = self.state.step;
        // A status of later steps than the last checkpoint's would say that one is gone.
        self.notify(&Event::Stopped { step: self.saved, state: StatusKind::Diverged })?;
        let what = format!("the {what} became {value} at step {step}");
        let mut failure = Failure::new(Exit::Diverged, what);
        if let Some(folder) = self.folder {
            let checkpoints = folder.checkpoints();
            failure = failure.why(match RunFolder::checkpoints_at(folder.path())?.is_empty() {
                true => "it has no checkpoint yet".to_owned(),
                false => format!("the last good checkpoint is in `{}`", checkpoints.display()),
            });
        }
        let help = "try a lower learning_rate in --optimizer_args, with --restart or --comment";
        self.options.exchange.alike(Err(failure.help(help).into()))
    }

    /// After a signal, saves the run and ends it. The signal is asked for once: one that comes after that is
    /// for the next step, as nothing is saved yet.
    fn save_if_interrupted(&mut self) -> Result<()> {
        let signal = match self.options.exchange.is_alone() {
            true => self.options.interrupt.signal(),
            false => self.agreed_signal,
        };
        let Some(signal) = signal else { return Ok(()) };
        let parameters = self.learner.parameters()?;
        self.checkpoint(parameters, false)?;
        self.interrupted(signal)
    }

    /// After a signal, ends the run, which is saved.
    fn end_if_interrupted(&mut self) -> Result<()> {
        let TrainOptions { interrupt, exchange, .. } = self.options;
        match exchange.agree_on_signal(interrupt.signal()) {
            Some(signal) => self.interrupted(signal),
            None => Ok(()),
        }
    }

    /// Ends the run, which is saved, with an error after `signal`.
    fn interrupted(&mut self, signal: i32) -> Result<()> {
        let step = self.state.step;
        self.notify(&Event::Stopped { step, state: StatusKind::Interrupted })?;
        let failure =
            Failure::new(Exit::Interrupted(signal), format!("interrupted after step {step}"))
                .why("a checkpoint was written")
                .help("the same command goes on from there");
        self.options.exchange.alike(Err(failure.into()))
    }
}

/// What watches the run in `folder`, which goes on from a state in which epochs have so many steps.
fn observers<'a>(
    config: &'a RunConfig,
    options: &'a TrainOptions,
    folder: &'a RunFolder,
    learner: &Learner,
    (state, steps_per_epoch): (&State, u64),
) -> Result<Vec<Box<dyn Observer + Send + 'a>>> {
    let trains: Vec<_> = options.train_devices.iter().map(describe).collect();
    let environment = Environment::now(trains.join(", "), describe(&options.eval_device));
    folder.write_config(config, environment)?;
    folder.keep_source(&options.source)?;
    let status = StatusFile::begin(folder, state.step, steps_per_epoch)?;
    let history = History::open(folder, state.epochs(steps_per_epoch))?;
    let (exchange, seconds) = (&options.exchange, status.seconds_before());
    let history = HistoryFile::new(exchange, history, state.step, seconds);
    let tensorboard = TensorBoard::open(folder, state, learner, &options.command)?;
    let last_step = steps_per_epoch * config.epochs;
    let progress = Progress::new(state.step, last_step, config.epochs, options.label.clone());
    Ok(vec![Box::new(tensorboard), Box::new(history), Box::new(progress), Box::new(status)])
}

/// The value of the metric that picks the best model.
fn selected(select: Metric, report: &EvalReport) -> Result<f64> {
    report.metric(select).with_context(|| {
        let classes = report.class_names.len();
        Failure::new(
            Exit::Failed,
            format!("`--select {select}`: there is no {select} of these images"),
        )
        .why(format!("they are of {classes} classes; top5 needs six, auroc images of two"))
        .help("pick the best model by another metric")
    })
}

/// How the model of the validation `best`, which is in the first rank's `folder`, does on the test examples. This is
/// the only place where a training reads them.
fn test(
    folder: Option<&RunFolder>,
    best: Best,
    config: &RunConfig,
    data: &RunData,
    options: &TrainOptions,
    measures: &Measures,
) -> Result<EvalReport> {
    let (dataset, TrainOptions { exchange, eval_device: device, .. }) = (&*data.dataset, options);
    let found = folder.map(|folder| best_in(folder, best)).transpose();
    let path = found.as_ref().ok().and_then(|found| Some(found.as_ref()?.0.clone()));
    let checkpoint = found.map(|found| found.map(|(_, checkpoint)| checkpoint));
    let checkpoint = checkpoint_of_first(exchange, checkpoint)?;
    let path = path.unwrap_or_default();
    let model =
        evaluate::restore(&checkpoint, &path, (dataset.shape(), dataset.num_classes()), device)?;
    let normalization = checkpoint.state.normalization()?;
    let examples = dataset.load(Split::Test)?;
    // Where they are those for validation, it was told of them.
    if !data.summary.validation_is_test {
        copies::warn(config, options, (data.train.examples(), &examples), Split::Test)?;
    }
    let loader = DataLoader::normalized(examples, device, normalization);
    let names = dataset.class_names();
    evaluate::evaluate_model_shared(&model, &loader, names, measures, exchange)
}

/// The checkpoint of the validation `best` in `folder`, and its path.
fn best_in(folder: &RunFolder, best: Best) -> Result<(PathBuf, Checkpoint)> {
    let found = run::latest(&folder.best())?.filter(|(_, found)| found.state.step == best.step);
    found.with_context(|| format!("the best checkpoint is gone from `{}`", folder.best().display()))
}

//! What a run writes for TensorBoard: the scalars and pictures of training below `train/`, the
//! scores of each epoch below `validation/`, and there too what concerns the run as a whole: its card,
//! its graph and its row of the HParams table, whose metrics are the scalars of the same folder. A third
//! entry for each run would make TensorBoard select none where there are more than thirteen.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::metadata::{self, RunMetadata};
use crate::metrics::{EvalReport, Metric, Score};
use crate::nn::Summary;
use crate::run::{RunFolder, RunResult, State};
use crate::tensorboard::curve;
use crate::tensorboard::{EventWriter, event_files};
use crate::train::latent::LatentRows;
use crate::train::observer::{Event, Observer};
use crate::train::{Learner, Pictures};
use crate::viz;

/// What happened when an event could not be written.
const UNWRITABLE: &str = "cannot write an event file of the run";

/// The event files of a run.
pub(crate) struct TensorBoard {
    train: EventWriter,
    validation: EventWriter,
    /// What the run says of itself, beside the validations: made anew by each process.
    metadata: EventWriter,
    /// The folder of the validations.
    folder: PathBuf,
    /// What picks the best model, where it is not the score.
    select: Option<Metric>,
    /// Whether the run has come to its end.
    finished: bool,
}

impl TensorBoard {
    /// Opens the event files of the run `learner` that stands at `state` and is trained by `command`: points
    /// of later steps, which a crash has left behind, are taken out, and so is what belongs to a validation
    /// after these steps that is still due. Writes the run's metadata.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(
        folder: &RunFolder,
        state: &State,
        learner: &Learner,
        command: &str,
    ) -> Result<Self> {
        let named = |path: &Path, writer: io::Result<EventWriter>| {
            writer.with_context(|| format!("cannot write event files in `{}`", path.display()))
        };
        let next = state.step as i64 + 1;
        let resume = |path: &Path| match state.validation_is_due {
            true => named(path, EventWriter::resume_before_validation(path, next)),
            false => named(path, EventWriter::resume(path, next)),
        };
        let validation = folder.validation();
        // Its file comes before that of the validations.
        let metadata = named(&validation, EventWriter::metadata(&validation))?;
        // Earlier versions wrote them to the run's folder itself.
        for file in event_files(folder.path())? {
            fs::remove_file(&file)
                .with_context(|| format!("cannot delete `{}`", file.display()))?;
        }
        let mut tensorboard = Self {
            train: resume(&folder.train())?,
            validation: resume(&validation)?,
            metadata,
            folder: validation,
            select: state.config.select,
            finished: false,
        };
        let metadata = RunMetadata {
            command,
            config: &state.config,
            kind: learner.model.kind(),
            shape: state.shape,
            operations: learner.operations(),
        };
        metadata.write(&mut tensorboard.metadata).context(UNWRITABLE)?;
        Ok(tensorboard)
    }

    /// What the run has reached after its last step. As columns of the HParams table these have to be
    /// scalars, and a scalar is a chart too: so the best validation is a curve, of the best one until
    /// each epoch, and the test a level line. One point would be a chart with nothing to see.
    fn finished(&mut self, step: u64, result: &RunResult) -> Result<()> {
        self.validation.flush().context(UNWRITABLE)?;
        let (measure, test) = result.test.headline();
        let mut end = EventWriter::more_metadata(&self.folder).context(UNWRITABLE)?;
        // By what picks the best model.
        let by = self.select.map_or(measure, Metric::name);
        let higher = self.select.map_or(measure != "error", Metric::higher_is_better);
        let picks: BTreeMap<_, _> = curve(&self.folder, by)?.into_iter().collect();
        let mut best: Option<(f32, f32)> = None;
        for (step, value) in curve(&self.folder, measure)? {
            let pick = picks.get(&step).copied().unwrap_or(f32::NAN);
            let is_better = |than: f32| if higher { pick > than } else { pick < than };
            if best.is_none_or(|(than, _)| is_better(than)) {
                best = Some((pick, value));
            }
            let (_, shown) = best.unwrap_or((pick, value));
            end.scalar(step, &format!("{measure}_best"), shown).context(UNWRITABLE)?;
        }
        for at in [0, step as i64] {
            end.scalar(at, &format!("{measure}_test"), test as f32).context(UNWRITABLE)?;
        }
        end.flush().context(UNWRITABLE)?;
        self.finished = true;
        metadata::write_end(&mut self.metadata, true).context(UNWRITABLE)
    }

    /// The score of a step, the norm of its gradients, where that is known, and the learning rate, which comes last
    /// of them: a step without it was not written to its end.
    fn step(&mut self, step: u64, score: &Score, norm: Option<f32>, rate: f64) -> Result<()> {
        let train = &mut self.train;
        let mut write = || {
            scalars(train, step, score)?;
            if let Some(norm) = norm {
                train.scalar(step as i64, "gradient_norm", norm)?;
            }
            train.scalar(step as i64, "learning_rate", rate as f32)?;
            train.flush()
        };
        write().context(UNWRITABLE)
    }

    /// The score of the validation after a step.
    fn validation(&mut self, step: u64, report: &EvalReport) -> Result<()> {
        scalars(&mut self.validation, step, &report.score).context(UNWRITABLE)?;
        // The loss is among the scores.
        let metrics = report.metrics.iter().filter(|(metric, _)| *metric != Metric::Loss);
        for (metric, value) in metrics {
            let written = self.validation.scalar(step as i64, metric.name(), *value as f32);
            written.context(UNWRITABLE)?;
        }
        for (name, value) in &report.notes {
            let written = self.validation.scalar(step as i64, name, *value as f32);
            written.context(UNWRITABLE)?;
        }
        Ok(())
    }

    /// Which classes a classifier takes for which on the validation examples, and the accuracy of
    /// each; nothing of an autoencoder.
    fn classes(&mut self, step: u64, report: &EvalReport) -> Result<()> {
        let Some(confusion) = &report.confusion else { return Ok(()) };
        let step = step as i64;
        let picture = viz::confusion(confusion.counts(), &report.class_names);
        self.validation.image(step, "confusion_matrix", &picture).context(UNWRITABLE)?;
        for class in report.class_scores() {
            let Some(accuracy) = class.accuracy else { continue };
            let tag = format!("class_accuracy/{}", class.class);
            self.validation.scalar(step, &tag, accuracy as f32).context(UNWRITABLE)?;
        }
        Ok(())
    }

    /// Images, beside their reconstructions if there are some, what is in the code, and what the layers show.
    fn pictures(&mut self, step: u64, pictures: &Pictures) -> Result<()> {
        let Pictures { shape, images, reconstructions, summaries, latent } = pictures;
        let (tag, picture) = match reconstructions {
            Some(outputs) => ("input_output", viz::input_output(images, outputs, *shape)?),
            None => ("inputs", viz::inputs(images, *shape)?),
        };
        self.train.image(step as i64, tag, &picture).context(UNWRITABLE)?;
        for LatentRows { tag, images, shape, columns } in latent {
            let picture = viz::rows(images, *shape, *columns)?;
            self.train.image(step as i64, tag, &picture).context(UNWRITABLE)?;
        }
        summaries.iter().try_for_each(|summary| self.summary(step as i64, summary))
    }

    /// What a layer shows of itself.
    fn summary(&mut self, step: i64, summary: &Summary) -> Result<()> {
        let written = match (summary, summary.picture(viz::MAPS)?) {
            (Summary::Histogram { tag, values }, _) => self.train.histogram(step, tag, values),
            (_, Some(picture)) => self.train.image(step, summary.tag(), &picture),
            (_, None) => Ok(()),
        };
        written.context(UNWRITABLE)
    }

    /// Brings all to the disk: a checkpoint that is written next finds its events there.
    fn sync(&mut self) -> Result<()> {
        self.train.sync().and_then(|()| self.validation.sync()).context(UNWRITABLE)
    }
}

impl Observer for TensorBoard {
    fn notify(&mut self, event: &Event) -> Result<()> {
        match *event {
            Event::Step { step, score, rate, norm, .. } => self.step(step, score, norm, rate),
            Event::Validation { step, report, .. } => self.validation(step, report),
            Event::Pictures { step, pictures, report } => {
                self.pictures(step, pictures)?;
                self.classes(step, report)
            }
            Event::BeforeCheckpoint => self.sync(),
            Event::Finished { step, result } => self.finished(step, result),
            Event::Checkpoint { .. } | Event::BeforeTest { .. } | Event::Stopped { .. } => Ok(()),
        }
    }
}

impl Drop for TensorBoard {
    /// A run that ends otherwise is a failed one for the HParams table. Why it ended is told
    /// elsewhere.
    fn drop(&mut self) {
        if !self.finished {
            let _ = metadata::write_end(&mut self.metadata, false);
        }
    }
}

/// Writes all of `score`.
fn scalars(writer: &mut EventWriter, step: u64, score: &Score) -> io::Result<()> {
    let mut rows = score.scalars().into_iter();
    rows.try_for_each(|(tag, value)| writer.scalar(step as i64, tag, value as f32))
}

//! What a run writes for TensorBoard: the scalars and pictures of training below `train/`, the
//! scores of each epoch below `validation/`, and there too what concerns the run as a whole: its card,
//! its graph and its row of the HParams table, whose metrics are the scalars of the same folder. A third
//! entry for each run would make TensorBoard select none where there are more than thirteen.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::metrics::EvalReport;
use crate::metrics::Score;
use crate::nn::Summary;
use crate::run::{RunFolder, RunResult};
use crate::tensorboard::curve;
use crate::tensorboard::{EventWriter, event_files};
use crate::train::cards;
use crate::train::cards::Cards;
use crate::viz;

/// What happened when an event could not be written.
const UNWRITABLE: &str = "cannot write an event file of the run";

/// The event files of a run.
pub struct Report {
    train: EventWriter,
    validation: EventWriter,
    /// What the run says of itself, beside the validations: made anew by each process.
    cards: EventWriter,
    /// The folder of the validations.
    folder: PathBuf,
    /// Whether the run has come to its end.
    finished: bool,
}

impl Report {
    /// Opens the event files of a run that has taken `steps` steps: points of later steps, which a
    /// crash has left behind, are taken out, and so is what belongs to a validation after these steps that
    /// is still due.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(folder: &RunFolder, steps: u64, validation_is_due: bool) -> Result<Self> {
        let named = |path: &Path, writer: io::Result<EventWriter>| {
            writer.with_context(|| format!("cannot write event files in `{}`", path.display()))
        };
        let next = steps as i64 + 1;
        let resume = |path: &Path| match validation_is_due {
            true => named(path, EventWriter::resume_before_validation(path, next)),
            false => named(path, EventWriter::resume(path, next)),
        };
        let validation = folder.validation();
        // Its file comes before that of the validations.
        let cards = named(&validation, EventWriter::cards(&validation))?;
        // Earlier versions wrote them to the run's folder itself.
        for file in event_files(folder.path())? {
            fs::remove_file(&file)
                .with_context(|| format!("cannot delete `{}`", file.display()))?;
        }
        Ok(Self {
            train: resume(&folder.train())?,
            validation: resume(&validation)?,
            cards,
            folder: validation,
            finished: false,
        })
    }

    /// What the run says of itself once.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn cards(&mut self, cards: &Cards) -> Result<()> {
        cards.write(&mut self.cards).context(UNWRITABLE)
    }

    /// What the run has reached after its last step. As columns of the HParams table these have to be
    /// scalars, and a scalar is a chart too: so the best validation is a curve, of the best one until
    /// each epoch, and the test a level line. One point would be a chart with nothing to see.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finished(&mut self, step: u64, outcome: &RunResult) -> Result<()> {
        self.validation.flush().context(UNWRITABLE)?;
        let (measure, test) = outcome.test.headline();
        let better = if measure == "error" { f32::min } else { f32::max };
        let mut end = EventWriter::more_cards(&self.folder).context(UNWRITABLE)?;
        let mut best = f32::NAN;
        for (step, value) in curve(&self.folder, measure)? {
            // The other one than NaN.
            best = better(best, value);
            end.scalar(step, &format!("{measure}_best"), best).context(UNWRITABLE)?;
        }
        for at in [0, step as i64] {
            end.scalar(at, &format!("{measure}_test"), test as f32).context(UNWRITABLE)?;
        }
        end.flush().context(UNWRITABLE)?;
        self.finished = true;
        cards::write_end(&mut self.cards, true).context(UNWRITABLE)
    }

    /// The score and the learning rate of a step.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn step(&mut self, step: u64, score: &Score, learning_rate: f64) -> Result<()> {
        scalars(&mut self.train, step, score)
            .and_then(|()| self.train.scalar(step as i64, "learning_rate", learning_rate as f32))
            .and_then(|()| self.train.flush())
            .context(UNWRITABLE)
    }

    /// The score of the validation after a step.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn validation(&mut self, step: u64, score: &Score) -> Result<()> {
        scalars(&mut self.validation, step, score).context(UNWRITABLE)
    }

    /// Which classes a classifier takes for which on the validation examples, and the accuracy of
    /// each; nothing of an autoencoder.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn classes(&mut self, step: u64, validated: &EvalReport) -> Result<()> {
        let Some(confusion) = &validated.confusion else { return Ok(()) };
        let step = step as i64;
        let picture = viz::confusion(confusion.counts(), &validated.class_names);
        self.validation.image(step, "confusion_matrix", &picture).context(UNWRITABLE)?;
        for class in validated.class_scores() {
            let Some(accuracy) = class.accuracy else { continue };
            let tag = format!("class_accuracy/{}", class.class);
            self.validation.scalar(step, &tag, accuracy as f32).context(UNWRITABLE)?;
        }
        Ok(())
    }

    /// `images` beside their `reconstructions`, both of `shape` `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn input_output(
        &mut self,
        step: u64,
        shape: [usize; 4],
        images: &[f32],
        reconstructions: &[f32],
    ) -> Result<()> {
        let picture = viz::input_output(images, reconstructions, shape)?;
        self.train.image(step as i64, "input_output", &picture).context(UNWRITABLE)
    }

    /// `images` of `shape` `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn inputs(&mut self, step: u64, shape: [usize; 4], images: &[f32]) -> Result<()> {
        let picture = viz::inputs(images, shape)?;
        self.train.image(step as i64, "inputs", &picture).context(UNWRITABLE)
    }

    /// What a layer shows of itself.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn summary(&mut self, step: u64, summary: &Summary) -> Result<()> {
        let step = step as i64;
        let written = match summary {
            Summary::Histogram { tag, values } => self.train.histogram(step, tag, values),
            Summary::Filters { tag, shape, weights } => match viz::filters(weights, *shape)? {
                Some(picture) => self.train.image(step, tag, &picture),
                None => Ok(()),
            },
            Summary::Activations { tag, shape, before, after } => {
                let maps = viz::MAPS;
                let picture = viz::pre_post_activation(before, after, *shape, maps)?;
                self.train.image(step, tag, &picture)
            }
        };
        written.context(UNWRITABLE)
    }

    /// Brings all to the disk: a checkpoint that is written next finds its events there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn sync(&mut self) -> Result<()> {
        self.train.sync().and_then(|()| self.validation.sync()).context(UNWRITABLE)
    }
}

impl Drop for Report {
    /// A run that ends otherwise is a failed one for the HParams table. Why it ended is told
    /// elsewhere.
    fn drop(&mut self) {
        if !self.finished {
            let _ = cards::write_end(&mut self.cards, false);
        }
    }
}

/// Writes all of `score`.
fn scalars(writer: &mut EventWriter, step: u64, score: &Score) -> io::Result<()> {
    let mut rows = score.scalars().into_iter();
    rows.try_for_each(|(tag, value)| writer.scalar(step as i64, tag, value as f32))
}

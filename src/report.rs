//! What a run writes for TensorBoard: the scalars and pictures of training below `train/`, the
//! error of each epoch below `validation/`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::events::EventWriter;
use crate::pictures;
use crate::run::RunFolder;
use crate::summaries::Summary;

/// What happened when an event could not be written.
const UNWRITABLE: &str = "cannot write an event file of the run";

/// The event files of a run.
pub struct Report {
    train: EventWriter,
    validation: EventWriter,
}

impl Report {
    /// Opens the event files of a run that has taken `steps` steps: points of later steps, which a
    /// crash has left behind, are taken out.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(folder: &RunFolder, steps: u64) -> Result<Self> {
        let open = |path: PathBuf| {
            EventWriter::resume(&path, steps as i64 + 1)
                .with_context(|| format!("cannot write event files in `{}`", path.display()))
        };
        Ok(Self { train: open(folder.train())?, validation: open(folder.validation())? })
    }

    /// The loss and the learning rate of a step.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn step(&mut self, step: u64, loss: f64, learning_rate: f64) -> Result<()> {
        let step = step as i64;
        self.train
            .scalar(step, "error", loss as f32)
            .and_then(|()| self.train.scalar(step, "learning_rate", learning_rate as f32))
            .and_then(|()| self.train.flush())
            .context(UNWRITABLE)
    }

    /// The validation error after a step.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn validation(&mut self, step: u64, error: f64) -> Result<()> {
        self.validation.scalar(step as i64, "error", error as f32).context(UNWRITABLE)
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
        let picture = pictures::input_output(images, reconstructions, shape)?;
        self.train.image(step as i64, "input_output", &picture).context(UNWRITABLE)
    }

    /// What a layer shows of itself.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn summary(&mut self, step: u64, summary: &Summary) -> Result<()> {
        let step = step as i64;
        let written = match summary {
            Summary::Histogram { tag, values } => self.train.histogram(step, tag, values),
            Summary::Filters { tag, shape, weights } => match pictures::filters(weights, *shape)? {
                Some(picture) => self.train.image(step, tag, &picture),
                None => Ok(()),
            },
            Summary::Activations { tag, shape, before, after } => {
                let picture = pictures::pre_post_activation(before, after, *shape)?;
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

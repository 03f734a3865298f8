//! What a data set is: bytes `[examples, channels, height, width]` and a label each.
//!
//! A file of `inputs/` implements [`Dataset`] and ends in the constant `INPUT`. It hands over the
//! bytes of a split; shuffling, scaling to [-1, 1], augmentation and the way to the device are the
//! bench's work and the same for every data set.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// Which part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Fitted on.
    Train,
    /// Watched during training; picks the best model.
    Validation,
    /// Looked at once, at the end.
    Test,
}

impl Split {
    /// `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }
}

/// The examples of one split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examples {
    /// `[channels, height, width]`.
    shape: [usize; 3],
    /// `[examples, channels, height, width]`, 0 black to 255 white.
    pixels: Vec<u8>,
    /// One per example, 0-based.
    labels: Vec<u32>,
    /// One per example, or none: what they are called.
    names: Vec<String>,
}

impl Examples {
    /// `pixels` `[examples, channels, height, width]`, images of `shape` `[channels, height,
    /// width]`, and their `labels` `[examples]`.
    ///
    /// # Errors
    /// When the numbers of pixels and of labels do not fit, or there is no example.
    pub fn new(shape: [usize; 3], pixels: Vec<u8>, labels: Vec<u32>) -> Result<Self> {
        let size = shape.iter().fold(1, |size: usize, &side| size.saturating_mul(side));
        if labels.is_empty() || pixels.len() != labels.len().saturating_mul(size) {
            let (pixels, labels) = (pixels.len(), labels.len());
            bail!(
                "{pixels} pixels and {labels} labels are no images: one of {shape:?} has {size} pixels \
                 and one label"
            );
        }
        Ok(Self { shape, pixels, labels, names: Vec::new() })
    }

    /// The same, with what each example is called: its file, say.
    ///
    /// # Panics
    /// When there are not as many `names` as examples.
    pub fn with_names(mut self, names: Vec<String>) -> Self {
        assert_eq!(names.len(), self.labels.len(), "names of the examples");
        self.names = names;
        self
    }

    /// What the example `index` is called, if it has a name.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.names.get(index).map(String::as_str)
    }

    /// The examples at `kept`, in that order, with their names.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn pick(&self, kept: &[usize]) -> Result<Self> {
        let mut pixels = Vec::with_capacity(kept.len() * self.shape.iter().product::<usize>());
        kept.iter().for_each(|&index| pixels.extend_from_slice(self.image(index)));
        let labels = kept.iter().map(|&index| self.labels[index]).collect();
        let names = kept.iter().filter_map(|&index| self.names.get(index).cloned()).collect();
        Ok(Self { names, ..Self::new(self.shape, pixels, labels)? })
    }

    /// These examples, and then those of `next`, which have the same shape. They have names if all have.
    pub(crate) fn followed_by(mut self, next: Self) -> Self {
        self.pixels.extend(next.pixels);
        let have_names = !self.names.is_empty() && !next.names.is_empty();
        self.names = if have_names { [self.names, next.names].concat() } else { Vec::new() };
        self.labels.extend(next.labels);
        self
    }

    /// The same images with other labels: of label l `labels[l]`.
    ///
    /// # Panics
    /// When there is none for a label.
    pub(crate) fn relabelled(mut self, labels: &[u32]) -> Self {
        self.labels.iter_mut().for_each(|label| *label = labels[*label as usize]);
        self
    }

    /// `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none: never.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// `[examples, channels, height, width]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// `[examples]`.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The bytes `[channels, height, width]` of one image.
    pub fn image(&self, index: usize) -> &[u8] {
        let size: usize = self.shape.iter().product();
        &self.pixels[index * size..][..size]
    }
}

/// A labelled image data set. What it says of itself is checked when it is opened, and what it hands
/// over when it is loaded.
pub trait Dataset: Send + Sync {
    /// `[channels, height, width]`; 1 channel (grey), 3 (red, green, blue) or 4.
    fn shape(&self) -> [usize; 3];

    /// Number of classes: 1 or more, and for a classifier 2.
    fn num_classes(&self) -> usize;

    /// The names of the classes, by label, none of them twice; else their numbers.
    fn class_names(&self) -> Vec<String> {
        (0..self.num_classes()).map(|label| label.to_string()).collect()
    }

    /// Reads a split, downloading its files if need be: images of [`shape`](Self::shape), with labels
    /// less than [`num_classes`](Self::num_classes).
    ///
    /// # Errors
    /// [`Exit::DataUnavailable`](crate::error::Exit) where files are missing and cannot be downloaded;
    /// [`Exit::Failed`](crate::error::Exit), naming the file, where one is damaged.
    fn load(&self, split: Split) -> Result<Examples>;

    /// Looks whether the files of the test split are whole, so that a run that would need them does not find
    /// out after its last step. Nothing of the images is handed over: they are read by the test alone. By
    /// default there is nothing to look at.
    ///
    /// # Errors
    /// As those of [`load`](Self::load) for [`Split::Test`].
    fn verify_test(&self) -> Result<()> {
        Ok(())
    }

    /// Whether its images have the size that [`Source::image_size`] asks for.
    fn resizes(&self) -> bool {
        false
    }

    /// Which of many it is, where its name does not say that.
    fn identity(&self) -> Option<Identity> {
        None
    }

    /// Whether the images for validation are the test images too: the best model is then chosen on them, and
    /// what is reported of the test is marked.
    fn validation_is_test(&self) -> bool {
        false
    }

    /// Whether training images are flipped left to right at random.
    fn random_horizontal_flip(&self) -> bool {
        false
    }
}

/// Which of the user's own data sets one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// For people: it becomes a part of the names of runs.
    pub name: String,
    /// Another one where the data are others.
    pub fingerprint: String,
}

/// Where a data set may look for its files, and what is asked of it.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The folder that holds the files themselves; `None` for a folder named like the data set in
    /// the user's cache folder.
    pub data_dir: Option<PathBuf>,
    /// Never ask the network.
    pub offline: bool,
    /// `[height, width]` that images are brought to, in a data set that [resizes](Dataset::resizes).
    pub image_size: Option<[usize; 2]>,
    /// Channels that images are brought to, 1 (grey) or 3, in a data set that
    /// [resizes](Dataset::resizes); `None` for those that its pictures have.
    pub channels: Option<usize>,
}

/// How to open a data set: the constant `INPUT` that every file of `inputs/` ends with.
///
/// It reads no images yet: [`Dataset::load`] does.
pub type Input = fn(&Source) -> Result<Box<dyn Dataset>>;

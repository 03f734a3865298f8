//! What a data set is: bytes `[examples, channels, height, width]` and a label each.
//!
//! A file of `inputs/` implements [`Dataset`] and ends in the constant `INPUT`. It hands over the
//! [`Examples`] of a split; shuffling, scaling to [-1, 1], augmentation and the way to the device are the
//! bench's work and the same for every data set.

use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Examples;
use super::left_out::LeftOut;

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

    /// What it is for, in a sentence.
    pub fn purpose(self) -> &'static str {
        match self {
            Split::Train => "training",
            Split::Validation => "validation",
            Split::Test => "the test",
        }
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
    /// [`Exit::Unavailable`](crate::error::Exit) where files are missing and cannot be downloaded;
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

    /// What of its files is not used: of its folder, and of the splits that were loaded so far.
    fn left_out(&self) -> Vec<LeftOut> {
        Vec::new()
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
    /// Bytes of images that may be in memory, of all splits together; the others are in a file. `None` for half of
    /// what is free.
    pub memory: Option<u64>,
}

/// How to open a data set: the constant `INPUT` that every file of `inputs/` ends with.
///
/// It reads no images yet: [`Dataset::load`] does.
pub type Input = fn(&Source) -> Result<Box<dyn Dataset>>;

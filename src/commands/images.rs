//! The flags of what is done to images and labels.

use clap::Args;

use super::values;
use super::values::Instead;
use crate::data::{Augmentation, Normalize};
use crate::train::config::PartialImages;

/// What is done to images and labels.
#[derive(Args, Clone, Debug)]
pub(super) struct ImageArgs {
    #[command(flatten)]
    changes: ChangeArgs,
    /// Share of a classifier's target that all classes have alike [default: 0]
    #[arg(long = "label_smoothing", aliases = ["label-smoothing", "smoothing"], value_parser = values::smoothing, value_name = "X", allow_negative_numbers = true)]
    label_smoothing: Option<f64>,
}

/// What is done to images.
#[derive(Args, Clone, Debug)]
pub(super) struct ChangeArgs {
    /// Change the training images at random, in this order, as crop:4,flip or rand:2,9; there are crop:PIXELS, flip,
    /// rotate:DEGREES, shift:PIXELS, scale:LOW..HIGH, cutout:PIXELS, jitter:STRENGTH, erase:PROBABILITY, rand:N,M and
    /// none [default: flip for CIFAR, else none]
    #[arg(long, aliases = ["augmentation", "data_augmentation", "data-augmentation"], value_parser = str::parse::<Augmentation>, value_name = "LIST")]
    pub augment: Option<Augmentation>,
    /// Mix each training image and its label with another of the batch, the share drawn from Beta(A, A) [default: 0,
    /// never]
    #[arg(long, aliases = ["mixup_alpha", "mixup-alpha"], value_parser = values::mixing, value_name = "A", allow_negative_numbers = true)]
    pub mixup: Option<f64>,
    /// Paste a rectangle of another image of the batch into each training image, its share drawn from Beta(A, A); with
    /// --mixup one of the two is drawn for each batch [default: 0, never]
    #[arg(long, aliases = ["cutmix_alpha", "cutmix-alpha"], value_parser = values::mixing, value_name = "A", allow_negative_numbers = true)]
    pub cutmix: Option<f64>,
    /// From bytes to pixels: range ([-1, 1]), standard (mean 0 and deviation 1 of each channel of the training images),
    /// or MEAN/STD of bytes / 255, one or one for each channel, as 0.1307/0.3081 [default: range]
    #[arg(long, aliases = ["normalise", "normalization"], value_parser = str::parse::<Normalize>, value_name = "NAME|MEAN/STD")]
    pub normalize: Option<Normalize>,
    #[arg(long = "auto_augment", aliases = ["auto-augment", "aa", "randaugment"], num_args = 0..=1, default_missing_value = "", hide = true, value_parser = Instead(
        "--augment rand:2,9 is RandAugment, two operations of the magnitude 9"
    ))]
    auto_augment: Option<String>,
    #[arg(long = "random_erase", aliases = ["random-erase", "random_erasing", "reprob"], num_args = 0..=1, default_missing_value = "", hide = true, value_parser = Instead(
        "--augment erase:0.25 erases a rectangle with this probability, cutout:8 always a square"
    ))]
    random_erase: Option<String>,
}

impl ImageArgs {
    /// What the flags say.
    pub fn partial(&self) -> PartialImages {
        let ChangeArgs { augment, mixup, cutmix, normalize, .. } = self.changes.clone();
        PartialImages { augment, mixup, cutmix, label_smoothing: self.label_smoothing, normalize }
    }
}

impl ChangeArgs {
    /// The first flag that was given.
    pub fn first_given(&self) -> Option<&'static str> {
        let flags = [
            ("augment", self.augment.is_some()),
            ("mixup", self.mixup.is_some()),
            ("cutmix", self.cutmix.is_some()),
            ("normalize", self.normalize.is_some()),
        ];
        flags.into_iter().find_map(|(flag, is_given)| is_given.then_some(flag))
    }
}

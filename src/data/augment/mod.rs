//! Random changes of the images that are trained on, as bytes `[channels, height, width]`, one operation after another.
//!
//! ```text
//! crop:4,flip,rotate:15,shift:2,scale:0.9..1.1,cutout:8,jitter:0.2,erase:0.25,rand:2,9
//! ```
//!
//! Each operation is a file of this folder, which names its source. What an example becomes is a function of the run's
//! seed, the epoch, and its index in the training split:
//!
//! ```text
//! seed of the example    s = split_mix64(split_mix64(seed, epoch), index)
//! draws of operation p   split_mix64(split_mix64(s, p), 1), split_mix64(split_mix64(s, p), 2), ...
//! ```
//!
//! so neither the batch, nor who gathers it, nor a run that was stopped between changes a bit.
//!
//! ```
//! use dytb::data::Augmentation;
//!
//! let list: Augmentation = "crop:1,flip".parse().unwrap();
//! let epoch = list.of_epoch(1, 0).expect("it changes images");
//! let mut bytes = vec![10, 20, 30, 40];
//! epoch.apply(7, &mut bytes, [1, 2, 2]);
//! let mut again = vec![10, 20, 30, 40];
//! epoch.apply(7, &mut again, [1, 2, 2]);
//! assert_eq!(bytes, again);
//! ```

mod affine;
mod colour;
mod crop;
mod cutout;
mod draws;
mod erase;
mod flip;
mod image;
mod jitter;
mod list;
mod operation;
mod rand_augment;
mod sharpness;
#[cfg(test)]
pub(crate) mod tests;
mod tone;

use image::Image;
pub use list::Augmentation;
use operation::Operation;

use crate::util::random::split_mix64;

/// What an epoch does to its images.
#[derive(Clone, Copy, Debug)]
pub struct AugmentedEpoch<'a> {
    list: &'a Augmentation,
    /// Of the run's seed and the epoch.
    seed: u64,
}

impl Augmentation {
    /// The same for an `epoch` of a run of this `seed`; `None` where it changes nothing.
    pub fn of_epoch(&self, seed: u64, epoch: u64) -> Option<AugmentedEpoch<'_>> {
        let seed = split_mix64(seed, epoch);
        (!self.is_none()).then_some(AugmentedEpoch { list: self, seed })
    }
}

impl AugmentedEpoch<'_> {
    /// Changes the example `index`, `bytes` of `shape` `[channels, height, width]`.
    ///
    /// # Panics
    /// When there are not as many bytes.
    pub fn apply(self, index: usize, bytes: &mut [u8], shape: [usize; 3]) {
        let seed = self.seed_of(index);
        let image = &mut Image::new(bytes, shape);
        for (place, operation) in self.list.0.iter().enumerate() {
            operation.apply(image, seed, place as u64);
        }
    }

    /// Whether each of the examples at `indices` is flipped, where nothing else is done to them.
    pub fn flips(self, indices: &[usize]) -> Option<Vec<bool>> {
        let of = |indices: &[usize]| {
            indices.iter().map(|&index| flip::is_flipped(self.seed_of(index))).collect()
        };
        (self.list.0 == [Operation::Flip]).then(|| of(indices))
    }

    fn seed_of(self, index: usize) -> u64 {
        split_mix64(self.seed, index as u64)
    }
}

//! `flip`: left to right, by a fair coin. y[r, c] = x[r, width - 1 - c].
//!
//! Dynamic Training Bench's only augmentation, of CIFAR; torchvision's `RandomHorizontalFlip`. The coin is the lowest
//! bit of the example's seed itself, wherever the flip stands in the list: it is the coin of the versions that had
//! nothing else, and a GPU that flips by itself has it too.

use super::image::Image;

/// Whether the example of this seed is flipped.
pub(super) fn is_flipped(seed: u64) -> bool {
    seed & 1 == 1
}

pub(super) fn flip(image: &mut Image) {
    image.bytes.chunks_exact_mut(image.width).for_each(<[u8]>::reverse);
}

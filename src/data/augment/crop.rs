//! `crop:P`: the image with P rows and columns of black around it, cut to its size at a place drawn from all (2P + 1)².
//!
//! y[r, c] = x[r + top - P, c + left - P], 0 outside; top, left in 0..=2P. torchvision's `RandomCrop(size, padding=P)`
//! (`transforms/v2/_geometry.py`), as He et al. 2015 trained on CIFAR with P = 4.

use super::draws::Draws;
use super::image::Image;

pub(super) fn random(image: &mut Image, padding: usize, draws: &mut Draws) {
    let places = 2 * padding + 1;
    let (top, left) = (draws.below(places), draws.below(places));
    crop(image, padding, [top, left]);
}

/// The part of the padded image that begins at `[top, left]`.
pub(super) fn crop(image: &mut Image, padding: usize, [top, left]: [usize; 2]) {
    let (height, width, plane) = (image.height, image.width, image.plane());
    let source = image.bytes.to_vec();
    image.bytes.fill(0);
    // The columns of the image that are left, and where they begin in the result.
    let from = left.saturating_sub(padding).min(width);
    let to = padding.saturating_sub(left).min(width);
    let kept = width - from.max(to);
    for (x, y) in source.chunks_exact(plane).zip(image.bytes.chunks_exact_mut(plane)) {
        for row in 0..height {
            let Some(source_row) = (row + top).checked_sub(padding).filter(|row| *row < height)
            else {
                continue;
            };
            let kept_bytes = &x[source_row * width + from..][..kept];
            y[row * width + to..][..kept].copy_from_slice(kept_bytes);
        }
    }
}

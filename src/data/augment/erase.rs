//! `erase:P`: with probability P a black rectangle of 2 to 33 % of the image, height / width in 0.3..3.3.
//!
//! Zhong et al. 2017, "Random Erasing Data Augmentation"; torchvision's `RandomErasing(p=P)`
//! (`transforms/v2/_augment.py`), which draws up to ten times until the rectangle is smaller than the image.

use super::draws::Draws;
use super::image::Image;

/// The share of the image.
const SHARE: [f64; 2] = [0.02, 0.33];
/// Height over width.
const RATIO: [f64; 2] = [0.3, 3.3];
const TRIES: usize = 10;

pub(super) fn random(image: &mut Image, probability: f64, draws: &mut Draws) {
    if draws.uniform(0.0, 1.0) >= probability {
        return;
    }
    for _ in 0..TRIES {
        let area = image.plane() as f64 * draws.uniform(SHARE[0], SHARE[1]);
        let ratio = draws.uniform(RATIO[0].ln(), RATIO[1].ln()).exp();
        let height = (area * ratio).sqrt().round_ties_even() as usize;
        let width = (area / ratio).sqrt().round_ties_even() as usize;
        if height < image.height && width < image.width {
            let top = draws.below(image.height - height + 1);
            let left = draws.below(image.width - width + 1);
            return erase(image, [top, left], [height, width]);
        }
    }
}

/// The rectangle of `size` `[height, width]` whose upper left corner is at `[top, left]`.
pub(super) fn erase(image: &mut Image, corner: [usize; 2], size: [usize; 2]) {
    let [rows, columns] =
        [0, 1].map(|side| [corner[side] as isize, (corner[side] + size[side]) as isize]);
    image.blacken(rows, columns);
}

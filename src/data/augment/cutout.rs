//! `cutout:N`: a black square of N x N pixels around a pixel that is drawn from all; at the border a part of it is
//! outside.
//!
//! DeVries and Taylor 2017, "Improved Regularization of Convolutional Neural Networks with Cutout", whose program
//! (`util/cutout.py`) takes the rows centre - N/2 to centre + N/2. Theirs is 0 of normalised images, which is a mean
//! colour; this is 0 of bytes, as torchvision's `erase` of bytes.

use super::draws::Draws;
use super::image::Image;

pub(super) fn random(image: &mut Image, side: usize, draws: &mut Draws) {
    let (row, column) = (draws.below(image.height), draws.below(image.width));
    cutout(image, side, [row, column]);
}

/// With its centre at `[row, column]`.
pub(super) fn cutout(image: &mut Image, side: usize, centre: [usize; 2]) {
    let [rows, columns] = centre.map(|at| {
        let first = at as isize - (side / 2) as isize;
        [first, first + side as isize]
    });
    image.blacken(rows, columns);
}

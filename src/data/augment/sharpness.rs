//! Sharpness: each pixel between itself and its blurred value, y = f x + (1 - f) blur(x), cut to 0..=255.
//!
//! blur is the mean of the 3x3 pixels around, the middle one counted five times, rounded; the outermost rows and columns
//! stay. torchvision's `adjust_sharpness` of bytes (`transforms/v2/functional/_color.py`).

use super::colour::blend;
use super::image::Image;

pub(super) fn sharpness(image: &mut Image, factor: f32) {
    let (height, width, plane) = (image.height, image.width, image.plane());
    if height <= 2 || width <= 2 {
        return;
    }
    for channel in image.colours().chunks_exact_mut(plane) {
        let source = channel.to_vec();
        for row in 1..height - 1 {
            for column in 1..width - 1 {
                let at = row * width + column;
                let around = [at - width, at, at + width];
                let sum: u32 = around
                    .iter()
                    .flat_map(|&middle| &source[middle - 1..=middle + 1])
                    .map(|&byte| u32::from(byte))
                    .sum();
                let blurred = (sum + 4 * u32::from(source[at])) as f32 / 13.0;
                channel[at] = blend(source[at], blurred.round_ties_even(), factor);
            }
        }
    }
}

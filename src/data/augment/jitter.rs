//! `jitter:S`: brightness, contrast and saturation, in an order that is drawn, each by a factor in 1 - S..1 + S.
//!
//! torchvision's `ColorJitter(brightness=S, contrast=S, saturation=S)` (`transforms/v2/_color.py`), without hue.

use super::colour::{brightness, contrast, saturation};
use super::draws::Draws;
use super::image::Image;

pub(super) fn random(image: &mut Image, strength: f64, draws: &mut Draws) {
    let mut left: Vec<fn(&mut Image, f32)> = vec![brightness, contrast, saturation];
    while !left.is_empty() {
        let adjust = left.remove(draws.below(left.len()));
        let factor = draws.uniform((1.0 - strength).max(0.0), 1.0 + strength);
        adjust(image, factor as f32);
    }
}

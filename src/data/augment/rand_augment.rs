//! `rand:N,M`: N operations one after another, each drawn from fourteen, with the magnitude M of 0..=30.
//!
//! Cubuk et al. 2019, "RandAugment: Practical automated data augmentation with a reduced search space"; the table, its
//! magnitudes m = M / 30 and the signs are those of torchvision's `RandAugment` (`transforms/v2/_auto_augment.py`):
//!
//! | operation | magnitude | sign drawn |
//! |---|---|---|
//! | identity, autocontrast, equalize | | |
//! | shear x, shear y (from the upper left corner) | tangent 0.3 m | yes |
//! | translate x, translate y | ⌊m side 150 / 331⌋ pixels | yes |
//! | rotate | 30 m degrees | yes |
//! | brightness, colour, contrast, sharpness | factor 1 ± 0.9 m | yes |
//! | posterize | 8 - 4 m bits, rounded | no |
//! | solarize | from 255 (1 - m) on | no |
//!
//! Interpolated bilinearly, as all that moves pixels here; torchvision's default is the nearest pixel.

use super::affine::{self, Affine, IDENTITY};
use super::colour::{brightness, contrast, saturation};
use super::draws::Draws;
use super::image::Image;
use super::sharpness::sharpness;
use super::tone::{autocontrast, equalize, posterize, solarize};

/// The largest magnitude.
pub(super) const MOST: u32 = 30;

/// An operation of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Identity,
    ShearX,
    ShearY,
    TranslateX,
    TranslateY,
    Rotate,
    Brightness,
    Color,
    Contrast,
    Sharpness,
    Posterize,
    Solarize,
    AutoContrast,
    Equalize,
}

/// The table, in torchvision's order.
pub(super) const KINDS: [Kind; 14] = [
    Kind::Identity,
    Kind::ShearX,
    Kind::ShearY,
    Kind::TranslateX,
    Kind::TranslateY,
    Kind::Rotate,
    Kind::Brightness,
    Kind::Color,
    Kind::Contrast,
    Kind::Sharpness,
    Kind::Posterize,
    Kind::Solarize,
    Kind::AutoContrast,
    Kind::Equalize,
];

pub(super) fn random(image: &mut Image, operations: u32, magnitude: u32, draws: &mut Draws) {
    for _ in 0..operations {
        let kind = KINDS[draws.below(KINDS.len())];
        let sign = if draws.coin() { -1.0 } else { 1.0 };
        apply(image, kind, magnitude, sign);
    }
}

/// One operation of this `magnitude`, of 0..=30, and `sign`, 1 or -1.
pub(super) fn apply(image: &mut Image, kind: Kind, magnitude: u32, sign: f64) {
    let m = f64::from(magnitude) / f64::from(MOST);
    let signed = m * sign;
    let factor = (1.0 + 0.9 * signed) as f32;
    let pixels = |side: usize| (150.0 / 331.0 * side as f64 * signed).trunc();
    let corner = [image.width, image.height].map(|side| side as f64 * -0.5);
    match kind {
        Kind::Identity => {}
        Kind::ShearX => {
            affine::warp(image, Affine { shear: [0.3 * signed, 0.0], centre: corner, ..IDENTITY })
        }
        Kind::ShearY => {
            affine::warp(image, Affine { shear: [0.0, 0.3 * signed], centre: corner, ..IDENTITY })
        }
        Kind::TranslateX => {
            let shift = [pixels(image.width), 0.0];
            affine::warp(image, Affine { shift, ..IDENTITY });
        }
        Kind::TranslateY => {
            let shift = [0.0, pixels(image.height)];
            affine::warp(image, Affine { shift, ..IDENTITY });
        }
        Kind::Rotate => affine::rotate(image, 30.0 * signed),
        Kind::Brightness => brightness(image, factor),
        Kind::Color => saturation(image, factor),
        Kind::Contrast => contrast(image, factor),
        Kind::Sharpness => sharpness(image, factor),
        Kind::Posterize => posterize(image, (8.0 - 4.0 * m).round_ties_even() as u32),
        Kind::Solarize => solarize(image, (255.0 * (1.0 - m)) as f32),
        Kind::AutoContrast => autocontrast(image),
        Kind::Equalize => equalize(image),
    }
}

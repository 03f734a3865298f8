//! Brightness, contrast, saturation: each pixel x between itself and another value z, y = f x + (1 - f) z, cut to
//! 0..=255 and then to a whole number.
//!
//! z is 0 for the brightness; the mean grey of the image for the contrast; the pixel's own grey for the saturation.
//! Grey is ⌊0.2989 red + 0.587 green + 0.114 blue⌋, in f32 as in torchvision's `adjust_brightness`, `adjust_contrast`
//! and `adjust_saturation` of bytes (`transforms/v2/functional/_color.py`). Of a grey image the saturation changes
//! nothing. The opacity of four channels stays.

use super::image::Image;

pub(super) fn brightness(image: &mut Image, factor: f32) {
    image.colours().iter_mut().for_each(|byte| *byte = blend(*byte, 0.0, factor));
}

pub(super) fn contrast(image: &mut Image, factor: f32) {
    let plane = image.plane();
    let colours = image.colours();
    let sum: u64 = match colours.len() > plane {
        true => greys(colours, plane).map(|grey| grey as u64).sum(),
        false => colours.iter().map(|&byte| u64::from(byte)).sum(),
    };
    let mean = sum as f32 / plane as f32;
    colours.iter_mut().for_each(|byte| *byte = blend(*byte, mean, factor));
}

pub(super) fn saturation(image: &mut Image, factor: f32) {
    let plane = image.plane();
    let colours = image.colours();
    if colours.len() == plane {
        return;
    }
    let greys: Vec<f32> = greys(colours, plane).collect();
    for channel in colours.chunks_exact_mut(plane) {
        for (byte, grey) in channel.iter_mut().zip(&greys) {
            *byte = blend(*byte, *grey, factor);
        }
    }
}

/// The grey of each pixel of three channels.
fn greys(colours: &[u8], plane: usize) -> impl Iterator<Item = f32> {
    (0..plane).map(move |at| {
        let [red, green, blue] = [0, 1, 2].map(|c| f32::from(colours[c * plane + at]));
        (0.2989 * red + 0.587 * green + 0.114 * blue).floor()
    })
}

/// f x + (1 - f) z as a byte.
pub(super) fn blend(x: u8, z: f32, factor: f32) -> u8 {
    // `as` clamps, and cuts the fraction off.
    (f32::from(x) * factor + z * (1.0 - factor)) as u8
}

//! Four operations of RandAugment that give each byte another, channel by channel.
//!
//! Posterize keeps the highest bits; solarize makes 255 - x of x ≥ a threshold; autocontrast stretches the bytes from
//! the least to the greatest over 0..=255; equalize gives each value k the share of bytes below it, as Pillow:
//! (⌊step / 2⌋ + Σ_{j<k} count(j)) / step, where step = (pixels - count(greatest)) / 255, both whole. torchvision's
//! functions of these names (`transforms/v2/functional/_color.py`).

use super::image::Image;

/// `bits` of 0..=8.
pub(super) fn posterize(image: &mut Image, bits: u32) {
    let mask = !(0xff_u32 >> bits) as u8;
    image.colours().iter_mut().for_each(|byte| *byte &= mask);
}

pub(super) fn solarize(image: &mut Image, threshold: f32) {
    let is_bright = |byte: u8| f32::from(byte) >= threshold;
    let bytes = image.colours().iter_mut().filter(|byte| is_bright(**byte));
    bytes.for_each(|byte| *byte = 255 - *byte);
}

pub(super) fn autocontrast(image: &mut Image) {
    let plane = image.plane();
    for channel in image.colours().chunks_exact_mut(plane) {
        let (least, most) =
            channel.iter().fold((255, 0), |(least, most), &x| (x.min(least), x.max(most)));
        if least >= most {
            continue;
        }
        let scale = f32::from(most - least) * (1.0 / 255.0);
        channel.iter_mut().for_each(|byte| *byte = (f32::from(*byte - least) / scale) as u8);
    }
}

pub(super) fn equalize(image: &mut Image) {
    let plane = image.plane();
    for channel in image.colours().chunks_exact_mut(plane) {
        let mut counts = [0_usize; 256];
        channel.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
        let greatest = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let step = (plane - counts[greatest]) / 255;
        if step == 0 {
            continue;
        }
        let mut below = step / 2;
        let table = counts.map(|count| {
            let value = (below / step).min(255) as u8;
            below += count;
            value
        });
        channel.iter_mut().for_each(|byte| *byte = table[usize::from(*byte)]);
    }
}

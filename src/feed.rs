//! The way of the examples to the device: bytes `[examples, channels, height, width]` to images
//! `[batch, channels, height, width]` of (x / 255 - 0.5) · 2, in -1..=1.
//!
//! On a GPU the bytes are uploaded once and gathered and scaled there. On the CPU a batch is
//! gathered from the bytes directly: there is nothing to upload, and every thread gathers its own
//! piece. Both give the same numbers, to the last bit.

use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use crate::Examples;
use crate::device::is_cpu;
use crate::resident::Resident;

/// The examples of a split, ready for batches on one device.
pub struct Feed {
    examples: Examples,
    device: Device,
    /// The examples on the device, where that is a GPU.
    resident: Option<Resident>,
    /// Byte to pixel in -1..=1.
    scale: [f32; 256],
}

impl Feed {
    /// Brings `examples` to `device`.
    pub fn new(examples: Examples, device: &Device) -> Self {
        let scale = std::array::from_fn(|byte| (byte as f32 / 255.0 - 0.5) * 2.0);
        let resident = (!is_cpu(device)).then(|| Resident::new(&examples, &scale, device));
        Self { examples, device: device.clone(), resident, scale }
    }

    /// Where the images are made.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Whether there is none: never.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }

    /// The images `[indices, channels, height, width]` at `indices`, those mirrored left to right
    /// for which `mirrored` says so.
    pub fn images(&self, indices: &[usize], mirrored: impl Fn(usize) -> bool) -> Tensor<4> {
        match &self.resident {
            Some(resident) => resident.images(indices, mirrored),
            None => self.gather_here(indices, mirrored),
        }
    }

    fn gather_here(&self, indices: &[usize], mirrored: impl Fn(usize) -> bool) -> Tensor<4> {
        let [channels, height, width] = self.examples.shape();
        let mut pixels = Vec::with_capacity(indices.len() * channels * height * width);
        for &index in indices {
            let image = self.examples.image(index).iter();
            let scaled = image.map(|&byte| self.scale[usize::from(byte)]);
            let start = pixels.len();
            pixels.extend(scaled);
            if mirrored(index) {
                pixels[start..].chunks_exact_mut(width).for_each(<[f32]>::reverse);
            }
        }
        let data = TensorData::new(pixels, [indices.len(), channels, height, width]);
        Tensor::from_data(data, &self.device)
    }
}

/// The order in which an epoch goes through `examples` examples: a function of `seed` and `epoch`
/// alone, so that a resumed run goes on as it would have gone.
pub fn epoch_order(seed: u64, epoch: u64, examples: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..examples).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(mix(seed, epoch)));
    order
}

/// Whether an epoch mirrors the example `index`: a fair coin of `seed`, `epoch` and `index`.
pub fn coin(seed: u64, epoch: u64, index: usize) -> bool {
    mix(mix(seed, epoch), index as u64) & 1 == 1
}

/// A random function of two numbers: SplitMix64's finaliser (Steele, Lea and Flood 2014) over
/// their combination.
fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_holds_each_example_once_and_differs_from_the_next() {
        let mut order = epoch_order(1, 0, 100);
        assert_eq!(order, epoch_order(1, 0, 100));
        assert_ne!(order, epoch_order(1, 1, 100));
        assert_ne!(order, epoch_order(2, 0, 100));
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn the_coin_is_fair() {
        let heads = (0..10_000).filter(|&index| coin(3, 5, index)).count();
        assert!((4_800..5_200).contains(&heads), "{heads}");
        assert!((0..100).any(|index| coin(3, 5, index) != coin(3, 6, index)));
    }

    #[test]
    fn images_are_scaled_and_mirrored() {
        let examples = Examples::new([1, 1, 3], vec![0, 51, 255, 255, 0, 0], vec![0, 1]).unwrap();
        let feed = Feed::new(examples, &Device::flex());
        let pixels: Vec<f32> =
            feed.images(&[1, 0], |index| index == 1).into_data().try_to_vec().unwrap();
        assert_eq!(pixels, [-1.0, -1.0, 1.0, -1.0, (51.0 / 255.0 - 0.5) * 2.0, 1.0]);
    }

    #[test]
    fn gathered_there_as_gathered_here() {
        // 7 rows of 9 bytes: the examples end within a word; all bytes occur, high ones everywhere.
        let bytes: Vec<u8> = (0..8 * 63).map(|n| (n * 37 % 256) as u8).collect();
        let examples = Examples::new([1, 7, 9], bytes, (0..8).collect()).unwrap();
        let feed = Feed::new(examples, &Device::flex());
        let there = Resident::new(&feed.examples, &feed.scale, &feed.device);
        let indices = [7, 0, 3, 3];
        for mirrored in [|_| false, |index: usize| index.is_multiple_of(3)] {
            let here = feed.images(&indices, mirrored).into_data();
            there.images(&indices, mirrored).into_data().assert_eq(&here, true);
        }
    }
}

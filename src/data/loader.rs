//! The way of the examples to the device: bytes `[examples, channels, height, width]` to images
//! `[batch, channels, height, width]` of (x / 255 - 0.5) · 2, in -1..=1.
//!
//! On a GPU the bytes are uploaded once and gathered and scaled there. On the CPU a batch is
//! gathered from the bytes directly: there is nothing to upload, and every thread gathers its own
//! piece. Both give the same numbers, to the last bit.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::data::Examples;
use crate::data::on_device::Resident;
use crate::device::is_cpu;

/// The examples of a split, ready for batches on one device.
pub struct DataLoader {
    examples: Examples,
    device: Device,
    /// The examples on the device, where that is a GPU.
    resident: Option<Resident>,
    /// Byte to pixel in -1..=1.
    scale: [f32; 256],
}

impl DataLoader {
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

    /// The classes `[indices]` of the examples at `indices`.
    pub fn labels(&self, indices: &[usize]) -> Tensor<1, Int> {
        let labels: Vec<i32> =
            indices.iter().map(|&index| self.examples.labels()[index] as i32).collect();
        // 32 bits: every device has them.
        Tensor::from_data(TensorData::new(labels, [indices.len()]), (&self.device, DType::I32))
    }

    /// The examples themselves.
    pub fn examples(&self) -> &Examples {
        &self.examples
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_scaled_and_mirrored() {
        let examples = Examples::new([1, 1, 3], vec![0, 51, 255, 255, 0, 0], vec![0, 1]).unwrap();
        let loader = DataLoader::new(examples, &Device::flex());
        let pixels: Vec<f32> =
            loader.images(&[1, 0], |index| index == 1).into_data().try_to_vec().unwrap();
        assert_eq!(pixels, [-1.0, -1.0, 1.0, -1.0, (51.0 / 255.0 - 0.5) * 2.0, 1.0]);
    }

    #[test]
    fn gathered_there_as_gathered_here() {
        // 7 rows of 9 bytes: the examples end within a word; all bytes occur, high ones everywhere.
        let bytes: Vec<u8> = (0..8 * 63).map(|n| (n * 37 % 256) as u8).collect();
        let examples = Examples::new([1, 7, 9], bytes, (0..8).collect()).unwrap();
        let loader = DataLoader::new(examples, &Device::flex());
        let there = Resident::new(&loader.examples, &loader.scale, &loader.device);
        let indices = [7, 0, 3, 3];
        for mirrored in [|_| false, |index: usize| index.is_multiple_of(3)] {
            let here = loader.images(&indices, mirrored).into_data();
            there.images(&indices, mirrored).into_data().assert_eq(&here, true);
        }
    }
}

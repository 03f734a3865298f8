//! The way of the examples to the device: bytes `[examples, channels, height, width]` to images
//! `[batch, channels, height, width]` of (x / 255 - 0.5) · 2, in -1..=1.
//!
//! On a GPU the bytes are uploaded once and gathered and scaled there. On the CPU a batch is
//! gathered from the bytes directly: there is nothing to upload, and every thread gathers its own
//! microbatch. Both give the same numbers, to the last bit.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::data::Examples;
use crate::data::on_device::DeviceDataset;
use crate::device::is_cpu;

/// Which examples make a batch, in their order, and which of them are flipped.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Of the examples in their split.
    pub indices: &'a [usize],
    /// Whether each is flipped left to right; empty if none is.
    pub flips: &'a [bool],
}

impl<'a> Batch<'a> {
    /// The examples at `indices`, none of them flipped.
    pub fn plain(indices: &'a [usize]) -> Self {
        Self { indices, flips: &[] }
    }

    /// Number of examples.
    pub fn len(self) -> usize {
        self.indices.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.indices.is_empty()
    }

    /// Whether the example at `position` is flipped.
    pub fn is_flipped(self, position: usize) -> bool {
        self.flips.get(position).is_some_and(|flip| *flip)
    }

    /// The batch in parts of `size` examples; the last may be smaller.
    ///
    /// # Panics
    /// When `size` is 0.
    pub fn chunks(self, size: usize) -> Vec<Self> {
        let flips = |from: usize, len: usize| match self.flips {
            [] => &[][..],
            flips => &flips[from..][..len],
        };
        let parts = self.indices.chunks(size).enumerate();
        parts
            .map(|(number, indices)| Self { indices, flips: flips(number * size, indices.len()) })
            .collect()
    }
}

/// The examples of a split, ready for batches on one device.
pub struct DataLoader {
    examples: Examples,
    device: Device,
    /// The examples on the device, where that is a GPU.
    on_device: Option<DeviceDataset>,
    /// Byte to pixel in -1..=1.
    scale: [f32; 256],
}

impl DataLoader {
    /// Brings `examples` to `device`.
    pub fn new(examples: Examples, device: &Device) -> Self {
        let scale = std::array::from_fn(|byte| (byte as f32 / 255.0 - 0.5) * 2.0);
        let on_device = (!is_cpu(device)).then(|| DeviceDataset::new(&examples, &scale, device));
        Self { examples, device: device.clone(), on_device, scale }
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

    /// The images `[batch, channels, height, width]` of `batch`.
    pub fn images(&self, batch: Batch) -> Tensor<4> {
        match &self.on_device {
            Some(on_device) => on_device.images(batch),
            None => self.gather_here(batch),
        }
    }

    /// The labels `[batch]` of `batch`.
    pub fn labels(&self, batch: Batch) -> Tensor<1, Int> {
        let labels = batch.indices.iter().map(|&index| self.examples.labels()[index] as i32);
        let labels: Vec<i32> = labels.collect();
        // 32 bits: every device has them.
        Tensor::from_data(TensorData::new(labels, [batch.len()]), (&self.device, DType::I32))
    }

    /// The examples themselves.
    pub fn examples(&self) -> &Examples {
        &self.examples
    }

    fn gather_here(&self, batch: Batch) -> Tensor<4> {
        let [channels, height, width] = self.examples.shape();
        let mut pixels = Vec::with_capacity(batch.len() * channels * height * width);
        for (position, &index) in batch.indices.iter().enumerate() {
            let image = self.examples.image(index).iter();
            let scaled = image.map(|&byte| self.scale[usize::from(byte)]);
            let start = pixels.len();
            pixels.extend(scaled);
            if batch.is_flipped(position) {
                pixels[start..].chunks_exact_mut(width).for_each(<[f32]>::reverse);
            }
        }
        let data = TensorData::new(pixels, [batch.len(), channels, height, width]);
        Tensor::from_data(data, &self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_scaled_and_flipped() {
        let examples = Examples::new([1, 1, 3], vec![0, 51, 255, 255, 0, 0], vec![0, 1]).unwrap();
        let loader = DataLoader::new(examples, &Device::flex());
        let pixels: Vec<f32> = loader
            .images(Batch { indices: &[1, 0], flips: &[true, false] })
            .into_data()
            .try_to_vec()
            .unwrap();
        assert_eq!(pixels, [-1.0, -1.0, 1.0, -1.0, (51.0 / 255.0 - 0.5) * 2.0, 1.0]);
    }

    #[test]
    fn gathered_there_as_gathered_here() {
        // 7 rows of 9 bytes: the examples end within a word; all bytes occur, high ones everywhere.
        let bytes: Vec<u8> = (0..8 * 63).map(|n| (n * 37 % 256) as u8).collect();
        let examples = Examples::new([1, 7, 9], bytes, (0..8).collect()).unwrap();
        let loader = DataLoader::new(examples, &Device::flex());
        let there = DeviceDataset::new(&loader.examples, &loader.scale, &loader.device);
        let indices = [7, 0, 3, 3];
        for flips in [&[][..], &[false, true, true, true]] {
            let batch = Batch { indices: &indices, flips };
            let here = loader.images(batch).into_data();
            there.images(batch).into_data().assert_eq(&here, true);
        }
    }
}

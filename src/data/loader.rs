//! The way of the examples to the device: bytes `[examples, channels, height, width]` to images
//! `[batch, channels, height, width]` of (x / 255 - 0.5) · 2, in -1..=1, or [normalised](super::normalize) otherwise.
//!
//! ```text
//! bytes of each example -> augmented -> scaled -> mixed with another example
//! ```
//!
//! On a GPU the bytes are uploaded once and gathered and scaled there; where more is done to them than a flip, those of
//! each batch are made here and uploaded. On the CPU a batch is gathered from the bytes directly: there is nothing to
//! upload, and every thread gathers its own microbatch. Both give the same numbers, to the last bit (a mixup but for
//! the rounding of its sums).

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::data::normalize::tables;
use crate::data::on_device::DeviceDataset;
use crate::data::{Batch, Examples, Normalization};
use crate::device::is_cpu;

/// The examples of a split, ready for batches on one device.
pub struct DataLoader {
    examples: Examples,
    device: Device,
    /// The examples on the device, where that is a GPU.
    on_device: Option<DeviceDataset>,
    /// Byte to pixel, for each channel.
    scales: Vec<[f32; 256]>,
}

impl DataLoader {
    /// Brings `examples` to `device`, to be scaled to -1..=1.
    pub fn new(examples: Examples, device: &Device) -> Self {
        Self::normalized(examples, device, None)
    }

    /// Brings `examples` to `device`, to be normalised so, or scaled to -1..=1.
    ///
    /// # Panics
    /// When the `normalization` does not [fit](Normalization::fits) their channels.
    pub fn normalized(
        examples: Examples,
        device: &Device,
        normalization: Option<&Normalization>,
    ) -> Self {
        let scales = tables(normalization, examples.shape()[0]);
        let on_device = (!is_cpu(device)).then(|| DeviceDataset::new(&examples, &scales, device));
        Self { examples, device: device.clone(), on_device, scales }
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

    /// The images `[batch, channels, height, width]` of `batch`, mixed where it says so.
    pub fn images(&self, batch: Batch) -> Tensor<4> {
        let images = self.unmixed(batch);
        match batch.partners() {
            Some((partners, mix)) => mix.apply(images, self.unmixed(partners)),
            None => images,
        }
    }

    /// The bytes `[batch, channels, height, width]` of `batch`, augmented where it says so, not mixed.
    pub fn bytes(&self, batch: Batch) -> Vec<u8> {
        let shape = self.examples.shape();
        let size = shape.iter().product();
        let mut bytes = vec![0; batch.len() * size];
        for (image, &index) in bytes.chunks_exact_mut(size).zip(batch.indices) {
            image.copy_from_slice(self.examples.image(index));
            if let Some(augmented) = batch.augmented {
                augmented.apply(index, image, shape);
            }
        }
        bytes
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

    fn unmixed(&self, batch: Batch) -> Tensor<4> {
        let Some(on_device) = &self.on_device else { return self.gather_here(batch) };
        let Some(augmented) = batch.augmented else { return on_device.images(batch.indices, &[]) };
        match augmented.flips(batch.indices) {
            Some(flips) => on_device.images(batch.indices, &flips),
            None => on_device.upload(&self.bytes(batch)),
        }
    }

    fn gather_here(&self, batch: Batch) -> Tensor<4> {
        let [channels, height, width] = self.examples.shape();
        let bytes = self.bytes(batch);
        let mut pixels = Vec::with_capacity(bytes.len());
        for (channel, scale) in bytes.chunks_exact(height * width).zip(self.scales.iter().cycle()) {
            pixels.extend(channel.iter().map(|&byte| scale[usize::from(byte)]));
        }
        let data = TensorData::new(pixels, [batch.len(), channels, height, width]);
        Tensor::from_data(data, &self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mix::{self, Mix};
    use crate::data::{Augmentation, Mixed, Normalize};

    fn floats(tensor: Tensor<4>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn images_are_scaled_and_flipped() {
        let examples = Examples::new([1, 1, 3], vec![0, 51, 255, 255, 0, 0], vec![0, 1]).unwrap();
        let loader = DataLoader::new(examples, &Device::flex());
        let flip = Augmentation::flip();
        let second_only = |epoch: &u64| {
            flip.of_epoch(1, *epoch).unwrap().flips(&[1, 0]).unwrap() == [true, false]
        };
        let epoch = (0..100).find(second_only).unwrap();
        let pixels = floats(loader.images(Batch::augmented(&[1, 0], flip.of_epoch(1, epoch))));
        assert_eq!(pixels, [-1.0, -1.0, 1.0, -1.0, (51.0 / 255.0 - 0.5) * 2.0, 1.0]);
    }

    /// 8 examples of `channels` times 7 rows of 9 bytes: they end within a word; all bytes occur.
    fn examples(channels: usize) -> Examples {
        let bytes = (0..8 * channels * 63).map(|n| (n * 37 % 256) as u8).collect();
        Examples::new([channels, 7, 9], bytes, (0..8).collect()).unwrap()
    }

    #[test]
    fn gathered_there_as_gathered_here() {
        for (channels, normalize) in
            [(1, "range"), (3, "range"), (3, "standard"), (3, "0.1,0.2,0.3/0.5")]
        {
            let examples = examples(channels);
            let normalize: Normalize = normalize.parse().unwrap();
            let normalization = normalize.resolve(&examples).unwrap();
            let device = Device::flex();
            let here = DataLoader::normalized(examples.clone(), &device, normalization.as_ref());
            let on_device = Some(DeviceDataset::new(&examples, &here.scales, &device));
            let there = DataLoader {
                on_device,
                ..DataLoader::normalized(examples, &device, normalization.as_ref())
            };
            for list in ["none", "flip", "crop:2,flip", "rand:2,9"] {
                let list: Augmentation = list.parse().unwrap();
                let batch = Batch::augmented(&[7, 0, 3, 3], list.of_epoch(1, 2));
                assert_eq!(floats(there.images(batch)), floats(here.images(batch)), "{list}");
            }
        }
    }

    /// A microbatch is the part of its batch, whatever is done to it.
    #[test]
    fn parts_of_a_batch_are_those_of_the_whole() {
        let loader = DataLoader::new(examples(3), &Device::flex());
        let list: Augmentation = "crop:2,flip,jitter:0.5".parse().unwrap();
        let indices = [5, 0, 3, 7, 1];
        let partners = mix::partners(&indices);
        for rectangle in [None, Some([[1, 4], [2, 9]])] {
            let mix = Mix { lambda: 0.3, rectangle };
            let mixed = Some(Mixed { partners: &partners, mix });
            let batch = Batch { mixed, ..Batch::augmented(&indices, list.of_epoch(1, 2)) };
            let whole = floats(loader.images(batch));
            for size in 1..=5 {
                let parts =
                    batch.chunks(size).into_iter().flat_map(|part| floats(loader.images(part)));
                assert_eq!(parts.collect::<Vec<_>>(), whole, "{size}");
            }
        }
    }
}

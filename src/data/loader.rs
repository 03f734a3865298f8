//! The way of the examples to the device: bytes `[examples, channels, height, width]` to images
//! `[batch, channels, height, width]` of (x / 255 - 0.5) · 2, in -1..=1, or [normalised](super::normalize) otherwise.
//!
//! ```text
//! bytes of each example -> augmented -> scaled -> mixed with another example
//! ```
//!
//! On a GPU the bytes are uploaded once, if they are in memory and not too many, and gathered and scaled there; where
//! they are not there, or more is done to them than a flip, those of each batch are made here and uploaded. On the CPU
//! a batch is gathered from the bytes directly: there is nothing to upload, and every thread gathers its own
//! microbatch. Both give the same numbers, to the last bit (a mixup but for the rounding of its sums).
//!
//! Of images that are in a file a batch has to be [read](DataLoader::read) first, or [ahead](DataLoader::read_ahead);
//! for those in memory the same calls do nothing:
//!
//! ```
//! # use burn::tensor::Device;
//! # use dytb::{Examples, data::{Batch, DataLoader}};
//! # let examples = Examples::new([1, 1, 1], vec![0, 255], vec![0, 1]).unwrap();
//! let loader = DataLoader::new(examples, &Device::flex());
//! let bytes = loader.read(&[1, 0])?;
//! let images = loader.images(Batch::plain(&[1, 0]).with_bytes(&bytes));
//! assert_eq!(images.dims(), [2, 1, 1, 1]);
//! # anyhow::Ok(())
//! ```

use std::sync::Arc;

use anyhow::Result;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::data::normalize::tables;
use crate::data::on_device::DeviceDataset;
use crate::data::{Batch, BatchBytes, Examples, Normalization, ReadAhead};

/// Bytes of images that are kept on a GPU: burn does not tell how much memory one has, and a GPU that trains has more
/// than that.
const MOST_ON_DEVICE: usize = 2 << 30;

/// The examples of a split, ready for batches on one device.
pub struct DataLoader {
    examples: Arc<Examples>,
    device: Device,
    /// What is on the device, where that is a GPU: the examples, if they are not too many, and how they are scaled.
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
        Self::scaled(examples.into(), device, scales)
    }

    /// The same examples, for batches on another `device`.
    pub fn on(&self, device: &Device) -> Self {
        Self::scaled(self.examples.clone(), device, self.scales.clone())
    }

    fn scaled(examples: Arc<Examples>, device: &Device, scales: Vec<[f32; 256]>) -> Self {
        let bytes = examples.len() * examples.image_bytes();
        let live_there = examples.are_in_memory() && bytes <= MOST_ON_DEVICE;
        let on_device = uploaded(&examples, live_there, &scales, device);
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

    /// Reads the bytes of the examples at `indices`, where they are in a file.
    ///
    /// # Errors
    /// Where one cannot be read, or is damaged.
    pub fn read(&self, indices: &[usize]) -> Result<BatchBytes> {
        BatchBytes::read(&self.examples, indices)
    }

    /// Reads the bytes of these batches, one after the other, while others are used.
    pub fn read_ahead(&self, batches: &[&[usize]]) -> ReadAhead {
        ReadAhead::of(&self.examples, batches)
    }

    /// The images `[batch, channels, height, width]` of `batch`, mixed where it says so.
    ///
    /// # Panics
    /// When the images are in a file, and the batch has not the bytes that were read for it.
    pub fn images(&self, batch: Batch) -> Tensor<4> {
        let images = self.unmixed(batch);
        match batch.partners() {
            Some((partners, mix)) => mix.apply(images, self.unmixed(partners)),
            None => images,
        }
    }

    /// The bytes `[batch, channels, height, width]` of `batch`, augmented where it says so, not mixed.
    ///
    /// # Panics
    /// As [`images`](Self::images) does.
    pub fn bytes(&self, batch: Batch) -> Vec<u8> {
        let shape = self.examples.shape();
        let size = shape.iter().product();
        let mut bytes = vec![0; batch.len() * size];
        for (image, &index) in bytes.chunks_exact_mut(size).zip(batch.indices) {
            image.copy_from_slice(self.image(batch, index));
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

    /// The bytes `[channels, height, width]` of the example `index`, which is one of `batch` or a partner of one.
    fn image<'a>(&'a self, batch: Batch<'a>, index: usize) -> &'a [u8] {
        let read = batch.bytes.and_then(|bytes| bytes.image(index));
        let image = read.or_else(|| self.examples.image_in_memory(index));
        image.expect("a batch of images in a file has the bytes that were read for it")
    }

    fn unmixed(&self, batch: Batch) -> Tensor<4> {
        let Some(on_device) = &self.on_device else { return self.gather_here(batch) };
        let flips = match batch.augmented {
            Some(augmented) => augmented.flips(batch.indices),
            None => Some(Vec::new()),
        };
        match flips {
            Some(flips) if on_device.has_all() => on_device.images(batch.indices, &flips),
            _ => on_device.upload(&self.bytes(batch)),
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

/// The scales on `device`, if that is a GPU, and the examples, if they are to live there.
fn uploaded(
    examples: &Examples,
    live_there: bool,
    scales: &[[f32; 256]],
    device: &Device,
) -> Option<DeviceDataset> {
    let image = |index| examples.image_in_memory(index).expect("they are in memory");
    let images = live_there.then(|| (0..examples.len()).map(image));
    DeviceDataset::new(images, examples.shape(), scales, device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mix::{self, Mix};
    use crate::data::{Augmentation, Mixed};

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

    /// Images that are in no buffer.
    fn read_when_needed(fails_at: usize) -> DataLoader {
        let decoder = move |index: usize| match index == fails_at {
            true => Err("it is torn".to_owned()),
            false => Ok(vec![index as u8; 4]),
        };
        let labels = (0..20).collect();
        let examples = Examples::on_demand([1, 2, 2], labels, String::new(), decoder).unwrap();
        DataLoader::new(examples, &Device::flex())
    }

    #[test]
    fn batches_are_read_ahead_in_their_order() {
        let loader = read_when_needed(usize::MAX);
        let pixels = (0..20).flat_map(|index| [index; 4]).collect();
        let in_memory = Examples::new([1, 2, 2], pixels, (0..20).collect()).unwrap();
        let in_memory = DataLoader::new(in_memory, &Device::flex());
        let order: Vec<_> = (0..20).map(|at| at * 7 % 20).collect();
        let batches: Vec<_> = order.chunks(3).collect();
        let mut ahead = [&loader, &in_memory].map(|loader| loader.read_ahead(&batches));
        for indices in &batches {
            let [bytes, none] = ahead.each_mut().map(|ahead| ahead.next_batch().unwrap());
            assert!(none.image(indices[0]).is_none());
            let read = Batch::plain(indices).with_bytes(&bytes).chunks(2);
            for (read, plain) in read.into_iter().zip(Batch::plain(indices).chunks(2)) {
                let here = in_memory.images(plain.with_bytes(&none)).into_data();
                loader.images(read).into_data().assert_eq(&here, true);
            }
        }
        assert!(ahead[0].next_batch().is_err());
        // One that is not read to its end leaves no thread behind that waits for ever.
        drop(loader.read_ahead(&batches));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let loader = read_when_needed(4);
        let mut ahead = loader.read_ahead(&[&[0, 1], &[3, 4], &[5]]);
        ahead.next_batch().unwrap();
        assert!(ahead.next_batch().unwrap_err().to_string().contains("it is torn"));
        assert!(loader.read(&[4]).is_err() && loader.read(&[5]).is_ok());
    }
}

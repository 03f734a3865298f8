//! The way of the examples to the device: bytes `[examples, channels, height, width]` to images
//! `[batch, channels, height, width]` of (x / 255 - 0.5) · 2, in -1..=1.
//!
//! On a GPU the bytes are uploaded once, if they are in memory and not too many, and gathered and scaled there; else
//! those of a batch at a time. On the CPU a batch is gathered from the bytes directly: there is nothing to upload, and
//! every thread gathers its own microbatch. Both give the same numbers, to the last bit.
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

use crate::data::on_device::DeviceDataset;
use crate::data::{BatchBytes, Examples, ReadAhead};
use crate::device::is_cpu;

/// Bytes of images that are kept on a GPU: burn does not tell how much memory one has, and a GPU that trains has more
/// than that.
const MOST_ON_DEVICE: usize = 2 << 30;

/// Which examples make a batch, in their order, and which of them are flipped.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Of the examples in their split.
    pub indices: &'a [usize],
    /// Whether each is flipped left to right; empty if none is.
    pub flips: &'a [bool],
    /// The bytes `[batch, channels, height, width]` of the examples; empty where they are in memory.
    pub bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// The examples at `indices`, none of them flipped.
    pub fn plain(indices: &'a [usize]) -> Self {
        Self { indices, flips: &[], bytes: &[] }
    }

    /// The same with the `bytes` that were read for it.
    pub fn with_bytes(self, bytes: &'a BatchBytes) -> Self {
        Self { bytes: bytes.as_slice(), ..self }
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
        let parts = self.indices.chunks(size).enumerate();
        parts
            .map(|(number, indices)| {
                let (from, len) = (number * size, indices.len());
                let flips = if self.flips.is_empty() { &[] } else { &self.flips[from..][..len] };
                // Of a batch without bytes these are none.
                let image = self.bytes.len() / self.len();
                Self { indices, flips, bytes: &self.bytes[from * image..][..len * image] }
            })
            .collect()
    }
}

/// The examples of a split, ready for batches on one device.
pub struct DataLoader {
    examples: Arc<Examples>,
    device: Device,
    /// The examples on the device, where that is a GPU and they are not too many.
    on_device: Option<DeviceDataset>,
    /// Byte to pixel in -1..=1.
    scale: [f32; 256],
}

impl DataLoader {
    /// Brings `examples` to `device`.
    pub fn new(examples: Examples, device: &Device) -> Self {
        let scale = std::array::from_fn(|byte| (byte as f32 / 255.0 - 0.5) * 2.0);
        let bytes = examples.len() * examples.image_bytes();
        let lives_there = !is_cpu(device) && examples.are_in_memory() && bytes <= MOST_ON_DEVICE;
        let all = Vec::from_iter(0..examples.len());
        let device = device.clone();
        let mut loader = Self { examples: examples.into(), device, on_device: None, scale };
        loader.on_device = lives_there.then(|| loader.upload(Batch::plain(&all)));
        loader
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
        ReadAhead::of(&self.examples, batches.iter().map(|indices| indices.to_vec()).collect())
    }

    /// The images `[batch, channels, height, width]` of `batch`.
    ///
    /// # Panics
    /// When the images are in a file, and the batch has not the bytes that were read for it.
    pub fn images(&self, batch: Batch) -> Tensor<4> {
        match &self.on_device {
            Some(on_device) => on_device.images(batch),
            None if is_cpu(&self.device) => self.gather_here(batch),
            None => self.gather_there(batch),
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

    /// The bytes `[channels, height, width]` of the example at `position` of `batch`.
    fn bytes<'a>(&'a self, batch: Batch<'a>, position: usize) -> &'a [u8] {
        let size = self.examples.image_bytes();
        match batch.bytes {
            [] => {
                let image = self.examples.image_in_memory(batch.indices[position]);
                image.expect("a batch of images in a file has the bytes that were read for it")
            }
            bytes => &bytes[position * size..][..size],
        }
    }

    fn gather_here(&self, batch: Batch) -> Tensor<4> {
        let [channels, height, width] = self.examples.shape();
        let mut pixels = Vec::with_capacity(batch.len() * channels * height * width);
        for position in 0..batch.len() {
            let image = self.bytes(batch, position).iter();
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

    /// The same on a device where the examples are not: those of the batch are uploaded.
    fn gather_there(&self, batch: Batch) -> Tensor<4> {
        let places = Vec::from_iter(0..batch.len());
        self.upload(batch).images(Batch { flips: batch.flips, ..Batch::plain(&places) })
    }

    fn upload(&self, batch: Batch) -> DeviceDataset {
        let images = (0..batch.len()).map(|position| self.bytes(batch, position));
        DeviceDataset::new(images, self.examples.shape(), &self.scale, &self.device)
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
            .images(Batch { flips: &[true, false], ..Batch::plain(&[1, 0]) })
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
        let all: Vec<_> = (0..8).collect();
        let there = loader.upload(Batch::plain(&all));
        let indices = [7, 0, 3, 3];
        for flips in [&[][..], &[false, true, true, true]] {
            let batch = Batch { flips, ..Batch::plain(&indices) };
            let here = loader.images(batch).into_data();
            there.images(batch).into_data().assert_eq(&here, true);
            // Where they do not fit.
            loader.gather_there(batch).into_data().assert_eq(&here, true);
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
            assert!(none.as_slice().is_empty());
            let read = Batch::plain(indices).with_bytes(&bytes).chunks(2);
            for (read, plain) in read.into_iter().zip(Batch::plain(indices).chunks(2)) {
                let here = in_memory.images(plain.with_bytes(&none)).into_data();
                loader.images(read).into_data().assert_eq(&here, true);
                loader.gather_there(read).into_data().assert_eq(&here, true);
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

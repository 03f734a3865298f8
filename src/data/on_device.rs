//! Examples on a GPU: of a split, or of a batch.
//!
//! Not every GPU's language has bytes (WGSL has none), so four lie in a 32-bit word, the first in
//! its lowest bits, and are taken apart where they are used. What pixel a byte becomes is looked
//! up: GPUs may round a division each in its own way, but what a table holds is the same to the
//! last bit everywhere.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::gather;
use crate::device::is_cpu;

/// Bytes in a word.
const BYTES: usize = 4;

/// The bytes of all examples, on a device.
pub(crate) struct DeviceDataset {
    /// `[examples * words]`, the last word of an example filled with zeros: of one dimension, so that none of it is
    /// padded.
    words: Option<Tensor<1, Int>>,
    /// `[channels * 256]`: byte to pixel, for each channel.
    scales: Tensor<1>,
    /// `[channels, height, width]`.
    shape: [usize; 3],
    device: Device,
}

impl DeviceDataset {
    /// Uploads the bytes of all `images`, if they are to live there, of `shape` `[channels, height, width]`, and what
    /// pixel each byte becomes; nothing where the device is the CPU.
    pub fn new<'a>(
        images: Option<impl ExactSizeIterator<Item = &'a [u8]>>,
        shape: [usize; 3],
        scales: &[[f32; 256]],
        device: &Device,
    ) -> Option<Self> {
        if is_cpu(device) {
            return None;
        }
        let words = images.map(|images| integers(images.flat_map(pack).collect(), device));
        let scales = TensorData::new(scales.concat(), [scales.len() * 256]);
        let scales = Tensor::from_data(scales, device);
        Some(Self { words, scales, shape, device: device.clone() })
    }

    /// Whether all images live there.
    pub fn has_all(&self) -> bool {
        self.words.is_some()
    }

    /// The images `[batch, channels, height, width]` at `indices`, flipped where `flips` says so; none is where it is
    /// empty. Only indices and flips are uploaded.
    ///
    /// # Panics
    /// When they do not live there.
    pub fn images(&self, indices: &[usize], flips: &[bool]) -> Tensor<4> {
        let words = self.words.as_ref().expect("the images live on the device");
        let flips = flips.iter().copied().chain(std::iter::repeat(false));
        let indices: Vec<_> = indices.iter().copied().zip(flips).collect();
        self.gather(words.clone(), &indices)
    }

    /// The images `[batch, channels, height, width]` of these bytes of the same shape, which are uploaded.
    pub fn upload(&self, bytes: &[u8]) -> Tensor<4> {
        let size: usize = self.shape.iter().product();
        let packed: Vec<i32> = bytes.chunks_exact(size).flat_map(pack).collect();
        let batch = packed.len() / size.div_ceil(BYTES);
        let indices: Vec<_> = (0..batch).map(|index| (index, false)).collect();
        self.gather(integers(packed, &self.device), &indices)
    }

    fn gather(&self, words: Tensor<1, Int>, indices: &[(usize, bool)]) -> Tensor<4> {
        let number =
            |&(index, is_flipped): &(usize, bool)| 2 * index as i32 + i32::from(is_flipped);
        let numbers = integers(indices.iter().map(number).collect(), &self.device);
        gather::images(words, numbers, self.scales.clone(), self.shape)
    }
}

/// The words of an example's bytes.
fn pack(image: &[u8]) -> impl Iterator<Item = i32> {
    image.chunks(BYTES).map(|bytes| {
        let mut word = [0; BYTES];
        word[..bytes.len()].copy_from_slice(bytes);
        i32::from_le_bytes(word)
    })
}

/// Integers of 32 bits, which every device has.
fn integers(values: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), (device, DType::I32))
}

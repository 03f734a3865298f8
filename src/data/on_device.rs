//! Examples on a GPU: of a split, or of a batch.
//!
//! Not every GPU's language has bytes (WGSL has none), so four lie in a 32-bit word, the first in
//! its lowest bits, and are taken apart where they are used. What pixel a byte becomes is looked
//! up: GPUs may round a division each in its own way, but what a table holds is the same to the
//! last bit everywhere.

use burn::tensor::{Bool, DType, Device, Int, Tensor, TensorData};

use crate::data::Batch;

/// Bytes in a word.
const BYTES: usize = 4;

/// The bytes of all examples, on a device.
pub(crate) struct DeviceDataset {
    /// `[examples, words]`, the last word of an example filled with zeros.
    words: Tensor<2, Int>,
    /// `[1, 1, BYTES]`: by how much to shift a word for each of its bytes.
    shifts: Tensor<3, Int>,
    /// `[256]`: byte to pixel.
    scale: Tensor<1>,
    /// `[channels, height, width]`.
    shape: [usize; 3],
    device: Device,
}

impl DeviceDataset {
    /// Uploads the bytes of `images` of `shape` `[channels, height, width]`, and what pixel each byte becomes.
    pub fn new<'a>(
        images: impl ExactSizeIterator<Item = &'a [u8]>,
        shape: [usize; 3],
        scale: &[f32; 256],
        device: &Device,
    ) -> Self {
        let words = shape.iter().product::<usize>().div_ceil(BYTES);
        let count = images.len();
        let packed = images.flat_map(pack).collect();
        Self {
            words: integers(packed, [count, words], device),
            shifts: integers(vec![0, 8, 16, 24], [1, 1, BYTES], device),
            scale: Tensor::from_data(TensorData::new(scale.to_vec(), [256]), device),
            shape,
            device: device.clone(),
        }
    }

    /// The images `[batch, channels, height, width]` of `batch`. Only its indices and flips are uploaded.
    pub fn images(&self, batch: Batch) -> Tensor<4> {
        let [channels, height, width] = self.shape;
        let images = self.pixels(batch.indices).reshape([batch.len(), channels, height, width]);
        if !batch.flips.contains(&true) {
            return images;
        }
        let flips = TensorData::new(batch.flips.to_vec(), [batch.len(), 1, 1, 1]);
        let flips = Tensor::<4, Bool>::from_data(flips, &self.device).expand(images.dims());
        images.clone().mask_where(flips, images.flip([3]))
    }

    /// `[indices, channels * height * width]`.
    fn pixels(&self, indices: &[usize]) -> Tensor<2> {
        let (batch, words) = (indices.len(), self.words.dims()[1]);
        let wanted = indices.iter().map(|&index| index as i32).collect();
        let wanted = integers(wanted, [batch], &self.device);
        let chosen = self.words.clone().select(0, wanted).reshape([batch, words, 1]);
        // The shift fills a negative word with ones above the byte; the mask takes them off.
        let bytes = chosen.bitwise_right_shift(self.shifts.clone()).bitwise_and_scalar(0xff);
        let pixels = self.scale.clone().select(0, bytes.flatten::<1>(0, 2));
        let size = self.shape.iter().product::<usize>();
        pixels.reshape([batch, words * BYTES]).narrow(1, 0, size)
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
fn integers<const D: usize>(
    values: Vec<i32>,
    shape: [usize; D],
    device: &Device,
) -> Tensor<D, Int> {
    Tensor::from_data(TensorData::new(values, shape), (device, DType::I32))
}

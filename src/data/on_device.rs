//! Examples on a GPU: of a split, or of a batch.
//!
//! Not every GPU's language has bytes (WGSL has none), so four lie in a 32-bit word, the first in
//! its lowest bits, and are taken apart where they are used. What pixel a byte becomes is looked
//! up: GPUs may round a division each in its own way, but what a table holds is the same to the
//! last bit everywhere.

use burn::tensor::{Bool, DType, Device, Int, Tensor, TensorData};

/// Bytes in a word.
const BYTES: usize = 4;

/// The bytes of all examples, on a device.
pub(crate) struct DeviceDataset {
    /// `[examples, words]`, the last word of an example filled with zeros.
    words: Option<Tensor<2, Int>>,
    /// `[1, 1, BYTES]`: by how much to shift a word for each of its bytes.
    shifts: Tensor<3, Int>,
    /// `[channels * 256]`: byte to pixel, for each channel.
    scales: Tensor<1>,
    /// `[1, channels, 1]`: where the table of a channel begins.
    tables: Tensor<3, Int>,
    /// `[channels, height, width]`.
    shape: [usize; 3],
    device: Device,
}

impl DeviceDataset {
    /// Uploads the bytes of all `images`, if they are to live there, of `shape` `[channels, height, width]`, and what
    /// pixel each byte becomes.
    pub fn new<'a>(
        images: Option<impl ExactSizeIterator<Item = &'a [u8]>>,
        shape: [usize; 3],
        scales: &[[f32; 256]],
        device: &Device,
    ) -> Self {
        let words = shape.iter().product::<usize>().div_ceil(BYTES);
        let words = images.map(|images| {
            let count = images.len();
            integers(images.flat_map(pack).collect(), [count, words], device)
        });
        Self {
            words,
            shifts: integers(vec![0, 8, 16, 24], [1, 1, BYTES], device),
            scales: Tensor::from_data(
                TensorData::new(scales.concat(), [scales.len() * 256]),
                device,
            ),
            tables: integers(
                (0..scales.len() as i32).map(|channel| channel * 256).collect(),
                [1, scales.len(), 1],
                device,
            ),
            shape,
            device: device.clone(),
        }
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
        let wanted = indices.iter().map(|&index| index as i32).collect();
        let wanted = integers(wanted, [indices.len()], &self.device);
        let words = self.words.as_ref().expect("the images live on the device");
        let images = self.pixels(words.clone().select(0, wanted));
        if !flips.contains(&true) {
            return images;
        }
        let flips = TensorData::new(flips.to_vec(), [indices.len(), 1, 1, 1]);
        let flips = Tensor::<4, Bool>::from_data(flips, &self.device).expand(images.dims());
        images.clone().mask_where(flips, images.flip([3]))
    }

    /// The images `[batch, channels, height, width]` of these bytes of the same shape, which are uploaded.
    pub fn upload(&self, bytes: &[u8]) -> Tensor<4> {
        let size: usize = self.shape.iter().product();
        let packed: Vec<i32> = bytes.chunks_exact(size).flat_map(pack).collect();
        let words = size.div_ceil(BYTES);
        let batch = packed.len() / words;
        self.pixels(integers(packed, [batch, words], &self.device))
    }

    /// The pixels `[batch, channels, height, width]` of `words` `[batch, words]`.
    fn pixels(&self, words: Tensor<2, Int>) -> Tensor<4> {
        let [batch, count] = words.dims();
        let [channels, height, width] = self.shape;
        // The shift fills a negative word with ones above the byte; the mask takes them off.
        let bytes = words
            .reshape([batch, count, 1])
            .bitwise_right_shift(self.shifts.clone())
            .bitwise_and_scalar(0xff)
            .reshape([batch, count * BYTES])
            .narrow(1, 0, channels * height * width)
            .reshape([batch, channels, height * width]);
        let at = bytes + self.tables.clone();
        self.scales
            .clone()
            .select(0, at.flatten::<1>(0, 2))
            .reshape([batch, channels, height, width])
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

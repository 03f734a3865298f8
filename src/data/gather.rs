//! A batch gathered from the bytes of all images on a GPU, flipped and scaled, in one kernel.
//!
//! `images[b][c][y][x] = scales[c][bytes[indices[b]][c][y][x]]`, or of the column `width - 1 - x` where it is flipped.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, backend_extension};
use burn::tensor::{DType, Int, Shape, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::ops::permute_nhwc_to_nchw;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// The images `[batch, channels, height, width]` whose bytes are in `words` `[examples * words]`, four in each, at
/// `indices` `[batch]`: those of twice the number of an example, and one more where it is flipped. `scales`
/// `[channels * 256]` says what pixel each byte becomes.
pub(super) fn images(
    words: Tensor<1, Int>,
    indices: Tensor<1, Int>,
    scales: Tensor<1>,
    shape: [usize; 3],
) -> Tensor<4> {
    let [words, indices] = [words.into_dispatch(), indices.into_dispatch()];
    Tensor::from_dispatch(Dispatch::gather_images(scales.into_dispatch(), words, indices, shape))
}

/// Backends that gather images in one operation.
#[backend_extension(Autodiff, Cube)]
pub trait Gathering: Backend {
    /// See [`images`].
    fn gather_images(
        scales: FloatTensor<Self>,
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        shape: [usize; 3],
    ) -> FloatTensor<Self>;
}

impl<B: Gathering, C: CheckpointStrategy> Gathering for Autodiff<B, C> {
    fn gather_images(
        scales: FloatTensor<Self>,
        words: IntTensor<Self>,
        indices: IntTensor<Self>,
        shape: [usize; 3],
    ) -> FloatTensor<Self> {
        Self::from_inner(B::gather_images(Self::inner(scales), words, indices, shape))
    }
}

impl Gathering for CubeBackend {
    fn gather_images(
        scales: CubeTensor,
        words: CubeTensor,
        indices: CubeTensor,
        shape: [usize; 3],
    ) -> CubeTensor {
        let [channels, height, width] = shape;
        let batch = indices.meta.shape()[0];
        let words_each = (channels * height * width).div_ceil(4);
        let (client, device) = (words.client.clone(), words.device.clone());
        let shape = Shape::from([batch, height, width, channels]);
        let pixels = empty_device_contiguous_dtype(client.clone(), device, shape, DType::F32);
        let units = batch * channels * height * width;
        let size = CubeDim::new(&client, units);
        let count = cubecl::calculate_cube_count_elemwise(&client, units, size);
        gather::launch(
            &client,
            count,
            size,
            into_contiguous(words).into_buffer_arg(),
            into_contiguous(indices).into_buffer_arg(),
            into_contiguous(scales).into_buffer_arg(),
            pixels.clone().into_buffer_arg(),
            words_each,
            channels,
            height,
            width,
        );
        permute_nhwc_to_nchw(pixels)
    }
}

#[cube(launch)]
fn gather(
    words: &[i32],
    indices: &[i32],
    scales: &[f32],
    pixels: &mut [f32],
    words_each: usize,
    #[comptime] channels: usize,
    #[comptime] height: usize,
    #[comptime] width: usize,
) {
    if ABSOLUTE_POS >= pixels.len() {
        terminate!();
    }
    let c = ABSOLUTE_POS % channels;
    let column = ABSOLUTE_POS / channels % width;
    let row = ABSOLUTE_POS / comptime!(channels * width) % height;
    let image = ABSOLUTE_POS / comptime!(channels * width * height);
    let index = u32::cast_from(indices[image]);
    let column = select(index % 2 == 1, width - 1 - column, column);
    let byte = (c * height + row) * width + column;
    let word = u32::cast_from(words[usize::cast_from(index / 2) * words_each + byte / 4]);
    let value = (word >> (8 * u32::cast_from(byte % 4))) & 0xff;
    pixels[ABSOLUTE_POS] = scales[c * 256 + usize::cast_from(value)];
}

#[cfg(test)]
#[cfg(feature = "cuda")]
mod tests {
    use super::*;
    use crate::ops::cube::cards::{any, assemble_for_cards};

    #[test]
    fn cards() {
        assemble_for_cards!("batch", gather::Gather, any(), any(), any(), any(), (), 3, 32, 32);
    }
}

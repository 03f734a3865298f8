//! Tensors of the GPUs' backend as the images of a batch, and back, without copying where that can be.
//!
//! Images lie there as pixels, `[batch, height, width, channels]`, as burn's own convolutions have them.

use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::ops::{permute_nchw_to_nhwc, permute_nhwc_to_nchw};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Numbers that a unit reads at once, where there is a multiple of them.
pub(crate) const VECTOR: usize = 4;
/// Units that are to have work, before one gets more of it.
pub(crate) const UNITS: usize = 1 << 16;

/// How many of `numbers` beside each other a unit reads at once.
pub(crate) fn at_once(numbers: usize) -> usize {
    if numbers.is_multiple_of(VECTOR) { VECTOR } else { 1 }
}

/// The pixels `[batch, height, width, channels]` of `images` `[batch, channels, height, width]`, in this order.
pub(crate) fn pixels(images: CubeTensor) -> CubeTensor {
    into_contiguous(permute_nchw_to_nhwc(images))
}

/// The images of these pixels.
pub(crate) fn images(pixels: CubeTensor) -> CubeTensor {
    permute_nhwc_to_nchw(pixels)
}

/// A tensor of this shape for a kernel to write, beside `tensor`, f32.
pub(crate) fn empty_beside<const D: usize>(tensor: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    let (client, device) = (tensor.client.clone(), tensor.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::from(shape), DType::F32)
}

/// A tensor as large as `tensor` for a kernel to write.
pub(crate) fn empty_like(tensor: &CubeTensor) -> CubeTensor {
    let (client, device) = (tensor.client.clone(), tensor.device.clone());
    empty_device_contiguous_dtype(client, device, tensor.meta.shape().clone(), tensor.dtype)
}

/// As many cubes as `units` units are, and the size of each.
pub(crate) fn cubes(tensor: &CubeTensor, units: usize) -> (CubeCount, CubeDim) {
    let size = CubeDim::new(&tensor.client, units);
    (cubecl::calculate_cube_count_elemwise(&tensor.client, units, size), size)
}

/// A kernel's argument.
pub(crate) fn buffer(tensor: &CubeTensor) -> BufferArg {
    tensor.clone().into_buffer_arg()
}

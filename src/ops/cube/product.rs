//! Products of matrices on a GPU.
//!
//! burn's, on the tensor cores where there are any: with inputs rounded to TF32, unless NVIDIA_TF32_OVERRIDE is 0, as
//! NVIDIA's own libraries understand it. Where there are none burn would compile a kernel of a size that takes minutes on
//! a processor; there each number is a sum by itself.

use std::sync::LazyLock;

use burn::tensor::DType;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::tensor::cubes;

/// Whether `tensor`'s device has units for products of matrices, which may be used.
pub(crate) fn has_units(tensor: &CubeTensor) -> bool {
    static EXACT: LazyLock<bool> =
        LazyLock::new(|| std::env::var("NVIDIA_TF32_OVERRIDE").is_ok_and(|value| value == "0"));
    !*EXACT && !tensor.client.properties().features.matmul.cmma.is_empty()
}

/// `left right`: `[m, k]` and `[k, n]`, or as many of each, `[pairs, m, k]` and `[pairs, k, n]`, however they lie.
pub(crate) fn product(left: CubeTensor, right: CubeTensor) -> CubeTensor {
    if has_units(&left) {
        let product = matmul(left, right, None, MatmulStrategy::default(), DType::F32);
        return into_contiguous(product.expect("burn multiplies any matrices that fit"));
    }
    let mut shape = left.meta.shape().clone();
    let rank = shape.num_dims();
    shape[rank - 1] = right.meta.shape()[rank - 1];
    let (client, device) = (left.client.clone(), left.device.clone());
    let product = empty_device_contiguous_dtype(client.clone(), device, shape.clone(), DType::F32);
    let (count, size) = cubes(&left, shape.num_elements());
    let (rows, inner, columns) = (shape[rank - 2], left.meta.shape()[rank - 1], shape[rank - 1]);
    let output = product.clone().into_buffer_arg();
    let (left, right) = (left.into_tensor_arg(), right.into_tensor_arg());
    product_kernel::launch(&client, count, size, left, right, output, rows, inner, columns, rank);
    product
}

#[cube(launch)]
fn product_kernel(
    left: &Tensor<f32>,
    right: &Tensor<f32>,
    output: &mut [f32],
    rows: usize,
    inner: usize,
    columns: usize,
    #[comptime] rank: usize,
) {
    if ABSOLUTE_POS >= output.len() {
        terminate!();
    }
    let (vertical, horizontal) = comptime!((rank - 2, rank - 1));
    let mut from_left = ABSOLUTE_POS / columns % rows * left.stride(vertical);
    let mut from_right = ABSOLUTE_POS % columns * right.stride(horizontal);
    if comptime!(rank == 3) {
        let pair = ABSOLUTE_POS / (rows * columns);
        from_left += pair * left.stride(0);
        from_right += pair * right.stride(0);
    }
    let mut sum = 0.0f32;
    for k in 0..inner {
        let (at_left, at_right) = (k * left.stride(horizontal), k * right.stride(vertical));
        sum += left[from_left + at_left] * right[from_right + at_right];
    }
    output[ABSOLUTE_POS] = sum;
}

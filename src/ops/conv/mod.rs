//! Convolution, bias and activation in one operation.
//!
//! `y[n][k][r][p] = activation(bias[k] + Σ_cij x[n][c][r + i - top][p + j - left] * weight[k][c][i][j])`,
//! where x is zero outside of the image. x is `[batch, in, h, w]`, y
//! `[batch, out, h + top + bottom - kh + 1, w + left + right - kw + 1]`.
//!
//! On Burn's Flex backend (CPU) this is one operation with its own backward pass and kernels for
//! the vector units of the processor, on the GPUs' one with kernels that are compiled for them when they are first
//! needed.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::ops::conv::conv2d;
//! use dytb::Activation;
//!
//! let device = Device::flex();
//! let (x, weight) = (Tensor::ones([1, 1, 4, 4], &device), Tensor::ones([2, 1, 3, 3], &device));
//! let y = conv2d(x, weight, None, [1; 4], Activation::Relu);
//! assert_eq!(y.dims(), [1, 2, 4, 4]);
//! ```

mod backward;
mod bands;
mod correlation;
mod csr;
#[cfg(feature = "cube")]
mod cube;
mod forward;
mod implicit_gemm;
mod kernel_block;
pub(in crate::ops) mod kernels;
pub(in crate::ops) mod layer;
mod op;
mod sparse;
pub(in crate::ops) mod winograd;

use crate::device::is_cpu;
use crate::ops::{Activation, simd::SimdLevel, windows::Windows};
use burn::backend::Dispatch;
use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{DType, Tensor, module};

pub(crate) use op::PackedWeights;
pub(in crate::ops) use op::Packing;
use op::{ConvAttributes, Fused};

/// `activation(x * weight + bias)`, stride 1: x `[batch, in, h, w]`, weight `[out, in, kh, kw]`,
/// bias `[out]`, `padding` zeros on the top, bottom, left and right.
///
/// # Panics
/// If the shapes do not fit together or the kernel is larger than the padded image.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    padding: [usize; 4],
    activation: Activation,
) -> Tensor<4> {
    conv2d_packed(x, weight, bias, padding, activation, PackedWeights::default())
}

/// [`conv2d`], where passes with the same weight share what is `packed` of it.
///
/// # Panics
/// As that does.
pub(crate) fn conv2d_packed(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    padding: [usize; 4],
    activation: Activation,
    packed: PackedWeights,
) -> Tensor<4> {
    check(&x, &weight, bias.as_ref(), padding);
    if !can_fuse(&x, &weight, bias.as_ref(), padding) {
        return plain(x, weight, bias, padding, activation);
    }
    let level = SimdLevel::best();
    fused(x, weight, bias, ConvAttributes { padding, activation, pool: None, level, packed })
}

/// The largest value of each of the `windows` of [`conv2d_packed`], which [`can_pool`].
pub(crate) fn pooled(
    x: Tensor<4>,
    (weight, packed): (Tensor<4>, PackedWeights),
    bias: Option<Tensor<1>>,
    padding: [usize; 4],
    activation: Activation,
    windows: Windows,
) -> Tensor<4> {
    let (level, pool) = (SimdLevel::best(), Some(windows));
    fused(x, weight, bias, ConvAttributes { padding, activation, pool, level, packed })
}

/// Whether a pooling is better off as a part of the convolution. On the CPU: not where that is a product of
/// matrices, which makes the maps of all images at once, and not where windows are so close that most
/// of the maps' values have a gradient.
pub(crate) fn can_pool(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    padding: [usize; 4],
    windows: Windows,
) -> bool {
    if !is_cpu(&x.device()) {
        return can_fuse(x, weight, bias, padding) && can_pool_on_gpu(weight, windows);
    }
    can_fuse(x, weight, bias, padding)
        && !layer::is_better_as_gemm(weight.dims())
        && windows.side <= Windows::MAX_SIDE
        && windows.stride > 1
}

fn can_fuse(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    padding: [usize; 4],
) -> bool {
    let single = [x.dtype(), weight.dtype()].iter().all(|&dtype| dtype == DType::F32)
        && bias.is_none_or(|bias| bias.dtype() == DType::F32);
    single && x.dims()[0] > 0 && (is_cpu(&x.device()) || can_fuse_on_gpu(x, weight, padding))
}

#[cfg(feature = "cube")]
fn can_fuse_on_gpu(x: &Tensor<4>, weight: &Tensor<4>, padding: [usize; 4]) -> bool {
    cube::can_fuse(x.dims(), weight.dims(), padding)
}

#[cfg(not(feature = "cube"))]
fn can_fuse_on_gpu(_: &Tensor<4>, _: &Tensor<4>, _: [usize; 4]) -> bool {
    false
}

#[cfg(feature = "cube")]
fn can_pool_on_gpu(weight: &Tensor<4>, windows: Windows) -> bool {
    cube::can_pool(weight.dims()[0], windows)
}

#[cfg(not(feature = "cube"))]
fn can_pool_on_gpu(_: &Tensor<4>, _: Windows) -> bool {
    false
}

/// Rows and columns of the output of [`conv2d`].
///
/// # Panics
/// As [`conv2d`] does.
pub(crate) fn check(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    padding: [usize; 4],
) -> [usize; 2] {
    let ([_, inputs, h, w], [outputs, of, kh, kw]) = (x.dims(), weight.dims());
    assert_eq!(inputs, of, "conv2d: channels of the input and of the weight");
    if let Some(bias) = bias {
        assert_eq!(bias.dims(), [outputs], "conv2d: outputs of the bias and of the weight");
    }
    let [top, bottom, left, right] = padding;
    let (h, w) = (h + top + bottom, w + left + right);
    assert!(
        (1..=h).contains(&kh) && (1..=w).contains(&kw) && inputs > 0 && outputs > 0,
        "conv2d: a kernel of {kh}x{kw} on a padded image of {h}x{w}, {inputs} to {outputs} channels"
    );
    [h + 1 - kh, w + 1 - kw]
}

fn fused(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    settings: ConvAttributes,
) -> Tensor<4> {
    // The operation takes tensors, not options of tensors.
    let bias = bias.unwrap_or_else(|| Tensor::zeros([weight.dims()[0]], &x.device()));
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_conv2d(x, weight, bias, settings))
}

/// The same of Burn's operations.
fn plain(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    [top, bottom, left, right]: [usize; 4],
    activation: Activation,
) -> Tensor<4> {
    let x = x.pad([(top, bottom), (left, right)], PadMode::Constant(0.0));
    let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
    activation.apply(module::conv2d(x, weight, bias, options))
}

#[cfg(test)]
mod tests;

//! Max pooling as one operation that leaves the order of the images in memory as it is, and as a part
//! of a convolution.
//!
//! `y[n][c][r][p] = max_ij x[n][c][r * stride + i][p * stride + j]`, 0 <= i, j < window. x is
//! `[batch, channels, h, w]`, y `[batch, channels, (h - window) / stride + 1, ...]`. NaN is the
//! largest of all. Backward, the gradient of y goes to the first of the largest values, row by row:
//! TensorFlow's `MaxPoolingWithArgmax` (core/kernels/maxpooling_op.cc); of several NaN to the last.
//!
//! On Burn's Flex backend (CPU) this is an operation of our own: Burn's copies images whose channels
//! lie together, as our convolutions write them. As a part of a convolution ([`conv::can_pool`]) the maps
//! of an image are pooled while they are in the cache, and never written to memory; their gradient, of
//! which most is zero, is never made. On a GPU it is a part of a convolution where windows lie beside
//! each other, and the places are kept instead of the maps; else it is Burn's.

mod op;

use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{DType, Tensor, module};

use crate::device::is_cpu;
use crate::ops::Activation;
use crate::ops::conv;
use crate::ops::conv::{PackedWeights, conv2d_packed};
use crate::ops::windows::Windows;

/// The largest value of each window of `window` x `window` values, `stride` apart.
///
/// # Panics
/// If the window is larger than the images, or it or the stride is 0.
pub fn max_pool2d(images: Tensor<4>, window: usize, stride: usize) -> Tensor<4> {
    let [batch, _, height, width] = images.dims();
    check([height, width], window, stride);
    let single = images.dtype() == DType::F32 && batch > 0;
    if is_cpu(&images.device()) && single && window <= Windows::MAX_SIDE {
        return op::max_pool2d(images, Windows { side: window, stride });
    }
    let options = MaxPoolOptions::new([window; 2]).with_stride([stride; 2]);
    module::max_pool2d(images, options)
}

/// [`max_pool2d`] of [`conv2d`], in one operation where that is faster. A gradient of zero then has no
/// effect, also where it meets what is not finite. Passes with the same weight share what is packed of it.
///
/// # Panics
/// As these do.
pub(crate) fn conv2d_max_pool2d(
    x: Tensor<4>,
    (weight, packed): (Tensor<4>, PackedWeights),
    bias: Option<Tensor<1>>,
    padding: [usize; 4],
    activation: Activation,
    [window, stride]: [usize; 2],
) -> Tensor<4> {
    check(conv::check(&x, &weight, bias.as_ref(), padding), window, stride);
    let windows = Windows { side: window, stride };
    if conv::can_pool(&x, &weight, bias.as_ref(), padding, windows) {
        return conv::pooled(x, (weight, packed), bias, padding, activation, windows);
    }
    max_pool2d(conv2d_packed(x, weight, bias, padding, activation, packed), window, stride)
}

fn check([height, width]: [usize; 2], window: usize, stride: usize) {
    assert!(
        (1..=height.min(width)).contains(&window) && stride > 0,
        "max_pool2d: a window of {window}x{window}, stride {stride}, on images of {height}x{width}"
    );
}

#[cfg(test)]
mod tests;

//! Max pooling as one operation that leaves the order of the images in memory as it is.
//!
//! `y[n][c][r][p] = max_ij x[n][c][r * stride + i][p * stride + j]`, 0 <= i, j < window. x is
//! `[batch, channels, h, w]`, y `[batch, channels, (h - window) / stride + 1, ...]`. NaN is the
//! largest of all. Backward, the gradient of y goes to the first of the largest values, row by row:
//! TensorFlow's `MaxPoolingWithArgmax` (core/kernels/maxpooling_op.cc).
//!
//! On Burn's Flex backend (CPU) this is an operation of our own: Burn's copies images whose channels
//! lie together, as our convolutions write them. On other backends it is Burn's.

mod op;
mod window;

use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{DType, Tensor, module};

use crate::device::is_cpu;

/// The largest value of each window of `window` x `window` values, `stride` apart.
///
/// # Panics
/// If the window is larger than the images, or it or the stride is 0.
pub fn max_pool2d(images: Tensor<4>, window: usize, stride: usize) -> Tensor<4> {
    let [_, _, height, width] = images.dims();
    assert!(
        (1..=height.min(width)).contains(&window) && stride > 0,
        "max_pool2d: a window of {window}x{window}, stride {stride}, on images of {height}x{width}"
    );
    if is_cpu(&images.device()) && images.dtype() == DType::F32 && images.dims()[0] > 0 {
        return op::max_pool2d(images, window, stride);
    }
    let options = MaxPoolOptions::new([window; 2]).with_stride([stride; 2]);
    module::max_pool2d(images, options)
}

#[cfg(test)]
mod tests;

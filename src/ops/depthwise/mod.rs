//! Depthwise convolution: each channel by a kernel of its own.
//!
//! `y[n][c][r][p] = f(b[c] + Σ_ij x[n][c][s r + d i - top][s p + d j - left] w[c][0][i][j])`, x `[batch, channels, h, w]`,
//! w `[channels, 1, kh, kw]`, b `[channels]`, y `[batch, channels, h', w']`.
//!
//! On Burn's Flex backend (CPU) this is one operation with its own backward pass; on others it is Burn's.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::ops::{columns::Geometry, depthwise::depthwise_conv2d};
//! use dytb::Activation;
//!
//! let device = Device::flex();
//! let geometry = Geometry { kernel: [3, 3], stride: 1, dilation: 1, padding: [1; 4] };
//! let (x, weight) = (Tensor::ones([2, 6, 8, 8], &device), Tensor::ones([6, 1, 3, 3], &device));
//! let y = depthwise_conv2d(x, weight, None, geometry, Activation::Relu);
//! assert_eq!(y.dims(), [2, 6, 8, 8]);
//! ```

mod blocks;
mod kernels;
mod op;
mod pass;

use burn::backend::Dispatch;
use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{Tensor, module};

use crate::ops::Activation;
use crate::ops::columns::{Geometry, is_ours};
use op::{Depthwise, DepthwiseAttributes};

/// The convolution of each channel by its own kernel.
///
/// # Panics
/// If the shapes do not fit together or the kernel is larger than the padded image.
pub fn depthwise_conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: Geometry,
    activation: Activation,
) -> Tensor<4> {
    let ([_, channels, rows, columns], [of, one, ..]) = (x.dims(), weight.dims());
    assert_eq!([channels, 1], [of, one], "depthwise_conv2d: channels of the input and the weight");
    let small = geometry.small([rows, columns]);
    assert!(small.is_some(), "depthwise_conv2d: {geometry:?} on images of {rows}x{columns}");
    let bias = bias.unwrap_or_else(|| Tensor::zeros([channels], &x.device()));
    if is_ours(&x, &weight) {
        let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
        let attributes = DepthwiseAttributes { geometry, activation };
        return Tensor::from_dispatch(Dispatch::depthwise(x, weight, bias, attributes));
    }
    let Geometry { stride, dilation, padding: [top, bottom, left, right], .. } = geometry;
    let x = x.pad([(top, bottom), (left, right)], PadMode::Constant(0.0));
    let options = ConvOptions::new([stride; 2], [0; 2], [dilation; 2], channels);
    activation.apply(module::conv2d(x, weight, Some(bias), options))
}

//! Strided, dilated and transposed convolutions, with bias and activation in one operation.
//!
//! ```text
//! y[n][k][r][p] = f(b[k] + Σ_cij x[n][c][s r + d i - top][s p + d j - left] w[k][c][i][j])      convolution
//! y[n][c][s r + d i - top][s p + d j - left] = f(b[c] + Σ x[n][k][r][p] w[k][c][i][j])          transposed
//! ```
//!
//! with stride s and dilation d, x being zero outside of the images. On Burn's Flex backend (CPU) this is one
//! operation with its own backward pass, of products of matrices that stay in the cache, of stride 2 in Winograd's tiles where
//! those are fewer; on others it is composed of Burn's operations. A kernel of 1x1 is a product of matrices as it is.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::ops::columns::{Geometry, conv2d, conv_transpose2d};
//! use dytb::Activation;
//!
//! let device = Device::flex();
//! let geometry = Geometry { kernel: [4, 4], stride: 2, dilation: 1, padding: [1; 4] };
//! let (x, weight) = (Tensor::ones([1, 3, 8, 8], &device), Tensor::ones([5, 3, 4, 4], &device));
//! let y = conv2d(x, weight.clone(), None, geometry, Activation::Relu);
//! assert_eq!(y.dims(), [1, 5, 4, 4]);
//! let x = conv_transpose2d(y, weight, None, geometry, [8, 8], Activation::Tanh);
//! assert_eq!(x.dims(), [1, 3, 8, 8]);
//! ```

mod im2col;
mod op;
mod phases;
mod products;
pub(in crate::ops) mod sliding;

use burn::backend::Dispatch;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions, PadMode};
use burn::tensor::{DType, Tensor, module};

use crate::device::is_cpu;
use crate::ops::Activation;
use crate::ops::conv::PackedWeights;
use op::{ColumnsAttributes, Direction, Slid};
pub use sliding::Geometry;

/// A convolution: x `[batch, in, h, w]`, weight `[out, in, kh, kw]`, bias `[out]`, y `[batch, out, h', w']`.
///
/// # Panics
/// If the shapes do not fit together or the kernel is larger than the padded image.
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: Geometry,
    activation: Activation,
) -> Tensor<4> {
    conv2d_packed(x, (weight, PackedWeights::default()), bias, geometry, activation)
}

/// [`conv2d`], where passes with the same weight share what is packed of it.
///
/// # Panics
/// As that does.
pub(crate) fn conv2d_packed(
    x: Tensor<4>,
    (weight, packed): (Tensor<4>, PackedWeights),
    bias: Option<Tensor<1>>,
    geometry: Geometry,
    activation: Activation,
) -> Tensor<4> {
    let ([_, inputs, rows, columns], [outputs, of, ..]) = (x.dims(), weight.dims());
    assert_eq!(inputs, of, "conv2d: channels of the input and of the weight");
    check(&geometry, [rows, columns]);
    let bias = bias.unwrap_or_else(|| Tensor::zeros([outputs], &x.device()));
    if is_ours(&x, &weight) {
        let direction = Direction::Convolution;
        return ours(
            x,
            weight,
            bias,
            ColumnsAttributes { geometry, direction, activation, packed },
        );
    }
    let Geometry { stride, dilation, padding: [top, bottom, left, right], .. } = geometry;
    let x = x.pad([(top, bottom), (left, right)], PadMode::Constant(0.0));
    let options = ConvOptions::new([stride; 2], [0; 2], [dilation; 2], 1);
    activation.apply(module::conv2d(x, weight, Some(bias), options))
}

/// A transposed convolution: x `[batch, in, h, w]`, weight `[in, out, kh, kw]`, bias `[out]`, y
/// `[batch, out, h', w']` of the `size` `[h', w']`, which [`conv2d`] of this geometry brings to `[h, w]`.
///
/// # Panics
/// If the shapes do not fit together, or a convolution of images of this size has not the size of x.
pub fn conv_transpose2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: Geometry,
    size: [usize; 2],
    activation: Activation,
) -> Tensor<4> {
    let weight = (weight, PackedWeights::default());
    conv_transpose2d_packed(x, weight, bias, geometry, size, activation)
}

/// [`conv_transpose2d`], where passes with the same weight share what is packed of it.
///
/// # Panics
/// As that does.
pub(crate) fn conv_transpose2d_packed(
    x: Tensor<4>,
    (weight, packed): (Tensor<4>, PackedWeights),
    bias: Option<Tensor<1>>,
    geometry: Geometry,
    size: [usize; 2],
    activation: Activation,
) -> Tensor<4> {
    let ([_, inputs, rows, columns], [of, outputs, ..]) = (x.dims(), weight.dims());
    assert_eq!(inputs, of, "conv_transpose2d: channels of the input and of the weight");
    let small = check(&geometry, size);
    assert_eq!(small, [rows, columns], "conv_transpose2d: images of this size come from others");
    let bias = bias.unwrap_or_else(|| Tensor::zeros([outputs], &x.device()));
    if is_ours(&x, &weight) {
        let direction = Direction::Transposed(size);
        return ours(
            x,
            weight,
            bias,
            ColumnsAttributes { geometry, direction, activation, packed },
        );
    }
    let Geometry { stride, dilation, padding: [top, _, left, _], .. } = geometry;
    let options = ConvTransposeOptions::new([stride; 2], [0; 2], [0; 2], [dilation; 2], 1);
    // All that the kernels reach, of which the padding is cut off; where they do not reach is nothing but the bias.
    let whole = module::conv_transpose2d(x, weight, None, options);
    let [_, _, reached, across] = whole.dims();
    let more = |size: usize, from: usize, reached: usize| (size + from).saturating_sub(reached);
    let below = (0, more(size[0], top, reached));
    let whole = whole.pad([below, (0, more(size[1], left, across))], PadMode::Constant(0.0));
    let whole = whole.narrow(2, top, size[0]).narrow(3, left, size[1]);
    activation.apply(whole + bias.reshape([1, outputs, 1, 1]))
}

/// Rows and columns of what a convolution makes of images of `[rows, columns]`.
fn check(geometry: &Geometry, [rows, columns]: [usize; 2]) -> [usize; 2] {
    let small = geometry.small([rows, columns]);
    small.unwrap_or_else(|| panic!("{geometry:?} on images of {rows}x{columns}"))
}

pub(in crate::ops) fn is_ours(x: &Tensor<4>, weight: &Tensor<4>) -> bool {
    let single = [x.dtype(), weight.dtype()].iter().all(|&dtype| dtype == DType::F32);
    single && is_cpu(&x.device()) && x.dims()[0] > 0
}

fn ours(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    attributes: ColumnsAttributes,
) -> Tensor<4> {
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::slid_conv2d(x, weight, bias, attributes))
}

#[cfg(test)]
mod tests;

//! Functions of each value by itself, where they are no activation of a layer.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::ForwardContext;
//! use dytb::nn::layers::{clamp_max, gelu};
//!
//! let context = &mut ForwardContext::evaluation();
//! let maps = Tensor::<4>::ones([2, 3, 4, 4], &Device::flex()) * 9.0;
//! assert_eq!(clamp_max(maps.clone(), 6.0, context).max().into_scalar::<f32>(), 6.0);
//! assert_eq!(gelu(maps, context).max().into_scalar::<f32>(), 9.0);
//! ```

use burn::tensor::Tensor;

use super::channels_last::with_channels_last;
use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};
use crate::ops;

/// x Φ(x), the Gaussian error linear unit, of maps `[batch, channels, h, w]` or rows `[batch, n]`.
pub fn gelu<const D: usize>(x: Tensor<D>, context: &mut ForwardContext) -> Tensor<D> {
    let input = context.input(&x);
    let y = with_channels_last(x, ops::gelu);
    context.made(y, || Node::new(NodeKind::Gelu, [input]))
}

/// min(x, `most`), of maps `[batch, channels, h, w]` or rows `[batch, n]`.
pub fn clamp_max<const D: usize>(
    x: Tensor<D>,
    most: f64,
    context: &mut ForwardContext,
) -> Tensor<D> {
    let input = context.input(&x);
    let y = with_channels_last(x, |x| x.clamp_max(most));
    context.made(y, || Node::new(NodeKind::ClampMax(most), [input]))
}

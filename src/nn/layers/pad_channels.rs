//! Maps of zeros beside others.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::ForwardContext;
//! use dytb::nn::layers::pad_channels;
//!
//! let maps = Tensor::<4>::ones([2, 3, 4, 4], &Device::flex());
//! assert_eq!(pad_channels(maps, 5, &mut ForwardContext::evaluation()).dims(), [2, 8, 4, 4]);
//! ```

use burn::tensor::Tensor;

use super::channels_last::with_channels_last;
use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};

/// `maps` `[batch, channels, h, w]` and `more` maps of zeros behind them: `[batch, channels + more, h, w]`.
pub fn pad_channels(maps: Tensor<4>, more: usize, context: &mut ForwardContext) -> Tensor<4> {
    let input = context.input(&maps);
    let padded = with_channels_last(maps, |pixels| {
        let [batch, height, width, _] = pixels.dims();
        let zeros = Tensor::zeros([batch, height, width, more], &pixels.device());
        Tensor::cat(vec![pixels, zeros], 3)
    });
    context.made(padded, || Node::new(NodeKind::PadChannels(more), [input]))
}

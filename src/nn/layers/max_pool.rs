//! Max pooling: the largest value of each window, x `[batch, channels, height, width]` to
//! `[batch, channels, ⌈...⌉, ⌈...⌉]` as [`Padding`] says.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::ForwardContext;
//! use dytb::nn::layers::{Padding, max_pool};
//!
//! let images = Tensor::<4>::zeros([2, 3, 5, 5], &Device::flex());
//! let context = &mut ForwardContext::evaluation();
//! assert_eq!(max_pool(images.clone(), 2, 2, Padding::Valid, context).dims(), [2, 3, 2, 2]);
//! assert_eq!(max_pool(images, 2, 2, Padding::Same, context).dims(), [2, 3, 3, 3]);
//! ```

use burn::tensor::Tensor;
use burn::tensor::ops::PadMode;

use super::Padding;
use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};
use crate::ops::Activation;
use crate::ops::pool::max_pool2d;

/// Windows of `window` x `window` values, `stride` from one to the next. Of equal values the first,
/// row by row, gets the gradient, as in TensorFlow.
pub fn max_pool(
    images: Tensor<4>,
    window: usize,
    stride: usize,
    padding: Padding,
    context: &mut ForwardContext,
) -> Tensor<4> {
    let ([_, _, height, width], input) = (images.dims(), context.input(&images));
    let amounts = padding.amounts([height, width], [window; 2], stride);
    let images = match amounts {
        [0, 0, 0, 0] => images,
        // Never the largest.
        [top, bottom, left, right] => {
            images.pad([(top, bottom), (left, right)], PadMode::Constant(f32::NEG_INFINITY))
        }
    };
    let largest = max_pool2d(images, window, stride);
    if let Some(recorder) = context.recorder() {
        recorder.operation("MaxPool", None, Activation::Identity, &largest);
    }
    context.made(largest, || {
        Node::new(NodeKind::MaxPool { window, stride, padding: amounts }, [input])
    })
}

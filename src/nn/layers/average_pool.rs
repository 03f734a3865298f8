//! Average pooling: the mean of each window, or of a whole map.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::ForwardContext;
//! use dytb::nn::layers::{average_pool, global_average_pool};
//!
//! let images = Tensor::<4>::ones([2, 3, 8, 8], &Device::flex());
//! let context = &mut ForwardContext::evaluation();
//! assert_eq!(average_pool(images.clone(), 2, 2, context).dims(), [2, 3, 4, 4]);
//! assert_eq!(global_average_pool(images, context).dims(), [2, 3]);
//! ```

use burn::tensor::ops::AvgPoolOptions;
use burn::tensor::{Tensor, module};

use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};
use crate::ops::Activation;

/// The mean of each window of `window` x `window` values, `stride` from one to the next: `[batch, channels, h, w]` to
/// `[batch, channels, ⌊(h - window) / stride⌋ + 1, ...]`.
///
/// # Panics
/// If the window is larger than the images, or it or the stride is 0.
pub fn average_pool(
    images: Tensor<4>,
    window: usize,
    stride: usize,
    context: &mut ForwardContext,
) -> Tensor<4> {
    let [_, _, height, width] = images.dims();
    assert!(
        (1..=height.min(width)).contains(&window) && stride > 0,
        "average_pool: a window of {window}x{window}, stride {stride}, on images of {height}x{width}"
    );
    let input = context.input(&images);
    let options = AvgPoolOptions::new([window; 2]).with_stride([stride; 2]);
    let means = module::avg_pool2d(images, options);
    if let Some(recorder) = context.recorder() {
        recorder.operation("AvgPool", None, Activation::Identity, &means);
    }
    context.made(means, || Node::new(NodeKind::AveragePool { window, stride }, [input]))
}

/// The mean of each map: `[batch, channels, h, w]` to `[batch, channels]`.
pub fn global_average_pool(images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
    let [batch, channels, height, width] = images.dims();
    let input = context.input(&images);
    // As they lie in memory: the channels of a pixel together.
    let pixels = images.permute([0, 2, 3, 1]).reshape([batch, height * width, channels]);
    let means = pixels.mean_dim(1).reshape([batch, channels]);
    if let Some(recorder) = context.recorder() {
        recorder.operation("Mean", None, Activation::Identity, &means);
    }
    context.made(means, || Node::new(NodeKind::GlobalAveragePool, [input]))
}

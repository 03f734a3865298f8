//! The layers that models are made of. Each initialises itself as TensorFlow's counterpart in
//! Dynamic Training Bench did, penalises its own weights and shows itself in TensorBoard, so that
//! a file of `models/` holds nothing but the model.

mod average_pool;
mod batch_norm;
mod block;
mod channels_last;
mod conv;
mod conv_transpose;
mod cross_entropy;
mod dense;
mod depthwise_conv;
mod dropout;
mod max_pool;
mod nearest_rows;
mod pad_channels;
mod padding;
mod pointwise;
mod residual;

pub use average_pool::{average_pool, global_average_pool};
pub use batch_norm::BatchNorm;
pub use block::{ConvBlock, DenseBlock, Regularizer};
pub use conv::{Conv, ConvConfig};
pub use conv_transpose::{ConvTranspose, ConvTransposeConfig};
pub use cross_entropy::softmax_cross_entropy;
pub use dense::{Dense, DenseConfig};
pub use depthwise_conv::DepthwiseConv;
pub use dropout::Dropout;
pub use max_pool::max_pool;
pub use nearest_rows::nearest_rows;
pub use pad_channels::pad_channels;
pub use padding::Padding;
pub use pointwise::{clamp_max, gelu};
pub use residual::residual_sum;

use crate::nn::Parameter;

/// Whether the layer that has this parameter requires full batches.
pub(crate) fn requires_full_batch(parameter: &Parameter) -> bool {
    batch_norm::requires_full_batch(parameter)
}

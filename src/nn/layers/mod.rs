//! The layers that models are made of. Each initialises itself as TensorFlow's counterpart in
//! Dynamic Training Bench did, penalises its own weights and shows itself in TensorBoard, so that
//! a file of `models/` holds nothing but the model.

mod batch_norm;
mod block;
mod conv;
mod cross_entropy;
mod dense;
mod dropout;
mod max_pool;
mod padding;

pub use batch_norm::BatchNorm;
pub use block::{ConvBlock, DenseBlock, Regularizer};
pub use conv::{Conv, ConvConfig};
pub use cross_entropy::softmax_cross_entropy;
pub use dense::{Dense, DenseConfig};
pub use dropout::Dropout;
pub use max_pool::max_pool;
pub use padding::Padding;

use crate::nn::Parameter;

/// Whether the layer that has this parameter requires full batches.
pub(crate) fn requires_full_batch(parameter: &Parameter) -> bool {
    batch_norm::requires_full_batch(parameter)
}

//! Softmax cross-entropy of classes: -ln softmax(z)_y = ln Σ_c exp z_c - z_y for each example.
//!
//! logits z `[batch, classes]`, labels y `[batch]`, result `[batch]`:
//! `tf.nn.sparse_softmax_cross_entropy_with_logits`.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// The cross-entropy `[batch]` of `logits` `[batch, classes]` for `labels` `[batch]`, 0-based.
pub fn softmax_cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    let logarithms = log_softmax(logits, 1);
    -logarithms.gather(1, labels.unsqueeze_dim(1)).squeeze_dim::<1>(1)
}

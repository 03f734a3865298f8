//! Softmax cross-entropy of classes: -ln softmax(z)_y = ln Σ_c exp z_c - z_y for each example.
//!
//! logits z `[batch, classes]`, labels y `[batch]`, result `[batch]`:
//! `tf.nn.sparse_softmax_cross_entropy_with_logits`.

#[cfg(feature = "cube")]
use burn::tensor::DType;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

#[cfg(feature = "cube")]
use crate::device::is_cpu;

/// The cross-entropy `[batch]` of `logits` `[batch, classes]` for `labels` `[batch]`, 0-based.
pub fn softmax_cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    #[cfg(feature = "cube")]
    if !is_cpu(&logits.device())
        && [logits.dtype(), labels.dtype()] == [DType::F32, DType::I32]
        && logits.dims()[0] > 0
    {
        return crate::ops::cross_entropy::softmax_cross_entropy(logits, labels);
    }
    let logarithms = log_softmax(logits, 1);
    -logarithms.gather(1, labels.unsqueeze_dim(1)).squeeze_dim::<1>(1)
}

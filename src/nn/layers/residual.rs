//! The sum of a residual block: y = f(x + F(x)) (He et al. 2015, "Deep residual learning for image recognition").

use burn::tensor::Tensor;

use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};
use crate::ops::Activation;
use crate::ops::activated_sum::activated_sum;

/// `activation(x + branch)`, both of the same shape `[batch, channels, h, w]`.
///
/// # Panics
/// When they have different shapes.
pub fn residual_sum(
    x: Tensor<4>,
    branch: Tensor<4>,
    activation: Activation,
    context: &mut ForwardContext,
) -> Tensor<4> {
    let inputs = [context.input(&x), context.input(&branch)];
    let sum = activated_sum(x, branch, activation);
    if let Some(recorder) = context.recorder() {
        recorder.operation("AddV2", None, activation, &sum);
    }
    context.made(sum, || Node::new(NodeKind::Sum, inputs).activated(activation))
}

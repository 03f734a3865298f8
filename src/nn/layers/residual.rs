//! The sum of a residual block: y = f(x + F(x)) (He et al. 2015, "Deep residual learning for image recognition").

use burn::tensor::Tensor;

use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};
use crate::ops::Activation;

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
    assert_eq!(x.dims(), branch.dims(), "residual_sum: shapes");
    let inputs = [context.input(&x), context.input(&branch)];
    // As they lie in memory: burn adds what lies in the order of its dimensions in one sweep.
    let [x, branch] = [x, branch].map(|maps| maps.permute([0, 2, 3, 1]));
    let sum = activation.apply(x + branch).permute([0, 3, 1, 2]);
    if let Some(recorder) = context.recorder() {
        recorder.operation("AddV2", None, activation, &sum);
    }
    context.made(sum, || Node::new(NodeKind::Sum, inputs).activated(activation))
}

//! The cross-entropy of softmax on a GPU, `L[b] = ln Σ_c exp z[b][c] - z[b][label[b]]`, and its gradient
//! `dz[b][c] = (softmax(z)[b][c] - [c = label[b]]) dL[b]`: a kernel each way.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::{Int, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use crate::ops::cube::tensor::{buffer, cubes, empty_beside, empty_like};

/// The losses `[batch]` of `logits` `[batch, classes]`, f32 on a GPU, and `labels` `[batch]`, integers of 32 bits.
pub(crate) fn softmax_cross_entropy(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    let (logits, labels) = (logits.into_dispatch(), labels.into_dispatch());
    Tensor::from_dispatch(Dispatch::cross_entropy_of_labels(logits, labels))
}

/// Backends with the loss in one operation.
#[backend_extension(Autodiff, Cube)]
pub trait CrossEntropy: Backend {
    /// See [`softmax_cross_entropy`].
    fn cross_entropy_of_labels(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// Backends with its gradient.
pub trait CrossEntropyBackward: CrossEntropy {
    /// The gradient of the logits, from that of the losses.
    fn cross_entropy_of_labels_backward(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl CrossEntropy for CubeBackend {
    fn cross_entropy_of_labels(logits: CubeTensor, labels: CubeTensor) -> CubeTensor {
        let (logits, labels) = (into_contiguous(logits), into_contiguous(labels));
        let [batch, classes] = [0, 1].map(|axis| logits.meta.shape()[axis]);
        let losses = empty_beside(&logits, [batch]);
        let (count, size) = cubes(&logits, batch);
        let [from, labels, to] = [&logits, &labels, &losses].map(buffer);
        loss_kernel::launch(&logits.client, count, size, from, labels, to, classes);
        losses
    }
}

impl CrossEntropyBackward for CubeBackend {
    fn cross_entropy_of_labels_backward(
        logits: CubeTensor,
        labels: CubeTensor,
        gradient: CubeTensor,
    ) -> CubeTensor {
        let (logits, labels) = (into_contiguous(logits), into_contiguous(labels));
        let [batch, classes] = [0, 1].map(|axis| logits.meta.shape()[axis]);
        let down = empty_like(&logits);
        let (count, size) = cubes(&logits, batch);
        let gradient = into_contiguous(gradient);
        let [from, labels, gradient, to] = [&logits, &labels, &gradient, &down].map(buffer);
        let client = logits.client.clone();
        gradient_kernel::launch(&client, count, size, from, labels, gradient, to, classes);
        down
    }
}

/// The largest logit of a row, and the sum of the exponentials of all, less that one.
#[cube]
fn largest_and_sum(logits: &[f32], first: usize, classes: usize) -> (f32, f32) {
    let mut largest = logits[first];
    for c in 1..classes {
        largest = max(largest, logits[first + c]);
    }
    let mut sum = 0.0f32;
    for c in 0..classes {
        sum += (logits[first + c] - largest).exp();
    }
    (largest, sum)
}

#[cube(launch)]
fn loss_kernel(logits: &[f32], labels: &[i32], losses: &mut [f32], classes: usize) {
    if ABSOLUTE_POS >= losses.len() {
        terminate!();
    }
    let first = ABSOLUTE_POS * classes;
    let (largest, sum) = largest_and_sum(logits, first, classes);
    let label = usize::cast_from(labels[ABSOLUTE_POS]);
    losses[ABSOLUTE_POS] = largest + sum.ln() - logits[first + label];
}

#[cube(launch)]
fn gradient_kernel(
    logits: &[f32],
    labels: &[i32],
    gradient: &[f32],
    down: &mut [f32],
    classes: usize,
) {
    let first = ABSOLUTE_POS * classes;
    if first >= down.len() {
        terminate!();
    }
    let (largest, sum) = largest_and_sum(logits, first, classes);
    let label = usize::cast_from(labels[ABSOLUTE_POS]);
    let scale = gradient[ABSOLUTE_POS];
    for c in 0..classes {
        let softmax = (logits[first + c] - largest).exp() / sum;
        down[first + c] = (softmax - select(c == label, 1.0f32, 0.0f32)) * scale;
    }
}

/// The backward pass; the parent is the logits.
#[derive(Debug)]
struct CrossEntropyStep;

impl<B: CrossEntropyBackward> Backward<B, 1> for CrossEntropyStep {
    type State = (FloatTensor<B>, IntTensor<B>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        let (logits, labels) = ops.state;
        if let Some(parent) = parent {
            let down = B::cross_entropy_of_labels_backward(logits, labels, gradient);
            grads.register::<B>(parent.id, down);
        }
    }
}

impl<B: CrossEntropyBackward, C: CheckpointStrategy> CrossEntropy for Autodiff<B, C> {
    fn cross_entropy_of_labels(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
    ) -> FloatTensor<Self> {
        let (logits, node) = logits.into_parts();
        let step = CrossEntropyStep.prepare::<C>([node]);
        match step.compute_bound().stateful() {
            OpsKind::UnTracked(step) => step.finish(B::cross_entropy_of_labels(logits, labels)),
            OpsKind::Tracked(step) => {
                let loss = B::cross_entropy_of_labels(logits.clone(), labels.clone());
                step.finish((logits, labels), loss)
            }
        }
    }
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::{any, assemble_for_cards};

    #[test]
    fn cards() {
        assemble_for_cards!("cross entropy", loss_kernel::LossKernel, any(), any(), any(), ());
        assemble_for_cards!(
            "its gradient",
            gradient_kernel::GradientKernel,
            any(),
            any(),
            any(),
            any(),
            ()
        );
    }
}

//! The dense layer as an operation of burn's backends, with its own backward pass; here on Flex, the CPU's.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use super::layer::{backward_input, derived, forward, whole_weight_gradient};
use super::operands::Operands;
use crate::ops::Activation;
use crate::ops::flex_tensor::{flat, recycled, values};
use crate::ops::recycled::Recycled;
use crate::ops::simd::SimdLevel;

/// Where a backward pass leaves what the weight's gradient is made of, instead of that gradient.
#[derive(Clone, Debug, Default)]
pub struct Deferred(Arc<Mutex<Option<Operands>>>);

impl Deferred {
    /// What the backward pass has left; `None` where it did not come here.
    pub fn take(&self) -> Option<Operands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, operands: Operands) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(operands);
    }
}

/// What does not depend on the tensors.
#[derive(Clone, Debug)]
pub struct DenseAttributes {
    /// Applied to each output.
    pub activation: Activation,
    /// The kernels to use.
    pub level: SimdLevel,
    /// Where the weight's and the bias's gradients are not computed by the backward pass.
    pub deferred: Option<Deferred>,
}

/// Backends with the fused dense layer.
#[backend_extension(Autodiff, Flex, Cube: cfg(feature = "cube"))]
pub trait FusedDense: Backend {
    /// `activation(x weight + bias)`: x `[batch, in]`, weight `[in, out]`, bias `[out]`, all f32.
    fn fused_dense(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        attributes: DenseAttributes,
    ) -> FloatTensor<Self>;
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
pub struct Saved<T> {
    pub(super) x: T,
    pub(super) weight: T,
    pub(super) output: T,
    pub(super) attributes: DenseAttributes,
}

/// The gradients of the input (if asked for), the weight and the bias (unless they are deferred).
pub type DenseGradients<T> = [Option<T>; 3];

/// Backends with the gradient of [`FusedDense::fused_dense`].
pub trait FusedDenseBackward: FusedDense {
    /// The gradients, from that of the output.
    fn fused_dense_backward(
        saved: Saved<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
        input_too: bool,
    ) -> DenseGradients<FloatTensor<Self>>;
}

impl FusedDense for Flex {
    fn fused_dense(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        DenseAttributes { activation, level, .. }: DenseAttributes,
    ) -> FlexTensor {
        let (batch, outputs) = (x.shape()[0], weight.shape()[1]);
        let y = forward(level, activation, &values(&x), &values(&weight), &values(&bias));
        recycled(y, Layout::contiguous(Shape::from([batch, outputs])))
    }
}

impl FusedDenseBackward for Flex {
    fn fused_dense_backward(
        Saved { x, weight, output, attributes }: Saved<FlexTensor>,
        gradient: FlexTensor,
        input_too: bool,
    ) -> DenseGradients<FlexTensor> {
        let DenseAttributes { activation, level, deferred } = attributes;
        let outputs = weight.shape()[1];
        let dz = derived(level, activation, &values(&gradient), &values(&output));
        let dx = input_too.then(|| {
            let dx = backward_input(level, &dz, &values(&weight), outputs);
            recycled(dx, Layout::contiguous(x.shape()))
        });
        let operands = Operands::new(Recycled::copy_of(&values(&x)), dz, outputs);
        if let Some(deferred) = deferred {
            deferred.put(operands);
            return [dx, None, None];
        }
        let dw = whole_weight_gradient(level, &operands);
        let dw = recycled(dw, Layout::contiguous(weight.shape()));
        let db = flat(operands.bias_gradient(), Layout::contiguous(Shape::from([outputs])));
        [dx, Some(dw), Some(db)]
    }
}

/// The backward pass; the parents are input, weight and bias.
#[derive(Debug)]
struct DenseStep;

impl<B: FusedDenseBackward> Backward<B, 3> for DenseStep {
    type State = Saved<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let input_too = ops.parents[0].is_some();
        let gradients = B::fused_dense_backward(ops.state, gradient, input_too);
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let (Some(node), Some(gradient)) = (node, gradient) {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<B: FusedDenseBackward, C: CheckpointStrategy> FusedDense for Autodiff<B, C> {
    fn fused_dense(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        attributes: DenseAttributes,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (weight, weight_node) = weight.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let step = DenseStep.prepare::<C>([x_node, weight_node, bias_node]);
        match step.compute_bound().stateful() {
            OpsKind::UnTracked(step) => step.finish(B::fused_dense(x, weight, bias, attributes)),
            OpsKind::Tracked(step) => {
                let (inputs, weights) = (x.clone(), weight.clone());
                let output = B::fused_dense(inputs, weights, bias, attributes.clone());
                let saved = Saved { x, weight, output: output.clone(), attributes };
                step.finish(saved, output)
            }
        }
    }
}

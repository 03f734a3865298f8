//! The depthwise convolution as an operation of Burn's Flex backend, with its own backward pass.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use super::pass::Pass;
use crate::ops::Activation;
use crate::ops::columns::sliding::Geometry;
use crate::ops::flex_tensor::{Batch, flat, size, tensor, values};
use crate::ops::gradients::{AddGradients, register_of_layer};
use crate::ops::layout::{ImageLayout, Images};
use crate::ops::simd::SimdLevel;
use crate::ops::sums::{derived, sums_of_channels};

/// What does not depend on the tensors.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseAttributes {
    pub geometry: Geometry,
    /// Applied to each output.
    pub activation: Activation,
}

/// Backends with the depthwise convolution.
#[backend_extension(Autodiff, Flex)]
pub trait Depthwise: Backend {
    /// `activation(x * weight + bias)`, channel by channel: x `[batch, channels, h, w]`, weight `[channels, 1, kh, kw]`,
    /// bias `[channels]`, all f32.
    fn depthwise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        attributes: DepthwiseAttributes,
    ) -> FloatTensor<Self>;
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
pub struct DepthwiseState<F> {
    x: F,
    weight: F,
    output: F,
    attributes: DepthwiseAttributes,
}

/// Backends with the gradient of [`Depthwise::depthwise`].
pub trait DepthwiseBackward: Depthwise + AddGradients {
    /// The gradients of the input (if asked for), the weight and the bias, from that of the output.
    fn depthwise_backward(
        state: DepthwiseState<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
        input_too: bool,
    ) -> (Option<FloatTensor<Self>>, FloatTensor<Self>, FloatTensor<Self>);
}

impl Depthwise for Flex {
    fn depthwise(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        DepthwiseAttributes { geometry, activation }: DepthwiseAttributes,
    ) -> FlexTensor {
        let (count, pass) = (x.shape()[0], Pass::new(size(&x.shape()), &values(&weight), geometry));
        let (images, bias) = (Batch::new(&x), &values(&bias)[..]);
        let out = pass.forward(images.images(), activation, bias);
        tensor(out, count, pass.output(), ImageLayout::Nhwc)
    }
}

impl DepthwiseBackward for Flex {
    fn depthwise_backward(
        DepthwiseState { x, weight, output, attributes }: DepthwiseState<FlexTensor>,
        gradient: FlexTensor,
        input_too: bool,
    ) -> (Option<FlexTensor>, FlexTensor, FlexTensor) {
        let DepthwiseAttributes { geometry, activation } = attributes;
        let pass = Pass::new(size(&x.shape()), &values(&weight), geometry);
        let (count, input) = (x.shape()[0], size(&x.shape()));
        let (x, y, gradient) = (Batch::new(&x), Batch::new(&output), Batch::new(&gradient));
        let dz = derived(SimdLevel::best(), activation, y.images(), gradient.images());
        let dz = Images { values: &dz, size: pass.output(), layout: ImageLayout::Nhwc };
        let (dx, dw) = pass.backward(x.images(), dz, input_too);
        let dx = dx.map(|dx| tensor(dx, count, input, ImageLayout::Nhwc));
        let channels = Layout::contiguous(Shape::from([input.channels]));
        let dw = flat(dw, Layout::contiguous(weight.shape()));
        (dx, dw, flat(sums_of_channels(dz), channels))
    }
}

/// The backward pass; the parents are input, weight and bias.
#[derive(Debug)]
struct DepthwiseStep;

impl<B: DepthwiseBackward> Backward<B, 3> for DepthwiseStep {
    type State = DepthwiseState<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let input_too = ops.parents[0].is_some();
        let (dx, dw, db) = B::depthwise_backward(ops.state, gradient, input_too);
        register_of_layer!(B, grads, ops.parents, [dx, dw, db]);
    }
}

impl<B: DepthwiseBackward, C: CheckpointStrategy> Depthwise for Autodiff<B, C> {
    fn depthwise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        attributes: DepthwiseAttributes,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (weight, weight_node) = weight.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let step = DepthwiseStep.prepare::<C>([x_node, weight_node, bias_node]);
        match step.compute_bound().stateful() {
            OpsKind::UnTracked(step) => step.finish(B::depthwise(x, weight, bias, attributes)),
            OpsKind::Tracked(step) => {
                let output = B::depthwise(x.clone(), weight.clone(), bias, attributes);
                let state = DepthwiseState { x, weight, output: output.clone(), attributes };
                step.finish(state, output)
            }
        }
    }
}

//! Strided, dilated and transposed convolutions as an operation of Burn's Flex backend, with its own backward pass.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use super::products::{Ending, products};
use super::sliding::{Geometry, Sliding};
use crate::ops::Activation;
use crate::ops::conv::PackedWeights;
use crate::ops::flex_tensor::{Batch, flat, recycled, size, tensor, values};
use crate::ops::gradients::{AddGradients, register_of_layer};
use crate::ops::layout::{ImageLayout, Images, Size};
use crate::ops::simd::SimdLevel;
use crate::ops::sums::{derived, sums_of_channels};

/// Which way a kernel goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From large images to small ones.
    Convolution,
    /// From small images to large ones of so many rows and columns.
    Transposed([usize; 2]),
}

/// What does not depend on the tensors.
#[derive(Clone, Debug)]
pub struct ColumnsAttributes {
    pub geometry: Geometry,
    pub direction: Direction,
    /// Applied to each output.
    pub activation: Activation,
    /// The weights as they were brought in order, once this has been done.
    pub packed: PackedWeights,
}

/// Backends with kernels that slide.
#[backend_extension(Autodiff, Flex)]
pub trait Slid: Backend {
    /// `activation(x * weight + bias)`: x and the output as the attributes say, weight
    /// `[channels of small images, channels of large images, kh, kw]`, bias `[channels of the output]`, all f32.
    fn slid_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        attributes: ColumnsAttributes,
    ) -> FloatTensor<Self>;
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
pub struct SlidState<F> {
    x: F,
    weight: F,
    output: F,
    attributes: ColumnsAttributes,
}

/// Backends with the gradient of [`Slid::slid_conv2d`].
pub trait SlidBackward: Slid + AddGradients {
    /// The gradients of the input (if asked for), the weight and the bias, from that of the output.
    fn slid_conv2d_backward(
        state: SlidState<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
        input_too: bool,
    ) -> (Option<FloatTensor<Self>>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The kernel over the images of a size that `x` has, and the size of the output.
fn sizes(x: Size, weight: &Shape, attributes: &ColumnsAttributes) -> (Sliding, Size) {
    let geometry = attributes.geometry;
    match attributes.direction {
        Direction::Convolution => {
            let sliding = Sliding { geometry, large: x };
            let [rows, columns] = sliding.small();
            (sliding, Size { channels: weight[0], rows, columns })
        }
        Direction::Transposed([rows, columns]) => {
            let large = Size { channels: weight[1], rows, columns };
            (Sliding { geometry, large }, large)
        }
    }
}

impl Slid for Flex {
    fn slid_conv2d(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        attributes: ColumnsAttributes,
    ) -> FlexTensor {
        let (sliding, output) = sizes(size(&x.shape()), &weight.shape(), &attributes);
        let (images, outputs) = (Batch::new(&x), weight.shape()[0]);
        let (weight, bias) = (values(&weight), values(&bias));
        let products = products(sliding, outputs, &weight, &attributes.packed);
        let ending = Some(Ending { bias: &bias, activation: attributes.activation });
        let out = match attributes.direction {
            Direction::Convolution => products.small(images.images(), ending),
            Direction::Transposed(_) => products.large(images.images(), ending),
        };
        tensor(out, x.shape()[0], output, ImageLayout::Nhwc)
    }
}

impl SlidBackward for Flex {
    fn slid_conv2d_backward(
        SlidState { x, weight, output, attributes }: SlidState<FlexTensor>,
        gradient: FlexTensor,
        input_too: bool,
    ) -> (Option<FlexTensor>, FlexTensor, FlexTensor) {
        let (count, input, shape) = (x.shape()[0], size(&x.shape()), weight.shape());
        let (sliding, size) = sizes(input, &shape, &attributes);
        let (x, y, gradient) = (Batch::new(&x), Batch::new(&output), Batch::new(&gradient));
        let (level, activation) = (SimdLevel::best(), attributes.activation);
        let dz = derived(level, activation, y.images(), gradient.images());
        let dz = Images { values: &dz, size, layout: ImageLayout::Nhwc };
        let x = x.images();
        let weight = values(&weight);
        let products = products(sliding, shape[0], &weight, &attributes.packed);
        let (dx, dw) = match attributes.direction {
            Direction::Convolution => products.backward(x, dz, input_too),
            Direction::Transposed(_) => {
                (input_too.then(|| products.small(dz, None)), products.weights(dz, x))
            }
        };
        let db = sums_of_channels(dz);
        (
            dx.map(|dx| tensor(dx, count, input, ImageLayout::Nhwc)),
            recycled(dw, Layout::contiguous(shape)),
            flat(db, Layout::contiguous(Shape::from([size.channels]))),
        )
    }
}

/// The backward pass; the parents are input, weight and bias.
#[derive(Debug)]
struct SlidStep;

impl<B: SlidBackward> Backward<B, 3> for SlidStep {
    type State = SlidState<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let input_too = ops.parents[0].is_some();
        let (dx, dw, db) = B::slid_conv2d_backward(ops.state, gradient, input_too);
        register_of_layer!(B, grads, ops.parents, [dx, dw, db]);
    }
}

impl<B: SlidBackward, C: CheckpointStrategy> Slid for Autodiff<B, C> {
    fn slid_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        attributes: ColumnsAttributes,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (weight, weight_node) = weight.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let step = SlidStep.prepare::<C>([x_node, weight_node, bias_node]);
        match step.compute_bound().stateful() {
            OpsKind::UnTracked(step) => step.finish(B::slid_conv2d(x, weight, bias, attributes)),
            OpsKind::Tracked(step) => {
                let output = B::slid_conv2d(x.clone(), weight.clone(), bias, attributes.clone());
                let state = SlidState { x, weight, output: output.clone(), attributes };
                step.finish(state, output)
            }
        }
    }
}

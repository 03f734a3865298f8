//! The depthwise convolution as an operation of Burn's Flex backend, with its own backward pass.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use super::kernels::{Forward, InputGradient, Places, WeightGradient};
use crate::ops::Activation;
use crate::ops::columns::sliding::{Geometry, Sliding};
use crate::ops::flex_tensor::{Batch, flat, size, tensor, values};
use crate::ops::layout::{ImageLayout, Images, Size};
use crate::ops::parallel::{GROUP, for_groups, of_images};
use crate::ops::recycled::Recycled;
use crate::ops::simd::{Activate, SimdLevel};
use crate::ops::sums::{derived, sums_of_channels, total};

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
pub trait DepthwiseBackward: Depthwise {
    /// The gradients of the input (if asked for), the weight and the bias, from that of the output.
    fn depthwise_backward(
        state: DepthwiseState<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
        input_too: bool,
    ) -> (Option<FloatTensor<Self>>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The kernels of a batch, and where they go.
struct Pass {
    sliding: Sliding,
    windows: Vec<usize>,
    taps: Vec<usize>,
    /// `[taps, channels]`.
    weight: Vec<f32>,
}

impl Pass {
    fn new(x: &FlexTensor, weight: &FlexTensor, geometry: Geometry) -> Self {
        let sliding = Sliding { geometry, large: size(&x.shape()) };
        let (windows, taps) = (sliding.windows().collect(), sliding.taps());
        let weight = transposed(&values(weight), sliding.large.channels);
        Self { sliding, windows, taps, weight }
    }

    fn output(&self) -> Size {
        let [rows, columns] = self.sliding.small();
        Size { rows, columns, ..self.sliding.large }
    }

    fn places(&self) -> Places<'_> {
        let channels = self.sliding.large.channels;
        Places { windows: &self.windows, taps: &self.taps, channels }
    }

    fn input_gradient(&self, dz: Images) -> Recycled {
        let (images, n) = (dz.count(), self.sliding.large.len());
        of_images(images, n, |i, dimage: &mut Vec<f32>, dx| {
            dimage.clear();
            dimage.resize(self.sliding.padded().len(), 0.0);
            let (places, dz, weight) = (self.places(), dz.image(i), &self.weight[..]);
            SimdLevel::best().run(InputGradient { places, dz, weight, dimage });
            self.sliding.crop(dimage, dx);
        })
    }

    /// `[channels, taps]`.
    fn weight_gradient(&self, x: Images, dz: Images) -> Vec<f32> {
        let images = x.count();
        let mut sums = vec![vec![0.0; self.weight.len()]; images.div_ceil(GROUP)];
        for_groups(&mut sums, 1, |group, sums| {
            let (mut image, dweight) = (Vec::new(), &mut sums[0]);
            for i in group * GROUP..images.min((group + 1) * GROUP) {
                self.sliding.pad(x, i, &mut image);
                let (places, dz) = (self.places(), dz.image(i));
                SimdLevel::best().run(WeightGradient { places, dz, image: &image, dweight });
            }
        });
        transposed(&total(sums), self.taps.len())
    }
}

/// A matrix of `rows` rows, its columns as rows.
fn transposed(matrix: &[f32], rows: usize) -> Vec<f32> {
    let columns = matrix.len() / rows;
    (0..matrix.len()).map(|at| matrix[at % rows * columns + at / rows]).collect()
}

impl Depthwise for Flex {
    fn depthwise(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        DepthwiseAttributes { geometry, activation }: DepthwiseAttributes,
    ) -> FlexTensor {
        let (count, pass) = (x.shape()[0], Pass::new(&x, &weight, geometry));
        let (images, output, bias) = (Batch::new(&x), pass.output(), &values(&bias)[..]);
        let out = of_images(count, output.len(), |i, image: &mut Vec<f32>, out| {
            pass.sliding.pad(images.images(), i, image);
            let (places, weight) = (pass.places(), &pass.weight[..]);
            SimdLevel::best().run(Forward { places, image, weight, out: &mut *out });
            SimdLevel::best().run(Activate { activation, bias, out });
        });
        tensor(out, count, output, ImageLayout::Nhwc)
    }
}

impl DepthwiseBackward for Flex {
    fn depthwise_backward(
        DepthwiseState { x, weight, output, attributes }: DepthwiseState<FlexTensor>,
        gradient: FlexTensor,
        input_too: bool,
    ) -> (Option<FlexTensor>, FlexTensor, FlexTensor) {
        let (count, pass) = (x.shape()[0], Pass::new(&x, &weight, attributes.geometry));
        let (x, y, gradient) = (Batch::new(&x), Batch::new(&output), Batch::new(&gradient));
        let (level, activation) = (SimdLevel::best(), attributes.activation);
        let dz = derived(level, activation, y.images(), gradient.images());
        let dz = Images { values: &dz, size: pass.output(), layout: ImageLayout::Nhwc };
        let dx = input_too
            .then(|| tensor(pass.input_gradient(dz), count, pass.sliding.large, ImageLayout::Nhwc));
        let dw = flat(pass.weight_gradient(x.images(), dz), Layout::contiguous(weight.shape()));
        let channels = Layout::contiguous(Shape::from([pass.sliding.large.channels]));
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
        let [x, weight, bias] = ops.parents;
        let (dx, dw, db) = B::depthwise_backward(ops.state, gradient, x.is_some());
        for (node, value) in [(x, dx), (weight, Some(dw)), (bias, Some(db))] {
            if let (Some(node), Some(value)) = (node, value) {
                grads.register::<B>(node.id, value);
            }
        }
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

//! The convolution as an operation of burn's backends, with its own backward pass; here on Flex, the CPU's.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};
use std::sync::{Arc, OnceLock};

use crate::ops::Activation;
use crate::ops::conv::layer::{Layer, Outputs};
use crate::ops::flex_tensor::{Batch, bytes, flat, recycled, size, tensor, values};
use crate::ops::gradients::{AddGradients, register_of_layer};
use crate::ops::parallel::{LARGE_MICROBATCH, MICROBATCH, microbatch_of};
use crate::ops::simd::SimdLevel;
use crate::ops::sums::add_rows;
use crate::ops::windows::Windows;
use crate::util::parallel::for_items;

/// What does not depend on the tensors.
#[derive(Clone, Debug)]
pub struct ConvAttributes {
    /// Zeros on the top, bottom, left and right.
    pub padding: [usize; 4],
    /// Applied to each output.
    pub activation: Activation,
    /// Of the activated outputs the largest one of each window is left.
    pub pool: Option<Windows>,
    /// The kernels to use.
    pub level: SimdLevel,
    /// The weights as they were brought in order for these kernels, once this has been done.
    pub packed: PackedWeights,
}

/// The weights of a layer in the order in which a product of matrices takes them: made by the first pass that needs
/// them, for all that have a copy of this, which must be passes with the same weights.
#[derive(Clone, Debug, Default)]
pub struct PackedWeights {
    packed: Arc<[OnceLock<FlexTensor>; Packing::COUNT]>,
    used_by: UsedBy,
}

/// The passes that use the weights of a [`PackedWeights`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum UsedBy {
    /// One, of a whole batch, for which all threads work.
    #[default]
    Batch,
    /// Several, each by a thread.
    Several,
    /// Those of the microbatches of a training step, each by a thread.
    Microbatches,
}

/// Weights from which on their gradients and reading them take longer than their products with [`MICROBATCH`] images: a
/// megabyte.
const MANY_WEIGHTS: usize = 1 << 18;

/// Numbers that a thread adds at a time: a quarter of a megabyte.
const SUM_AT_A_TIME: usize = 1 << 16;

/// What weights are packed for: a layer that meets maps of several sizes may need more than one.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) enum Packing {
    /// Taps of the kernel.
    Taps,
    TapsTransposed,
    /// Tiles of 2 x 2.
    SmallTiles,
    SmallTilesTransposed,
    /// Tiles of 4 x 4.
    Tiles,
    TilesTransposed,
    /// Tiles of 4 x 4 for kernels of 5 x 5.
    WideTiles,
    WideTilesTransposed,
    /// Tiles of 4 x 4 for kernels of 2 x 2.
    TilesOfTwo,
    TilesOfTwoTransposed,
    /// Even and odd rows and columns apart.
    Phases,
}

impl Packing {
    const COUNT: usize = Self::Phases as usize + 1;
}

impl PackedWeights {
    /// The same for a pass that one thread takes through the layer; the others have theirs.
    pub(crate) fn of_several(self) -> Self {
        Self { used_by: UsedBy::Several, ..self }
    }

    /// The same for such a pass of a microbatch.
    pub(crate) fn of_microbatch(self) -> Self {
        Self { used_by: UsedBy::Microbatches, ..self }
    }

    /// Calls `work` with each of `items` and its number: by all threads for a pass that has them all. (Where several passes
    /// wait for what one packs, its thread may not: of what is left to do it would take another pass, and wait for itself.)
    pub(super) fn for_items<I: Send>(
        &self,
        items: impl IntoIterator<Item = I>,
        work: &(dyn Fn(usize, I) + Sync),
    ) {
        match self.used_by {
            UsedBy::Batch => for_items(items, work),
            UsedBy::Several | UsedBy::Microbatches => {
                items.into_iter().enumerate().for_each(|(number, item)| work(number, item));
            }
        }
    }

    /// Adds `part` to `sum`, which is as long.
    pub(super) fn add(&self, sum: &mut [f32], part: &[f32]) {
        let parts = sum.chunks_mut(SUM_AT_A_TIME).zip(part.chunks(SUM_AT_A_TIME));
        self.for_items(parts, &|_, (sum, part): (&mut [f32], &[f32])| add_rows(sum, part));
    }

    /// Of `images`, how many a thread takes at a time through a layer of so many `weights`.
    pub(super) fn images_at_a_time(&self, images: usize, weights: usize) -> usize {
        match weights < MANY_WEIGHTS {
            true => MICROBATCH,
            false if self.used_by == UsedBy::Microbatches => LARGE_MICROBATCH,
            false => microbatch_of(images),
        }
    }

    /// The weights packed for `packing`, which `pack` does if it has not been done.
    pub(in crate::ops) fn get_or_pack(
        &self,
        packing: Packing,
        pack: impl FnOnce() -> FlexTensor,
    ) -> FlexTensor {
        self.packed[packing as usize].get_or_init(pack).clone()
    }
}

/// Backends with the fused convolution.
#[backend_extension(Autodiff, Flex, Cube: cfg(feature = "cube"))]
pub trait Fused: Backend {
    /// `activation(x * weight + bias)`, pooled or not: x `[batch, in, h, w]`, weight
    /// `[out, in, kh, kw]`, bias `[out]`, all f32.
    fn fused_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        settings: ConvAttributes,
    ) -> FloatTensor<Self>;
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
pub struct Saved<F, I> {
    pub(super) x: F,
    pub(super) weight: F,
    pub(super) output: F,
    /// Of the largest values in their windows, in bytes; none without a pooling.
    pub(super) argmax: I,
    pub(super) settings: ConvAttributes,
}

/// The gradients of the input (if asked for), the weight and the bias.
pub type FusedGradients<T> = (Option<T>, T, T);

/// Backends with the gradient of [`Fused::fused_conv2d`].
pub trait FusedBackward: Fused + AddGradients {
    /// [`Fused::fused_conv2d`], and what its gradient needs.
    fn fused_conv2d_saved(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        settings: ConvAttributes,
    ) -> Saved<FloatTensor<Self>, IntTensor<Self>>;

    /// The gradients, from that of the output.
    fn fused_conv2d_backward(
        saved: Saved<FloatTensor<Self>, IntTensor<Self>>,
        gradient: FloatTensor<Self>,
        input_too: bool,
    ) -> FusedGradients<FloatTensor<Self>>;
}

impl Fused for Flex {
    fn fused_conv2d(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        settings: ConvAttributes,
    ) -> FlexTensor {
        Self::fused_conv2d_saved(x, weight, bias, settings).output
    }
}

impl FusedBackward for Flex {
    fn fused_conv2d_saved(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        settings: ConvAttributes,
    ) -> Saved<FlexTensor, FlexTensor> {
        let layer = layer(&x, &weight, &settings);
        let images = Batch::new(&x);
        let weights = (&values(&weight)[..], &settings.packed);
        let (values, argmax) = layer.forward(images.images(), weights, &values(&bias));
        let output = tensor(values, x.shape()[0], layer.output(), layer.output_layout());
        drop(images);
        Saved { x, weight, output, argmax: bytes(argmax), settings }
    }

    fn fused_conv2d_backward(
        Saved { x, weight, output, argmax, settings }: Saved<FlexTensor, FlexTensor>,
        gradient: FlexTensor,
        input_too: bool,
    ) -> FusedGradients<FlexTensor> {
        let layer = layer(&x, &weight, &settings);
        let (images, shape) = (x.shape()[0], weight.shape());
        let (x, y, gradient) = (Batch::new(&x), Batch::new(&output), Batch::new(&gradient));
        let outputs =
            Outputs { y: y.images(), gradient: gradient.images(), argmax: argmax.storage::<u8>() };
        let weights = (&values(&weight)[..], &settings.packed);
        let gradients = layer.backward(x.images(), outputs, weights, input_too);
        let input = gradients.input.map(|(dx, layout)| tensor(dx, images, layer.input, layout));
        let weight = recycled(gradients.weight, Layout::contiguous(shape));
        let bias = Layout::contiguous(Shape::from([layer.outputs]));
        (input, weight, flat(gradients.bias, bias))
    }
}

fn layer(x: &FlexTensor, weight: &FlexTensor, settings: &ConvAttributes) -> Layer {
    let kernel = weight.shape();
    Layer {
        level: settings.level,
        activation: settings.activation,
        input: size(&x.shape()),
        outputs: kernel[0],
        kernel: [kernel[2], kernel[3]],
        padding: settings.padding,
        pool: settings.pool,
    }
}

/// The backward pass; the parents are input, weight and bias.
#[derive(Debug)]
struct FusedStep;

impl<B: FusedBackward> Backward<B, 3> for FusedStep {
    type State = Saved<FloatTensor<B>, IntTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let input_too = ops.parents[0].is_some();
        let (dx, dw, db) = B::fused_conv2d_backward(ops.state, gradient, input_too);
        register_of_layer!(B, grads, ops.parents, [dx, dw, db]);
    }
}

impl<B: FusedBackward, C: CheckpointStrategy> Fused for Autodiff<B, C> {
    fn fused_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        settings: ConvAttributes,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (weight, weight_node) = weight.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let step = FusedStep.prepare::<C>([x_node, weight_node, bias_node]);
        match step.compute_bound().stateful() {
            OpsKind::UnTracked(step) => step.finish(B::fused_conv2d(x, weight, bias, settings)),
            OpsKind::Tracked(step) => {
                let saved = B::fused_conv2d_saved(x, weight, bias, settings);
                let output = saved.output.clone();
                step.finish(saved, output)
            }
        }
    }
}

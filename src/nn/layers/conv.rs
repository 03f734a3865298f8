//! Convolution, bias and activation: y = f(x ∗ W + b).
//!
//! x `[batch, in, height, width]`, W `[out, in, kernel height, kernel width]`, b `[out]`,
//! y `[batch, out, ⌊(height + top + bottom - (dilation (kernel height - 1) + 1)) / stride⌋ + 1, ...]`.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::nn::layers::ConvConfig;
//! use dytb::{Activation, Initializer, ForwardContext};
//!
//! let device = Device::flex();
//! let layer = ConvConfig::new([1, 32], [3, 3])
//!     .with_zero_padding(2)
//!     .with_activation(Activation::Tanh)
//!     .init(&mut Initializer::new(1, &device));
//! let maps = layer.forward(Tensor::zeros([5, 1, 28, 28], &device), &mut ForwardContext::evaluation());
//! assert_eq!(maps.dims(), [5, 32, 30, 30]);
//! ```

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::{Padding, max_pool};
use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};
use crate::nn::{Initializer, WeightInit};
use crate::ops::Activation;
use crate::ops::columns::{self, Geometry};
use crate::ops::conv::{PackedWeights, conv2d_packed};
use crate::ops::pool::conv2d_max_pool2d;

/// How to make a [`Conv`].
#[derive(Clone, Copy, Debug)]
pub struct ConvConfig {
    pub(super) channels: [usize; 2],
    pub(super) kernel: [usize; 2],
    pub(super) padding: Padding,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) activation: Activation,
    pub(super) weights: WeightInit,
    pub(super) biased: bool,
    pub(super) penalised: bool,
}

impl ConvConfig {
    /// From `channels[0]` to `channels[1]` maps with a `kernel` of `[height, width]`: no padding
    /// (TensorFlow's VALID), stride 1, no activation, weights in the L2 penalty.
    pub fn new(channels: [usize; 2], kernel: [usize; 2]) -> Self {
        Self {
            channels,
            kernel,
            padding: Padding::Valid,
            stride: 1,
            dilation: 1,
            activation: Activation::Identity,
            weights: WeightInit::He,
            biased: true,
            penalised: true,
        }
    }

    /// `zeros` zeros on every side before the convolution.
    pub fn with_zero_padding(self, zeros: usize) -> Self {
        Self { padding: Padding::Zeros(zeros), ..self }
    }

    /// Zeros as TensorFlow's SAME places them: ⌈size / stride⌉ outputs.
    pub fn with_same_padding(self) -> Self {
        Self { padding: Padding::Same, ..self }
    }

    /// Rows and columns from one output to the next.
    pub fn with_stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Rows and columns from one value under the kernel to the next.
    pub fn with_dilation(self, dilation: usize) -> Self {
        Self { dilation, ..self }
    }

    /// What is applied to the sums.
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// How the weights are drawn.
    pub fn with_weights(self, weights: WeightInit) -> Self {
        Self { weights, ..self }
    }

    /// No bias: a batch normalisation that follows has one.
    pub fn without_bias(self) -> Self {
        Self { biased: false, ..self }
    }

    /// Leaves the weights out of the L2 penalty.
    pub fn without_penalty(self) -> Self {
        Self { penalised: false, ..self }
    }

    /// The layer: weights after He if no other rule was asked for, biases 0.
    pub fn init(self, init: &mut Initializer) -> Conv {
        let [channels_in, channels_out] = self.channels;
        let [height, width] = self.kernel;
        Conv {
            weight: init.weights(
                self.weights,
                [channels_out, channels_in, height, width],
                [height * width * channels_in, height * width * channels_out],
            ),
            bias: self.biased.then(|| init.zeros([channels_out])),
            padding: self.padding,
            stride: self.stride,
            dilation: self.dilation,
            activation: self.activation,
            penalised: self.penalised,
        }
    }
}

/// A convolution with bias and activation.
#[derive(Module, Debug)]
pub struct Conv {
    weight: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    padding: Padding,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    dilation: usize,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    penalised: bool,
}

impl Conv {
    /// `[batch, in, height, width]` to `[batch, out, height', width']`.
    pub fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        if self.penalised {
            context.add_l2_penalty(|| self.weight.val());
        }
        if context.recorder().is_some_and(|recorder| recorder.shows_layers()) {
            self.record(images.clone().narrow(0, 0, 1), context);
        }
        let (input, geometry) = (context.input(&images), self.geometry(&images));
        let packed = context.packed(self.weight.id);
        let maps = self.convolve(images, self.activation, packed);
        if let Some(recorder) = context.recorder() {
            recorder.operation("Conv2D", Some(self.weight.id), self.activation, &maps);
        }
        context.made(maps, || {
            let node = Node::new(NodeKind::Conv { geometry, groups: 1 }, [input]);
            let node = node.of(self.weight.id).with("weight", self.weight.val());
            node.with_any("bias", self.bias()).activated(self.activation)
        })
    }

    /// [`Conv::forward`], then [`max_pool`] without padding: `[batch, in, height, width]` to
    /// `[batch, out, ⌊(height' - window) / stride⌋ + 1, ...]`. On the CPU it is one operation for all
    /// but the largest layers: it never writes the maps to memory, and its backward pass takes a fraction
    /// of the time.
    pub fn forward_max_pool(
        &self,
        images: Tensor<4>,
        window: usize,
        stride: usize,
        context: &mut ForwardContext,
    ) -> Tensor<4> {
        if !self.is_dense() || context.is_watched() {
            return max_pool(
                self.forward(images, context),
                window,
                stride,
                Padding::Valid,
                context,
            );
        }
        if self.penalised {
            context.add_l2_penalty(|| self.weight.val());
        }
        let padding = self.geometry(&images).padding;
        let (weight, bias) = (self.weight.val(), self.bias());
        let (weight, windows) = ((weight, context.packed(self.weight.id)), [window, stride]);
        conv2d_max_pool2d(images, weight, bias, padding, self.activation, windows)
    }

    /// How the kernel slides over `images`.
    fn geometry(&self, images: &Tensor<4>) -> Geometry {
        let ([.., height, width], [.., rows, columns]) = (images.dims(), self.weight.dims());
        let steps = [self.stride, self.dilation];
        self.padding.geometry([height, width], [rows, columns], steps)
    }

    fn convolve(
        &self,
        images: Tensor<4>,
        activation: Activation,
        packed: PackedWeights,
    ) -> Tensor<4> {
        let geometry = self.geometry(&images);
        let (weight, bias) = (self.weight.val(), self.bias());
        if self.is_dense() {
            return conv2d_packed(images, weight, bias, geometry.padding, activation, packed);
        }
        columns::conv2d_packed(images, (weight, packed), bias, geometry, activation)
    }

    /// Whether neighbouring windows share most of their pixels, which the direct kernels read once.
    fn is_dense(&self) -> bool {
        let [.., rows, columns] = self.weight.dims();
        self.stride == 1 && self.dilation == 1 && [rows, columns] != [1, 1]
    }

    fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }

    /// Shows the layer; `image` is `[1, in, height, width]`.
    fn record(&self, image: Tensor<4>, context: &mut ForwardContext) {
        let Some(recorder) = context.recorder() else { return };
        recorder.parameters(self.weight.id, self.weight.val(), self.bias());
        recorder.filters(self.weight.id, self.weight.val());
        let convolve = |image, activation| self.convolve(image, activation, Default::default());
        let before = convolve(image.clone(), Activation::Identity);
        recorder.activations(self.weight.id, before, convolve(image, self.activation));
    }
}

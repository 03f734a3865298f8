//! Transposed convolution, bias and activation: what a convolution of stride s makes smaller, larger again.
//!
//! x `[batch, in, h, w]`, W `[in, out, kernel height, kernel width]`, b `[out]`, y `[batch, out, h', w']`, where a
//! convolution with the same kernel, stride and [`Padding`] brings `[h', w']` to `[h, w]`: TensorFlow's
//! `conv2d_transpose` with its output shape. By default h' is the largest with SAME padding, s h, and else the least:
//! (h - 1) s + kernel height, less the padding.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::nn::layers::ConvTransposeConfig;
//! use dytb::{ForwardContext, Initializer};
//!
//! let device = Device::flex();
//! let layer = ConvTransposeConfig::new([8, 3], [4, 4])
//!     .with_same_padding()
//!     .with_stride(2)
//!     .init(&mut Initializer::new(1, &device));
//! let context = &mut ForwardContext::evaluation();
//! let maps = Tensor::zeros([5, 8, 7, 7], &device);
//! assert_eq!(layer.forward(maps.clone(), context).dims(), [5, 3, 14, 14]);
//! assert_eq!(layer.forward_to(maps, [13, 14], context).dims(), [5, 3, 13, 14]);
//! ```

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::Padding;
use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};
use crate::nn::{Initializer, WeightInit};
use crate::ops::Activation;
use crate::ops::columns::conv_transpose2d_packed;
use crate::ops::conv::PackedWeights;

/// How to make a [`ConvTranspose`].
#[derive(Clone, Copy, Debug)]
pub struct ConvTransposeConfig {
    channels: [usize; 2],
    kernel: [usize; 2],
    padding: Padding,
    stride: usize,
    activation: Activation,
    weights: WeightInit,
    penalised: bool,
}

impl ConvTransposeConfig {
    /// From `channels[0]` to `channels[1]` maps with a `kernel` of `[height, width]`: no padding, stride 1, no
    /// activation, weights in the L2 penalty.
    pub fn new(channels: [usize; 2], kernel: [usize; 2]) -> Self {
        Self {
            channels,
            kernel,
            padding: Padding::Valid,
            stride: 1,
            activation: Activation::Identity,
            weights: WeightInit::He,
            penalised: true,
        }
    }

    /// As much less on every side as `zeros` zeros around the images of the convolution add: PyTorch's `padding`.
    pub fn with_zero_padding(self, zeros: usize) -> Self {
        Self { padding: Padding::Zeros(zeros), ..self }
    }

    /// As much less as TensorFlow's SAME adds.
    pub fn with_same_padding(self) -> Self {
        Self { padding: Padding::Same, ..self }
    }

    /// Rows and columns of the output for each one of the input.
    pub fn with_stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// What is applied to the sums.
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// How the weights are drawn.
    pub fn with_weights(self, weights: WeightInit) -> Self {
        Self { weights, ..self }
    }

    /// Leaves the weights out of the L2 penalty.
    pub fn without_penalty(self) -> Self {
        Self { penalised: false, ..self }
    }

    /// The layer: weights after He if no other rule was asked for, biases 0.
    pub fn init(self, init: &mut Initializer) -> ConvTranspose {
        let ([from, to], [height, width]) = (self.channels, self.kernel);
        // An output is the sum of every stride-th value of the kernel, each way.
        let inputs = (from * height * width).div_ceil(self.stride * self.stride);
        ConvTranspose {
            weight: init.weights(
                self.weights,
                [from, to, height, width],
                [inputs, to * height * width],
            ),
            bias: init.zeros([to]),
            padding: self.padding,
            stride: self.stride,
            activation: self.activation,
            penalised: self.penalised,
        }
    }
}

/// A transposed convolution with bias and activation.
#[derive(Module, Debug)]
pub struct ConvTranspose {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    padding: Padding,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    penalised: bool,
}

impl ConvTranspose {
    /// `[batch, in, h, w]` to `[batch, out, h', w']`, which follow from h and w.
    pub fn forward(&self, maps: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let [_, _, height, width] = maps.dims();
        let [.., rows, columns] = self.weight.dims();
        let along = |values: usize, kernel: usize| match self.padding {
            Padding::Same => values * self.stride,
            Padding::Valid => (values - 1) * self.stride + kernel,
            Padding::Zeros(zeros) => (values - 1) * self.stride + kernel - 2 * zeros,
        };
        self.forward_to(maps, [along(height, rows), along(width, columns)], context)
    }

    /// `[batch, in, h, w]` to `[batch, out, h', w']` of this `size` `[h', w']`.
    ///
    /// # Panics
    /// When a convolution with this layer's kernel, stride and padding does not bring it to `[h, w]`.
    pub fn forward_to(
        &self,
        maps: Tensor<4>,
        size: [usize; 2],
        context: &mut ForwardContext,
    ) -> Tensor<4> {
        let weight = self.weight.val();
        if self.penalised {
            context.add_l2_penalty(|| weight.clone());
        }
        let [.., rows, columns] = weight.dims();
        let geometry = self.padding.geometry(size, [rows, columns], [self.stride, 1]);
        let images = |maps: Tensor<4>, activation, packed| {
            let (weight, bias) = ((weight.clone(), packed), Some(self.bias.val()));
            conv_transpose2d_packed(maps, weight, bias, geometry, size, activation)
        };
        if let Some(recorder) = context.recorder() {
            recorder.parameters(self.weight.id, weight.clone(), Some(self.bias.val()));
            let first = maps.clone().narrow(0, 0, 1);
            let of_first = |activation| images(first.clone(), activation, PackedWeights::default());
            let before = of_first(Activation::Identity);
            recorder.activations(self.weight.id, before, of_first(self.activation));
        }
        let ([.., height, width], input) = (maps.dims(), context.input(&maps));
        let images = images(maps, self.activation, context.packed(self.weight.id));
        if let Some(recorder) = context.recorder() {
            let kind = "Conv2DBackpropInput";
            recorder.operation(kind, Some(self.weight.id), self.activation, &images);
        }
        context.made(images, || {
            let unreached = geometry.unreached([height, width], size);
            let node = Node::new(NodeKind::ConvTranspose { geometry, unreached }, [input]);
            let node = node.of(self.weight.id).with("weight", self.weight.val());
            node.with("bias", self.bias.val()).activated(self.activation)
        })
    }
}

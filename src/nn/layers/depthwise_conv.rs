//! Depthwise convolution and activation: each channel by a kernel of its own, y_c = f(x_c ∗ W_c).
//!
//! x `[batch, channels, height, width]`, W `[channels, 1, kernel height, kernel width]`, y as of a
//! [`Conv`](super::Conv). MobileNets follow it by a convolution of 1x1.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::nn::layers::DepthwiseConvConfig;
//! use dytb::{ForwardContext, Initializer};
//!
//! let device = Device::flex();
//! let layer = DepthwiseConvConfig::new(8, [3, 3])
//!     .with_same_padding()
//!     .with_stride(2)
//!     .init(&mut Initializer::new(1, &device));
//! let maps = layer.forward(Tensor::zeros([5, 8, 7, 7], &device), &mut ForwardContext::evaluation());
//! assert_eq!(maps.dims(), [5, 8, 4, 4]);
//! ```

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::Padding;
use crate::nn::ForwardContext;
use crate::nn::{Initializer, WeightInit};
use crate::ops::Activation;
use crate::ops::columns::Geometry;
use crate::ops::depthwise::depthwise_conv2d;

/// How to make a [`DepthwiseConv`].
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseConvConfig {
    channels: usize,
    kernel: [usize; 2],
    padding: Padding,
    stride: usize,
    dilation: usize,
    activation: Activation,
    weights: WeightInit,
    biased: bool,
    penalised: bool,
}

impl DepthwiseConvConfig {
    /// Of so many `channels`, with a `kernel` of `[height, width]`: no padding, stride 1, no activation, weights in the
    /// L2 penalty.
    pub fn new(channels: usize, kernel: [usize; 2]) -> Self {
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
    pub fn init(self, init: &mut Initializer) -> DepthwiseConv {
        let (channels, [height, width]) = (self.channels, self.kernel);
        let shape = [channels, 1, height, width];
        DepthwiseConv {
            weight: init.weights(self.weights, shape, [height * width; 2]),
            bias: self.biased.then(|| init.zeros([channels])),
            padding: self.padding,
            stride: self.stride,
            dilation: self.dilation,
            activation: self.activation,
            penalised: self.penalised,
        }
    }
}

/// A depthwise convolution with bias and activation.
#[derive(Module, Debug)]
pub struct DepthwiseConv {
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

impl DepthwiseConv {
    /// `[batch, channels, height, width]` to `[batch, channels, height', width']`.
    pub fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.as_ref().map(Param::val));
        if self.penalised {
            context.add_l2_penalty(|| weight.clone());
        }
        if let Some(recorder) = context.recorder() {
            recorder.parameters(self.weight.id, weight.clone(), bias.clone());
        }
        let ([.., height, width], [.., rows, columns]) = (images.dims(), weight.dims());
        let (kernel, stride, dilation) = ([rows, columns], self.stride, self.dilation);
        let reach = kernel.map(|values| dilation * (values - 1) + 1);
        let padding = self.padding.amounts([height, width], reach, stride);
        let geometry = Geometry { kernel, stride, dilation, padding };
        let maps = depthwise_conv2d(images, weight, bias, geometry, self.activation);
        if let Some(recorder) = context.recorder() {
            let kind = "DepthwiseConv2dNative";
            recorder.operation(kind, Some(self.weight.id), self.activation, &maps);
        }
        maps
    }
}

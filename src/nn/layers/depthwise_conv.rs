//! Depthwise convolution and activation: each channel by a kernel of its own, y_c = f(x_c ∗ W_c).
//!
//! x `[batch, channels, height, width]`, W `[channels, 1, kernel height, kernel width]`, y as of a
//! [`Conv`](super::Conv). MobileNets follow it by a convolution of 1x1.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::nn::layers::ConvConfig;
//! use dytb::{ForwardContext, Initializer};
//!
//! let device = Device::flex();
//! let layer = ConvConfig::new([8, 8], [3, 3])
//!     .with_same_padding()
//!     .with_stride(2)
//!     .init_depthwise(&mut Initializer::new(1, &device));
//! let maps = layer.forward(Tensor::zeros([5, 8, 7, 7], &device), &mut ForwardContext::evaluation());
//! assert_eq!(maps.dims(), [5, 8, 4, 4]);
//! ```

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::{ConvConfig, Padding};
use crate::nn::trace::{Node, NodeKind};
use crate::nn::{ForwardContext, Initializer};
use crate::ops::Activation;
use crate::ops::depthwise::depthwise_conv2d;

impl ConvConfig {
    /// The convolution of each channel by a kernel of its own: weights after He if no other rule was asked for,
    /// biases 0.
    ///
    /// # Panics
    /// When it is from one number of channels to another.
    pub fn init_depthwise(self, init: &mut Initializer) -> DepthwiseConv {
        let ([channels, to], [height, width]) = (self.channels, self.kernel);
        assert_eq!(channels, to, "a depthwise convolution has as many maps as channels");
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
        let steps = [self.stride, self.dilation];
        let geometry = self.padding.geometry([height, width], [rows, columns], steps);
        let input = context.input(&images);
        let maps = depthwise_conv2d(images, weight, bias, geometry, self.activation);
        if let Some(recorder) = context.recorder() {
            let kind = "DepthwiseConv2dNative";
            recorder.operation(kind, Some(self.weight.id), self.activation, &maps);
        }
        context.made(maps, || {
            let (weight, bias) = (self.weight.val(), self.bias.as_ref().map(Param::val));
            let node = Node::new(NodeKind::Conv { geometry, groups: weight.dims()[0] }, [input]);
            let node = node.of(self.weight.id).with("weight", weight).with_any("bias", bias);
            node.activated(self.activation)
        })
    }
}

//! A layer, what regularises it, and a ReLU: what LeNet, VGG and their variants are built of.
//!
//! y = dropout(relu(norm(x ∗ W + b))), where norm and dropout are there only if the [`Regularizer`]
//! says so.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{BatchNorm, Conv, ConvConfig, Dense, DenseConfig, Dropout, Padding, max_pool};
use crate::nn::ForwardContext;
use crate::nn::Initializer;
use crate::ops::Activation;

/// What keeps a network from learning its examples by heart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regularizer {
    /// Nothing.
    None,
    /// Batch normalisation before each ReLU.
    BatchNorm,
    /// Dropout after each ReLU.
    Dropout(Dropout),
}

impl Regularizer {
    /// What follows the sums directly: a normalisation comes before the ReLU.
    fn activation(self) -> Activation {
        if self == Self::BatchNorm { Activation::Identity } else { Activation::Relu }
    }

    fn norm(self, channels: usize, init: &mut Initializer) -> Option<BatchNorm> {
        (self == Self::BatchNorm).then(|| BatchNorm::new(channels, init))
    }

    /// All of it that follows the sums. `keep` is the probability of a neuron to be kept.
    fn apply<const D: usize>(
        self,
        sums: Tensor<D>,
        norm: Option<&BatchNorm>,
        keep: f64,
        context: &mut ForwardContext,
    ) -> Tensor<D> {
        match (self, norm) {
            (Self::Dropout(dropout), _) => dropout.forward(keep, sums, context),
            (_, Some(norm)) => norm.forward(sums, Activation::Relu, context),
            (_, None) => sums,
        }
    }
}

/// A convolution, what regularises it, and a ReLU.
#[derive(Module, Debug)]
pub struct ConvBlock {
    conv: Conv,
    norm: Option<BatchNorm>,
    #[module(skip)]
    regularizer: Regularizer,
    #[module(skip)]
    keep: f64,
}

impl ConvBlock {
    /// From `channels[0]` to `channels[1]` maps with a `kernel` x `kernel` SAME convolution. A dropout
    /// keeps neurons with probability `keep`.
    pub fn new(
        channels: [usize; 2],
        kernel: usize,
        regularizer: Regularizer,
        keep: f64,
        init: &mut Initializer,
    ) -> Self {
        let conv = ConvConfig::new(channels, [kernel; 2])
            .with_same_padding()
            .with_activation(regularizer.activation())
            .init(init);
        Self { conv, norm: regularizer.norm(channels[1], init), regularizer, keep }
    }

    /// `[batch, in, height, width]` to `[batch, out, height, width]`.
    pub fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let sums = self.conv.forward(images, context);
        self.regularizer.apply(sums, self.norm.as_ref(), self.keep, context)
    }

    /// [`ConvBlock::forward`], then the largest value of each window of 2x2:
    /// `[batch, out, ⌊height / 2⌋, ⌊width / 2⌋]`.
    pub fn forward_halved(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        if self.regularizer == Regularizer::None {
            return self.conv.forward_max_pool(images, 2, 2, context);
        }
        if let Some(norm) = &self.norm {
            let sums = self.conv.forward(images, context);
            return norm.forward_max_pool(sums, Activation::Relu, [2, 2], context);
        }
        max_pool(self.forward(images, context), 2, 2, Padding::Valid, context)
    }
}

/// A fully connected layer, what regularises it, and a ReLU.
#[derive(Module, Debug)]
pub struct DenseBlock {
    dense: Dense,
    norm: Option<BatchNorm>,
    #[module(skip)]
    regularizer: Regularizer,
    #[module(skip)]
    keep: f64,
}

impl DenseBlock {
    /// From `neurons[0]` to `neurons[1]`. A dropout keeps neurons with probability `keep`.
    pub fn new(
        neurons: [usize; 2],
        regularizer: Regularizer,
        keep: f64,
        init: &mut Initializer,
    ) -> Self {
        let dense = DenseConfig::new(neurons).with_activation(regularizer.activation()).init(init);
        Self { dense, norm: regularizer.norm(neurons[1], init), regularizer, keep }
    }

    /// `[batch, in]` to `[batch, out]`.
    pub fn forward(&self, x: Tensor<2>, context: &mut ForwardContext) -> Tensor<2> {
        let sums = self.dense.forward(x, context);
        self.regularizer.apply(sums, self.norm.as_ref(), self.keep, context)
    }
}

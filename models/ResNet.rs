//! Residual networks for small images: 6n + 2 layers of weights.
//!
//! 3x3 convolution to 16 maps; three stages of n blocks with 16, 32 and 64 maps, the first block of the second and the
//! third with stride 2; the mean of each map; the classes. A block is relu(x + norm(conv(relu(norm(conv(x)))))) of 3x3
//! SAME convolutions without biases. Where a block halves the images, x is every second pixel of every second row, and
//! the maps that it lacks are zeros (option A). `[batch, 3, 32, 32]` -> `[batch, 16, 32, 32]` ->
//! `[batch, 32, 16, 16]` -> `[batch, 64, 8, 8]` -> `[batch, 64]` -> `[batch, classes]`.
//!
//! He et al. 2015, "Deep residual learning for image recognition", section 4.2: 0.27, 0.46 and 0.85 million parameters.
//! Weights are drawn as PyTorch's `kaiming_normal_` draws them, and the normalisation's ε is 1e-5, as in the usual
//! implementations. The last layer's weights are not in the L2 penalty.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{
    BatchNorm, Conv, ConvConfig, Dense, DenseConfig, Padding, global_average_pool, max_pool,
    pad_channels, residual_sum,
};
use dytb::nn::{WeightInit, require_halvings};
use dytb::{Activation, Classifier, ForwardContext, Initializer, Model};

/// Maps of each stage.
const MAPS: [usize; 3] = [16, 32, 64];

/// A SAME convolution without a bias and the normalisation that follows it.
#[derive(Module, Debug)]
pub struct NormedConv {
    conv: Conv,
    norm: BatchNorm,
}

impl NormedConv {
    /// From `channels[0]` to `channels[1]` maps with a `kernel` x `kernel` convolution of this `stride`.
    pub fn new(channels: [usize; 2], kernel: usize, stride: usize, init: &mut Initializer) -> Self {
        let conv = ConvConfig::new(channels, [kernel; 2]).with_zero_padding(kernel / 2);
        let conv = conv.with_stride(stride).without_bias();
        Self {
            conv: conv.with_weights(WeightInit::KaimingNormal).init(init),
            norm: BatchNorm::new(channels[1], init).with_epsilon(1e-5),
        }
    }

    /// `[batch, in, h, w]` to `[batch, out, ⌈h / stride⌉, ⌈w / stride⌉]`.
    pub fn forward(
        &self,
        maps: Tensor<4>,
        activation: Activation,
        context: &mut ForwardContext,
    ) -> Tensor<4> {
        let maps = self.conv.forward(maps, context);
        self.norm.forward(maps, activation, context)
    }
}

/// Two convolutions beside the identity.
#[derive(Module, Debug)]
pub struct Block {
    first: NormedConv,
    second: NormedConv,
}

impl Block {
    fn forward(&self, maps: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let branch = self.first.forward(maps.clone(), Activation::Relu, context);
        let branch = self.second.forward(branch, Activation::Identity, context);
        let shortcut = shortcut(maps, branch.dims()[1], context);
        residual_sum(shortcut, branch, Activation::Relu, context)
    }
}

/// `maps` beside a branch of so many `channels`: without every second row and column, and with maps of zeros, where
/// it has more.
fn shortcut(maps: Tensor<4>, channels: usize, context: &mut ForwardContext) -> Tensor<4> {
    let [_, from, ..] = maps.dims();
    if from == channels {
        return maps;
    }
    // The largest of one value.
    let maps = max_pool(maps, 1, 2, Padding::Valid, context);
    pad_channels(maps, channels - from, context)
}

/// A residual network.
#[derive(Module, Debug)]
pub struct ResNet {
    stem: NormedConv,
    blocks: Vec<Block>,
    softmax_linear: Dense,
}

impl ResNet {
    /// For images of `[channels, height, width]` and `classes` classes, with so many `blocks` a stage.
    ///
    /// # Errors
    /// When the images cannot be halved twice.
    pub fn new(
        [channels, height, width]: [usize; 3],
        classes: usize,
        blocks: usize,
        init: &mut Initializer,
    ) -> Result<Self> {
        require_halvings("ResNet", [height, width], 2)?;
        let stem = NormedConv::new([channels, MAPS[0]], 3, 1, init);
        let mut from = MAPS[0];
        let mut block = |to| {
            let stride = if to == from { 1 } else { 2 };
            let first = NormedConv::new([from, to], 3, stride, init);
            from = to;
            Block { first, second: NormedConv::new([to, to], 3, 1, init) }
        };
        let stages = MAPS.into_iter().flat_map(|maps| std::iter::repeat_n(maps, blocks));
        let blocks = stages.map(&mut block).collect();
        let top = DenseConfig::new([MAPS[2], classes]).without_penalty();
        Ok(Self { stem, blocks, softmax_linear: top.init(init) })
    }
}

impl Classifier for ResNet {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let maps = self.stem.forward(images, Activation::Relu, context);
        let maps = self.blocks.iter().fold(maps, |maps, block| block.forward(maps, context));
        self.softmax_linear.forward(global_average_pool(maps, context), context)
    }
}

/// A row of [`MODELS`]: a name, and blocks a stage.
macro_rules! variant {
    ($name:literal, $blocks:literal) => {
        (
            $name,
            Model::Classifier(|shape, classes, init| {
                Ok(Box::new(ResNet::new(shape, classes, $blocks, init)?))
            }),
        )
    };
}

/// `--model ResNet20`, `ResNet32` and `ResNet56`.
pub const MODELS: &[(&str, Model)] =
    &[variant!("ResNet20", 3), variant!("ResNet32", 5), variant!("ResNet56", 9)];

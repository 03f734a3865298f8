//! A wide residual network: few layers, many maps.
//!
//! 3x3 convolution to 16 maps; three stages of two blocks with 64, 128 and 256 maps, the first block of the second and
//! the third with stride 2; normalisation, ReLU, the mean of each map; the classes. A block is
//! x + conv(relu(norm(conv(relu(norm(x)))))), of 3x3 convolutions without biases; where the maps change, x is
//! a 1x1 convolution of relu(norm(x)). `[batch, 3, 32, 32]` -> `[batch, 64, 32, 32]` -> `[batch, 128, 16, 16]` ->
//! `[batch, 256, 8, 8]` -> `[batch, 256]` -> `[batch, classes]`.
//!
//! Zagoruyko and Komodakis 2016, "Wide residual networks": WRN-16-4 has 2.7 million parameters. The last layer's
//! weights are not in the L2 penalty.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{
    BatchNorm, Conv, ConvConfig, Dense, DenseConfig, global_average_pool, residual_sum,
};
use dytb::nn::{WeightInit, require_halvings};
use dytb::{Activation, Classifier, ForwardContext, Initializer, Model};

/// A convolution without a bias.
fn conv(channels: [usize; 2], kernel: usize, stride: usize, init: &mut Initializer) -> Conv {
    let conv = ConvConfig::new(channels, [kernel; 2]).with_zero_padding(kernel / 2);
    conv.with_stride(stride).without_bias().with_weights(WeightInit::KaimingNormal).init(init)
}

fn norm(channels: usize, init: &mut Initializer) -> BatchNorm {
    BatchNorm::new(channels, init).with_epsilon(1e-5)
}

/// Two convolutions after their normalisations, beside the identity.
#[derive(Module, Debug)]
pub struct WideBlock {
    norm1: BatchNorm,
    conv1: Conv,
    norm2: BatchNorm,
    conv2: Conv,
    shortcut: Option<Conv>,
}

impl WideBlock {
    fn new([from, to]: [usize; 2], stride: usize, init: &mut Initializer) -> Self {
        Self {
            norm1: norm(from, init),
            conv1: conv([from, to], 3, stride, init),
            norm2: norm(to, init),
            conv2: conv([to, to], 3, 1, init),
            shortcut: (from != to).then(|| conv([from, to], 1, stride, init)),
        }
    }

    fn forward(&self, maps: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let active = self.norm1.forward(maps.clone(), Activation::Relu, context);
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.forward(active.clone(), context),
            None => maps,
        };
        let branch = self.conv1.forward(active, context);
        let branch = self.norm2.forward(branch, Activation::Relu, context);
        let branch = self.conv2.forward(branch, context);
        residual_sum(shortcut, branch, Activation::Identity, context)
    }
}

/// A wide residual network.
#[derive(Module, Debug)]
pub struct WideResNet {
    stem: Conv,
    blocks: Vec<WideBlock>,
    norm: BatchNorm,
    softmax_linear: Dense,
}

impl WideResNet {
    /// For images of `[channels, height, width]` and `classes` classes, with so many `blocks` a stage, each `wide` times
    /// as wide as a ResNet's.
    ///
    /// # Errors
    /// When the images cannot be halved twice.
    pub fn new(
        [channels, height, width]: [usize; 3],
        classes: usize,
        [blocks, wide]: [usize; 2],
        init: &mut Initializer,
    ) -> Result<Self> {
        require_halvings("WideResNet", [height, width], 2)?;
        let stem = conv([channels, 16], 3, 1, init);
        let (mut from, mut made) = (16, Vec::new());
        for (stage, maps) in [16, 32, 64].into_iter().enumerate() {
            for block in 0..blocks {
                let stride = if block == 0 && stage > 0 { 2 } else { 1 };
                made.push(WideBlock::new([from, maps * wide], stride, init));
                from = maps * wide;
            }
        }
        let norm = norm(from, init);
        let top = DenseConfig::new([from, classes]).without_penalty();
        Ok(Self { stem, blocks: made, norm, softmax_linear: top.init(init) })
    }
}

impl Classifier for WideResNet {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let maps = self.stem.forward(images, context);
        let maps = self.blocks.iter().fold(maps, |maps, block| block.forward(maps, context));
        let maps = self.norm.forward(maps, Activation::Relu, context);
        self.softmax_linear.forward(global_average_pool(maps, context), context)
    }
}

/// `--model WideResNet16_4`: 16 layers of weights, four times as wide.
pub const MODELS: &[(&str, Model)] = &[(
    "WideResNet16_4",
    Model::Classifier(|shape, classes, init| {
        Ok(Box::new(WideResNet::new(shape, classes, [2, 4], init)?))
    }),
)];

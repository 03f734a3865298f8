//! MobileNetV2 for images of 32x32: inverted residual blocks of depthwise convolutions.
//!
//! 3x3 convolution to 32 maps; 17 blocks; 1x1 convolution to 1,280 maps; the mean of each; the classes. A block widens
//! its maps `expand` times by a 1x1 convolution, filters each by a 3x3 depthwise one and narrows them by a 1x1 one, each
//! with normalisation and, but for the last, ReLU6; where neither size nor maps change, x is added.
//!
//! Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks", table 2; the classifier has no
//! dropout, and the first convolution and the first block of 24 maps have stride 1, so that images of 32x32, and not of
//! 224x224, leave 4x4 pixels: 2,236,682 parameters for ten classes, as torchvision's `mobilenet_v2`. The last layer's
//! weights are not in the L2 penalty.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{
    BatchNorm, Conv, ConvConfig, Dense, DenseConfig, DepthwiseConv, global_average_pool,
    residual_sum,
};
use dytb::nn::{WeightInit, require_halvings};
use dytb::{Activation, Classifier, ForwardContext, Initializer, Model};

/// Expansion, maps, blocks and the stride of the first one of each stage.
const STAGES: [[usize; 4]; 7] = [
    [1, 16, 1, 1],
    [6, 24, 2, 1],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
];
/// Maps of the last convolution.
const LAST: usize = 1280;

/// A convolution without a bias, and its normalisation.
#[derive(Module, Debug)]
pub struct Pointwise {
    conv: Conv,
    norm: BatchNorm,
}

impl Pointwise {
    fn new(channels: [usize; 2], kernel: usize, init: &mut Initializer) -> Self {
        let conv = ConvConfig::new(channels, [kernel; 2]).with_zero_padding(kernel / 2);
        let conv = conv.without_bias().with_weights(WeightInit::KaimingFanOut).init(init);
        Self { conv, norm: norm(channels[1], init) }
    }

    fn forward(
        &self,
        maps: Tensor<4>,
        activation: Activation,
        context: &mut ForwardContext,
    ) -> Tensor<4> {
        let maps = self.conv.forward(maps, context);
        self.norm.forward(maps, activation, context)
    }
}

fn norm(channels: usize, init: &mut Initializer) -> BatchNorm {
    BatchNorm::new(channels, init).with_epsilon(1e-5)
}

/// Wider, filtered, narrower.
#[derive(Module, Debug)]
pub struct Inverted {
    expand: Option<Pointwise>,
    depthwise: DepthwiseConv,
    norm: BatchNorm,
    project: Pointwise,
    #[module(skip)]
    is_residual: bool,
}

impl Inverted {
    fn new([from, to]: [usize; 2], [expand, stride]: [usize; 2], init: &mut Initializer) -> Self {
        let wide = from * expand;
        let depthwise = ConvConfig::new([wide; 2], [3, 3]).with_zero_padding(1);
        let depthwise = depthwise.with_stride(stride).without_bias();
        Self {
            expand: (expand > 1).then(|| Pointwise::new([from, wide], 1, init)),
            depthwise: depthwise.with_weights(WeightInit::KaimingFanOut).init_depthwise(init),
            norm: norm(wide, init),
            project: Pointwise::new([wide, to], 1, init),
            is_residual: stride == 1 && from == to,
        }
    }

    fn forward(&self, maps: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let wide = match &self.expand {
            Some(expand) => expand.forward(maps.clone(), Activation::Relu6, context),
            None => maps.clone(),
        };
        let wide = self.depthwise.forward(wide, context);
        let wide = self.norm.forward(wide, Activation::Relu6, context);
        let narrow = self.project.forward(wide, Activation::Identity, context);
        match self.is_residual {
            true => residual_sum(maps, narrow, Activation::Identity, context),
            false => narrow,
        }
    }
}

/// Inverted residual blocks.
#[derive(Module, Debug)]
pub struct MobileNetV2 {
    stem: Pointwise,
    blocks: Vec<Inverted>,
    head: Pointwise,
    softmax_linear: Dense,
}

impl MobileNetV2 {
    /// For images of `[channels, height, width]` and `classes` classes.
    ///
    /// # Errors
    /// When the images cannot be halved three times.
    pub fn new(
        [channels, height, width]: [usize; 3],
        classes: usize,
        init: &mut Initializer,
    ) -> Result<Self> {
        require_halvings("MobileNetV2", [height, width], 3)?;
        let stem = Pointwise::new([channels, 32], 3, init);
        let (mut from, mut blocks) = (32, Vec::new());
        for [expand, to, count, stride] in STAGES {
            for block in 0..count {
                let stride = if block == 0 { stride } else { 1 };
                blocks.push(Inverted::new([from, to], [expand, stride], init));
                from = to;
            }
        }
        let head = Pointwise::new([from, LAST], 1, init);
        let top = DenseConfig::new([LAST, classes]).with_weights(WeightInit::Normal(0.01));
        Ok(Self { stem, blocks, head, softmax_linear: top.without_penalty().init(init) })
    }
}

impl Classifier for MobileNetV2 {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let maps = self.stem.forward(images, Activation::Relu6, context);
        let maps = self.blocks.iter().fold(maps, |maps, block| block.forward(maps, context));
        let maps = self.head.forward(maps, Activation::Relu6, context);
        self.softmax_linear.forward(global_average_pool(maps, context), context)
    }
}

/// `--model MobileNetV2`
pub const MODEL: Model =
    Model::Classifier(|shape, classes, init| Ok(Box::new(MobileNetV2::new(shape, classes, init)?)));

//! VGG with sixteen layers of weights, for small images.
//!
//! 3x3 SAME convolutions with ReLU to 64, 64, pool, 128, 128, pool, 256, 256, 256, pool, 512, 512,
//! 512, pool, 512, 512, 512 maps, pool; 512 neurons, ReLU; the classes. Each 2x2 max pooling halves
//! height and width: `[batch, 3, 32, 32]` -> `[batch, 512, 1, 1]` -> `[batch, 512]` ->
//! `[batch, classes]`.
//!
//! Simonyan and Zisserman 2014, model D. Source: Dynamic Training Bench's `models/VGG.py` and those of its variants, `VGGBN.py` to
//! `VGGDropout.py`. The last
//! layer's weights are not in the L2 penalty.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{ConvBlock, Dense, DenseBlock, DenseConfig, Dropout, Regularizer};
use dytb::nn::require_halvings;
use dytb::{Classifier, ForwardContext, Initializer, Model};

/// Maps of each convolution, a pooling after each row.
const MAPS: [&[usize]; 5] =
    [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];

/// Thirteen convolutions and two fully connected layers.
#[derive(Module, Debug)]
pub struct VGG {
    stages: Vec<Vec<ConvBlock>>,
    fc: DenseBlock,
    softmax_linear: Dense,
}

impl VGG {
    /// For images of `[channels, height, width]` and `classes` classes.
    ///
    /// # Errors
    /// When nothing of the images would be left after the poolings.
    pub fn new(
        [channels, height, width]: [usize; 3],
        classes: usize,
        regularizer: Regularizer,
        init: &mut Initializer,
    ) -> Result<Self> {
        require_halvings("VGG", [height, width], 5)?;
        let (mut from, mut keep) = (channels, 0.7);
        let mut block = |to| {
            let block = ConvBlock::new([from, to], 3, regularizer, keep, init);
            (from, keep) = (to, 0.6);
            block
        };
        let stages = MAPS.map(|maps| maps.iter().map(|&to| block(to)).collect()).into();
        let left = 512 * (height / 32) * (width / 32);
        Ok(Self {
            stages,
            fc: DenseBlock::new([left, 512], regularizer, 0.5, init),
            softmax_linear: DenseConfig::new([512, classes]).without_penalty().init(init),
        })
    }
}

impl Classifier for VGG {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let maps = self.stages.iter().fold(images, |maps, stage| {
            let (last, others) = stage.split_last().expect("a stage has convolutions");
            let maps = others.iter().fold(maps, |maps, block| block.forward(maps, context));
            last.forward_halved(maps, context)
        });
        let hidden = self.fc.forward(maps.flatten(1, 3), context);
        self.softmax_linear.forward(hidden, context)
    }
}

/// A row of [`MODELS`]: a name, and what is done with each layer before its ReLU.
macro_rules! variant {
    ($name:literal, $regularizer:expr) => {
        (
            $name,
            Model::Classifier(|shape, classes, init| {
                Ok(Box::new(VGG::new(shape, classes, $regularizer, init)?))
            }),
        )
    };
}

/// `--model VGG` and its variants. Those with dropout keep neurons with probability 0.7 after the first convolution, 0.6 after
/// the others and 0.5 after the hidden layer.
pub const MODELS: &[(&str, Model)] = &[
    variant!("VGG", Regularizer::None),
    variant!("VGGBN", Regularizer::BatchNorm),
    // Scaled by how probable the number of kept neurons was.
    variant!("VGGBinomialDropout", Regularizer::Dropout(Dropout::Binomial)),
    // Scaled in evaluation, by how probable the expected number of kept neurons is.
    variant!("VGGDirectBinomialDropout", Regularizer::Dropout(Dropout::DirectBinomial)),
    // The paper's, which scales in evaluation.
    variant!("VGGDirectDropout", Regularizer::Dropout(Dropout::Direct)),
    // Inverted dropout, which scales in training.
    variant!("VGGDropout", Regularizer::Dropout(Dropout::Inverted)),
];

//! LeNet: two convolutions, each with a pooling, and a hidden layer.
//!
//! 5x5 SAME convolution to 32 maps, ReLU, 2x2 max pooling; 5x5 SAME convolution to 64 maps, ReLU,
//! pooling; 1,024 neurons, ReLU; the classes. `[batch, channels, height, width]` ->
//! `[batch, 32, ⌊height / 2⌋, ⌊width / 2⌋]` -> `[batch, 64, ⌊height / 4⌋, ⌊width / 4⌋]` ->
//! `[batch, 1024]` -> `[batch, classes]`.
//!
//! Source: Dynamic Training Bench's `models/LeNet.py` and those of its variants, `LeNetBN.py` to
//! `LeNetDropout.py`. The last layer's weights are not in the L2
//! penalty.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{ConvBlock, Dense, DenseBlock, DenseConfig, Dropout, Regularizer};
use dytb::nn::require_halvings;
use dytb::{Classifier, ForwardContext, Initializer, Model};

/// Two convolutions and two fully connected layers.
#[derive(Module, Debug)]
pub struct LeNet {
    conv1: ConvBlock,
    conv2: ConvBlock,
    fc1: DenseBlock,
    softmax_linear: Dense,
}

impl LeNet {
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
        require_halvings("LeNet", [height, width], 2)?;
        Ok(Self {
            conv1: ConvBlock::new([channels, 32], 5, regularizer, 0.7, init),
            conv2: ConvBlock::new([32, 64], 5, regularizer, 0.6, init),
            fc1: DenseBlock::new([64 * (height / 4) * (width / 4), 1024], regularizer, 0.5, init),
            softmax_linear: DenseConfig::new([1024, classes]).without_penalty().init(init),
        })
    }
}

impl Classifier for LeNet {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let maps = self.conv1.forward_halved(images, context);
        let maps = self.conv2.forward_halved(maps, context);
        let hidden = self.fc1.forward(maps.flatten(1, 3), context);
        self.softmax_linear.forward(hidden, context)
    }
}

/// A row of [`MODELS`]: a name, and what is done with each layer before its ReLU.
macro_rules! variant {
    ($name:literal, $regularizer:expr) => {
        (
            $name,
            Model::Classifier(|shape, classes, init| {
                Ok(Box::new(LeNet::new(shape, classes, $regularizer, init)?))
            }),
        )
    };
}

/// `--model LeNet` and its variants. Those with dropout keep neurons with probability 0.7 after the first convolution, 0.6 after
/// the second and 0.5 after the hidden layer.
pub const MODELS: &[(&str, Model)] = &[
    variant!("LeNet", Regularizer::None),
    variant!("LeNetBN", Regularizer::BatchNorm),
    // Scaled by how probable the number of kept neurons was.
    variant!("LeNetBinomialDropout", Regularizer::Dropout(Dropout::Binomial)),
    // Scaled in evaluation, by how probable the expected number of kept neurons is.
    variant!("LeNetDirectBinomialDropout", Regularizer::Dropout(Dropout::DirectBinomial)),
    // The paper's, which scales in evaluation.
    variant!("LeNetDirectDropout", Regularizer::Dropout(Dropout::Direct)),
    // Inverted dropout, which scales in training.
    variant!("LeNetDropout", Regularizer::Dropout(Dropout::Inverted)),
];

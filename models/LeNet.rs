//! LeNet: two convolutions, each with a pooling, and a hidden layer.
//!
//! 5x5 SAME convolution to 32 maps, ReLU, 2x2 max pooling; 5x5 SAME convolution to 64 maps, ReLU,
//! pooling; 1,024 neurons, ReLU; the classes. `[batch, channels, height, width]` ->
//! `[batch, 32, ⌊height / 2⌋, ⌊width / 2⌋]` -> `[batch, 64, ⌊height / 4⌋, ⌊width / 4⌋]` ->
//! `[batch, 1024]` -> `[batch, classes]`.
//!
//! Source: Dynamic Training Bench's `models/LeNet.py`. The last layer's weights are not in the L2
//! penalty. Its variants keep neurons with probability 0.7, 0.6 and 0.5 where they drop some.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{ConvBlock, Dense, DenseBlock, DenseConfig, Regularizer};
use dytb::{Classifier, Exit, Failure, ForwardContext, Initializer, Model};

/// Two convolutions and two fully connected layers.
#[derive(Module, Debug)]
pub struct LeNet {
    conv1: ConvBlock,
    conv2: ConvBlock,
    fc1: DenseBlock,
    softmax_linear: Dense,
}

impl LeNet {
    /// For images of `[channels, height, width]` in so many `classes`.
    ///
    /// # Errors
    /// When nothing of the images would be left after the poolings.
    pub fn new(
        [channels, height, width]: [usize; 3],
        classes: usize,
        regularizer: Regularizer,
        init: &mut Initializer,
    ) -> Result<Self> {
        if height.min(width) < 4 {
            let what = format!("LeNet cannot take images of {height}x{width}");
            return Err(Failure::new(Exit::Failed, what)
                .why("it halves them twice: they have to be 4x4 or larger")
                .into());
        }
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

/// `--model LeNet`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    Ok(Box::new(LeNet::new(shape, classes, Regularizer::None, init)?))
});

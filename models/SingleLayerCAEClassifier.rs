//! A classifier on top of the encoder of `SingleLayerCAE`.
//!
//! Two zeros on every side, 3x3 convolution to 32 maps, tanh; 2x2 max pooling; the classes.
//! `[batch, channels, height, width]` -> `[batch, 32, height + 2, width + 2]` ->
//! `[batch, 32, ⌊height / 2⌋ + 1, ⌊width / 2⌋ + 1]` -> `[batch, classes]`. The pooling leaves a quarter
//! of the classifier's weights, and the encoding, nearly linear for small weights, is so no longer.
//!
//! The field `encode` has the names and shapes of the autoencoder's, so that `--checkpoint_path`
//! takes it from one of its runs and `--trainable_scopes softmax_linear` trains the rest on top: what
//! "Convolutional Autoencoders in Tensorflow" (2016) proposes at its end. The decoder is not there.

use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{Conv, ConvConfig, Dense, DenseConfig};
use dytb::{Activation, Classifier, ForwardContext, Initializer, Model};

/// The encoder and a fully connected layer.
#[derive(Module, Debug)]
pub struct SingleLayerCAEClassifier {
    encode: Conv,
    softmax_linear: Dense,
}

impl SingleLayerCAEClassifier {
    /// For images of `[channels, height, width]` and `classes` classes.
    pub fn new(
        [channels, height, width]: [usize; 3],
        classes: usize,
        init: &mut Initializer,
    ) -> Self {
        let encode = ConvConfig::new([channels, 32], [3, 3])
            .with_zero_padding(2)
            .with_activation(Activation::Tanh)
            .init(init);
        let neurons = 32 * (height / 2 + 1) * (width / 2 + 1);
        Self { encode, softmax_linear: DenseConfig::new([neurons, classes]).init(init) }
    }
}

impl Classifier for SingleLayerCAEClassifier {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let maps = self.encode.forward_max_pool(images, 2, 2, context);
        self.softmax_linear.forward(maps.flatten(1, 3), context)
    }
}

/// `--model SingleLayerCAEClassifier`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    Ok(Box::new(SingleLayerCAEClassifier::new(shape, classes, init)))
});

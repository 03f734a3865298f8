//! A multilayer perceptron: fully connected layers with ReLU.
//!
//! `[batch, channels, height, width]` -> `[batch, neurons]`, `layers` times -> `[batch, classes]`. On MNIST, two layers
//! of 512 have the 669,706 parameters of Keras' example `mnist_mlp.py`.

use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::Argument;
use dytb::nn::layers::{Dense, DenseConfig};
use dytb::{Activation, Classifier, ForwardContext, Initializer, Model};

/// Fully connected layers.
#[derive(Module, Debug)]
pub struct MLP {
    hidden: Vec<Dense>,
    softmax_linear: Dense,
}

impl MLP {
    /// For images of `shape` `[channels, height, width]` and `classes` classes.
    pub fn new(
        shape: [usize; 3],
        classes: usize,
        [layers, neurons]: [usize; 2],
        init: &mut Initializer,
    ) -> Self {
        let mut from = shape.iter().product();
        let mut hidden = || {
            let relu = Activation::Relu;
            let layer = DenseConfig::new([from, neurons]).with_activation(relu).init(init);
            from = neurons;
            layer
        };
        let hidden = (0..layers).map(|_| hidden()).collect();
        let top = DenseConfig::new([from, classes]).without_penalty();
        Self { hidden, softmax_linear: top.init(init) }
    }
}

impl Classifier for MLP {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let pixels = images.flatten(1, 3);
        let hidden = self.hidden.iter().fold(pixels, |x, layer| layer.forward(x, context));
        self.softmax_linear.forward(hidden, context)
    }
}

/// `--model MLP --model_args '{"layers": 2, "neurons": 512}'`
pub const MODEL: Model = Model::ClassifierWith(
    &[Argument::whole("layers", 2, [1, 64]), Argument::whole("neurons", 512, [1, 16384])],
    |shape, classes, arguments, init| {
        let of = [arguments.whole("layers"), arguments.whole("neurons")];
        Ok(Box::new(MLP::new(shape, classes, of, init)))
    },
);

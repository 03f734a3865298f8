//! A fully connected layer: y = f(x W + b).
//!
//! x `[batch, in]`, W `[in, out]`, b `[out]`, y `[batch, out]`.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::nn::layers::DenseConfig;
//! use dytb::{Activation, Initializer, ForwardContext};
//!
//! let device = Device::flex();
//! let layer = DenseConfig::new([784, 10])
//!     .with_activation(Activation::Relu)
//!     .init(&mut Initializer::new(1, &device));
//! let y = layer.forward(Tensor::zeros([5, 784], &device), &mut ForwardContext::evaluation());
//! assert_eq!(y.dims(), [5, 10]);
//! ```

use crate::nn::Parameter;
use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::nn::ForwardContext;
use crate::nn::Initializer;
use crate::ops::Activation;

/// From this many weights on a layer requires full batches: read again for each microbatch they would take
/// more time than the cache saves.
const FULL_BATCH_MIN_WEIGHTS: usize = 1 << 16;

/// Whether `parameter` is the weight of such a layer.
pub(super) fn requires_full_batch(parameter: &Parameter) -> bool {
    parameter.module == "Dense"
        && parameter.name.ends_with("weight")
        && parameter.shape.iter().product::<usize>() >= FULL_BATCH_MIN_WEIGHTS
}

/// How to make a [`Dense`].
#[derive(Clone, Copy, Debug)]
pub struct DenseConfig {
    neurons: [usize; 2],
    activation: Activation,
    penalised: bool,
}

impl DenseConfig {
    /// From `neurons[0]` to `neurons[1]`: no activation, weights in the L2 penalty.
    pub fn new(neurons: [usize; 2]) -> Self {
        Self { neurons, activation: Activation::Identity, penalised: true }
    }

    /// What is applied to the sums.
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// Leaves the weights out of the L2 penalty.
    pub fn without_penalty(self) -> Self {
        Self { penalised: false, ..self }
    }

    /// The layer: weights after He, biases 0.
    pub fn init(self, init: &mut Initializer) -> Dense {
        let [from, to] = self.neurons;
        Dense {
            weight: init.he_normal([from, to], from),
            bias: init.zeros([to]),
            activation: self.activation,
            penalised: self.penalised,
        }
    }
}

/// A fully connected layer with bias and activation.
#[derive(Module, Debug)]
pub struct Dense {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    penalised: bool,
}

impl Dense {
    /// `[batch, in]` to `[batch, out]`.
    pub fn forward(&self, x: Tensor<2>, context: &mut ForwardContext) -> Tensor<2> {
        if self.penalised {
            context.add_l2_penalty(|| self.weight.val());
        }
        if let Some(recorder) = context.recorder() {
            recorder.parameters(self.weight.id, self.weight.val(), Some(self.bias.val()));
        }
        let sums = x.matmul(self.weight.val()) + self.bias.val().unsqueeze();
        let y = self.activation.apply(sums);
        if let Some(recorder) = context.recorder() {
            recorder.operation("MatMul", Some(self.weight.id), self.activation, &y);
        }
        y
    }
}

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

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::device::is_cpu;
use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};
use crate::nn::{Initializer, WeightInit, is_frozen};
use crate::ops::{Activation, dense};

/// From this many weights on a layer leaves its gradients to the batch: made for each microbatch and added up, they
/// would take more time than the cache saves.
const DEFERRED_MIN_WEIGHTS: usize = 1 << 16;

/// How to make a [`Dense`].
#[derive(Clone, Copy, Debug)]
pub struct DenseConfig {
    neurons: [usize; 2],
    activation: Activation,
    weights: WeightInit,
    penalised: bool,
}

impl DenseConfig {
    /// From `neurons[0]` to `neurons[1]`: no activation, weights in the L2 penalty.
    pub fn new(neurons: [usize; 2]) -> Self {
        let (activation, weights) = (Activation::Identity, WeightInit::He);
        Self { neurons, activation, weights, penalised: true }
    }

    /// What is applied to the sums.
    pub fn with_activation(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }

    /// How the weights are drawn.
    pub fn with_weights(self, weights: WeightInit) -> Self {
        Self { weights, ..self }
    }

    /// Leaves the weights out of the L2 penalty.
    pub fn without_penalty(self) -> Self {
        Self { penalised: false, ..self }
    }

    /// The layer: weights after He if no other rule was asked for, biases 0.
    pub fn init(self, init: &mut Initializer) -> Dense {
        let [from, to] = self.neurons;
        Dense {
            weight: init.weights(self.weights, [from, to], [from, to]),
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
    /// `[batch, in]` to `[batch, out]`. On the CPU a large layer is one operation.
    pub fn forward(&self, x: Tensor<2>, context: &mut ForwardContext) -> Tensor<2> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        let here = is_cpu(&x.device());
        let is_large = weight.shape().num_elements() >= DEFERRED_MIN_WEIGHTS;
        // On a GPU a small one has no less to gain.
        let is_fused = (is_large || !here) && dense::can_fuse(&x, &weight);
        let deferred = match here && is_fused && !is_frozen(&weight) && !is_frozen(&bias) {
            true => context.defer((self.weight.id, weight.clone()), self.bias.id, self.penalised),
            false => None,
        };
        if self.penalised && deferred.is_none() {
            context.add_l2_penalty(|| weight.clone());
        }
        if let Some(recorder) = context.recorder() {
            recorder.parameters(self.weight.id, weight.clone(), Some(bias.clone()));
        }
        let input = context.input(&x);
        let y = match is_fused {
            true => dense::dense(x, weight, bias, self.activation, deferred),
            false => self.activation.apply(x.matmul(weight) + bias.unsqueeze()),
        };
        if let Some(recorder) = context.recorder() {
            recorder.operation("MatMul", Some(self.weight.id), self.activation, &y);
        }
        context.made(y, || {
            let node = Node::new(NodeKind::Dense, [input]).of(self.weight.id);
            let node = node.with("weight", self.weight.val()).with("bias", self.bias.val());
            node.activated(self.activation)
        })
    }
}

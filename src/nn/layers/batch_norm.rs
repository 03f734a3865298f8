//! Batch normalisation and activation: y = f(γ (x - μ) / √(σ² + ε) + β), for each channel by itself.
//!
//! x and y `[batch, channels, ...]`, γ and β `[channels]`. In training μ and σ² are the mean and the
//! (biased) variance of the batch over all but the channels, and moving averages follow them,
//! m ← 0.9 m + 0.1 μ, from 0, and v ← 0.9 v + 0.1 σ², from 1; in evaluation μ and σ² are these.
//!
//! A frozen one (neither γ nor β is trained) normalises with its moving averages in training too, and
//! they stay as they are: what was learnt on other examples is the whole function that is kept.
//!
//! Ioffe and Szegedy 2015. Decay 0.9 and ε 1e-3 are Dynamic Training Bench's. Its
//! `tf.contrib.layers.batch_norm(fused=True)` fed its moving variance n / (n - 1) σ², of n values a
//! channel, as only the fused kernel does; here it is σ² itself, as in `tf.nn.moments`.

use burn::module::{Module, Param, RunningState};
use burn::tensor::Tensor;

use super::{Padding, max_pool};
use crate::nn::ForwardContext;
use crate::nn::Initializer;
use crate::nn::Parameter;
use crate::nn::is_frozen;
use crate::nn::trace::{Node, NodeKind};
use crate::ops::Activation;
use crate::ops::norm::{Normalised, normalise, normalise_batch, normalise_batch_max_pool2d};

/// What is left of a moving average after a step.
const DECAY: f64 = 0.9;
const EPSILON: f64 = 1e-3;

/// Batch normalisation.
#[derive(Module, Debug)]
pub struct BatchNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    moving_mean: RunningState<Tensor<1>>,
    moving_variance: RunningState<Tensor<1>>,
    #[module(skip)]
    epsilon: f64,
}

/// Whether `parameter` is a moving average of a [`BatchNorm`]: the mean and the variance are those of a
/// whole batch.
pub(super) fn requires_full_batch(parameter: &Parameter) -> bool {
    parameter.module == "BatchNorm" && parameter.name.ends_with("moving_mean")
}

impl BatchNorm {
    /// For `channels` channels: γ 1, β 0.
    pub fn new(channels: usize, init: &mut Initializer) -> Self {
        Self {
            gamma: init.constant(1.0, [channels]),
            beta: init.zeros([channels]),
            moving_mean: init.buffer(0.0, channels),
            moving_variance: init.buffer(1.0, channels),
            epsilon: EPSILON,
        }
    }

    /// The same with another ε, as PyTorch's 1e-5.
    pub fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// `[batch, channels, ...]` to the same, activated.
    pub fn forward<const D: usize>(
        &self,
        x: Tensor<D>,
        activation: Activation,
        context: &mut ForwardContext,
    ) -> Tensor<D> {
        let (gamma, beta) = (self.gamma.val(), self.beta.val());
        if !self.is_by_batch(context) {
            let by = [self.moving_mean.value(), self.moving_variance.value()];
            let input = context.input(&x);
            let output = normalise(x, by, [gamma, beta], self.epsilon, activation);
            self.record(&output, activation, context);
            return context.made(output, || self.node(input).activated(activation));
        }
        self.followed(normalise_batch(x, [gamma, beta], self.epsilon, activation))
    }

    /// [`BatchNorm::forward`], then [`max_pool`] without padding: `[batch, channels, height, width]` to
    /// `[batch, channels, (height - window) / stride + 1, ...]`. In training on the CPU it is one operation.
    pub fn forward_max_pool(
        &self,
        x: Tensor<4>,
        activation: Activation,
        [window, stride]: [usize; 2],
        context: &mut ForwardContext,
    ) -> Tensor<4> {
        if !self.is_by_batch(context) || context.is_watched() {
            let maps = self.forward(x, activation, context);
            return max_pool(maps, window, stride, Padding::Valid, context);
        }
        let (by, windows) = ([self.gamma.val(), self.beta.val()], [window, stride]);
        self.followed(normalise_batch_max_pool2d(x, by, self.epsilon, activation, windows))
    }

    /// Whether it normalises by the batch's own mean and variance.
    fn is_by_batch(&self, context: &ForwardContext) -> bool {
        context.is_training() && !(is_frozen(&self.gamma.val()) && is_frozen(&self.beta.val()))
    }

    /// What a batch was normalised to; the moving averages follow it.
    fn followed<const D: usize>(&self, normalised: Normalised<D>) -> Tensor<D> {
        follow(&self.moving_mean, normalised.mean);
        follow(&self.moving_variance, normalised.variance);
        normalised.output
    }

    /// The layer in evaluation, of this `input`.
    fn node(&self, input: usize) -> Node {
        let node = Node::new(NodeKind::BatchNorm { epsilon: self.epsilon }, [input]);
        node.of(self.gamma.id)
            .with("gamma", self.gamma.val())
            .with("beta", self.beta.val())
            .with("moving_mean", self.moving_mean.value())
            .with("moving_variance", self.moving_variance.value())
    }

    /// Shows the layer, which made `output`.
    fn record<const D: usize>(
        &self,
        output: &Tensor<D>,
        activation: Activation,
        context: &mut ForwardContext,
    ) {
        let Some(recorder) = context.recorder() else { return };
        recorder.operation("FusedBatchNorm", Some(self.gamma.id), activation, output);
        let (mean, variance) = (self.moving_mean.value(), self.moving_variance.value());
        let values = [self.gamma.val(), self.beta.val(), mean, variance];
        for (name, values) in ["gamma", "beta", "moving_mean", "moving_variance"].iter().zip(values)
        {
            recorder.histogram(self.gamma.id, name, values);
        }
    }
}

/// Brings a moving average nearer to the batch's value.
fn follow(average: &RunningState<Tensor<1>>, batch: Tensor<1>) {
    let followed = average.value() * DECAY + batch * (1.0 - DECAY);
    average.update(followed.detach());
    // What was given for an update counts from here on, also for a checkpoint.
    average.value_sync();
}

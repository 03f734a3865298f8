//! Batch normalisation as operations of burn's backends: the statistics, which have no gradient,
//! and the normalising by them, whose gradient goes through them.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use crate::ops::Activation;
use crate::ops::gradients::{AddGradients, register_of_layer};
use crate::ops::windows::Windows;

/// μ and σ² `[2, channels]` of `images`, f32.
pub(super) fn statistics(images: Tensor<4>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::batch_statistics(images.into_dispatch()))
}

/// `images` normalised by `statistics`, f32.
pub(super) fn normalise(
    images: Tensor<4>,
    statistics: Tensor<2>,
    [gamma, beta]: [Tensor<1>; 2],
    settings: NormAttributes,
) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::normalise_batch(
        images.into_dispatch(),
        statistics.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        settings,
    ))
}

/// What does not depend on the tensors.
#[derive(Clone, Copy, Debug)]
pub struct NormAttributes {
    /// Added to the variance.
    pub epsilon: f64,
    /// Applied to what was normalised.
    pub activation: Activation,
    /// Of what was activated the largest value of each window is left; the windows have no value in common.
    pub pool: Option<Windows>,
}

/// Backends with batch normalisation in one operation; all tensors are f32.
#[backend_extension(Autodiff, Flex, Cube: cfg(feature = "cube"))]
pub trait Normalising: Backend {
    /// μ and σ² `[2, channels]` of `x` `[batch, channels, h, w]`, without a gradient.
    fn batch_statistics(x: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `x` `[batch, channels, h, w]` normalised by `statistics` `[2, channels]`, with γ and β
    /// `[channels]`, activated, and pooled or not.
    fn normalise_batch(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        settings: NormAttributes,
    ) -> FloatTensor<Self>;
}

/// What the backward pass needs.
#[derive(Clone, Debug)]
pub struct Saved<T> {
    pub(super) x: T,
    pub(super) statistics: T,
    pub(super) gamma: T,
    pub(super) beta: T,
    pub(super) output: T,
    pub(super) settings: NormAttributes,
}

/// Backends with the gradient of [`Normalising::normalise_batch`].
pub trait NormalisingBackward: Normalising + AddGradients {
    /// The gradients of x, γ and β, from that of the output.
    fn normalise_batch_backward(
        saved: Saved<FloatTensor<Self>>,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3];
}

/// The backward pass; the parents are x, γ and β.
#[derive(Debug)]
struct NormalisedStep;

impl<B: NormalisingBackward> Backward<B, 3> for NormalisedStep {
    type State = Saved<FloatTensor<B>>;

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let [dx, dgamma, dbeta] = B::normalise_batch_backward(ops.state, gradient);
        register_of_layer!(B, grads, ops.parents, [Some(dx), dgamma, dbeta]);
    }
}

impl<B: NormalisingBackward, C: CheckpointStrategy> Normalising for Autodiff<B, C> {
    fn batch_statistics(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(B::batch_statistics(Self::inner(x)))
    }

    fn normalise_batch(
        x: FloatTensor<Self>,
        statistics: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        settings: NormAttributes,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (gamma, gamma_node) = gamma.into_parts();
        let (beta, beta_node) = beta.into_parts();
        let statistics = Self::inner(statistics);
        let step = NormalisedStep.prepare::<C>([x_node, gamma_node, beta_node]);
        match step.compute_bound().stateful() {
            OpsKind::UnTracked(step) => {
                step.finish(B::normalise_batch(x, statistics, gamma, beta, settings))
            }
            OpsKind::Tracked(step) => {
                let output = B::normalise_batch(
                    x.clone(),
                    statistics.clone(),
                    gamma.clone(),
                    beta.clone(),
                    settings,
                );
                let saved = Saved { x, statistics, gamma, beta, output: output.clone(), settings };
                step.finish(saved, output)
            }
        }
    }
}

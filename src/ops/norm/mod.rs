//! Batch normalisation and an activation as one operation.
//!
//! x̂ = (x - μ) / √(σ² + ε), z = γ x̂ + β, y = f(z), x and y `[batch, channels, ...]`, γ, β, μ, σ²
//! `[channels]`: in training μ and σ² are the mean and the biased variance of x over all but the
//! channels, and the gradient goes through them. With dz = dy f'(z), where f' is taken from y, and means
//! over all but the channels: dβ = Σ dz, dγ = Σ dz x̂, dx = γ / √(σ² + ε) (dz - mean(dz) - x̂ mean(dz x̂)).
//!
//! Ioffe and Szegedy 2015. On Burn's Flex backend (CPU) this is an operation of our own, which reads
//! the images twice each way and shares them out among the threads: Burn's passes over them a dozen
//! times, on one thread. On a GPU it is one of a few kernels. For other types and for the gradient of frozen layers it
//! is Burn's.

#[cfg(feature = "cube")]
mod cube;
mod flex;
mod op;
mod pooled;
mod sweeps;

use burn::tensor::module::{batch_norm, batch_norm_train};
use burn::tensor::{DType, Tensor};

use crate::device::is_cpu;
use crate::ops::Activation;
use crate::ops::pool::max_pool2d;
use crate::ops::windows::Windows;
use op::NormAttributes;

/// What a batch was normalised to, and by what.
pub struct Normalised<const D: usize> {
    /// `[batch, channels, ...]`.
    pub output: Tensor<D>,
    /// μ `[channels]`, without a gradient.
    pub mean: Tensor<1>,
    /// σ² `[channels]`, without a gradient.
    pub variance: Tensor<1>,
}

/// Normalises `x` `[batch, channels, ...]` by its own mean and variance, and applies `activation`.
///
/// # Panics
/// If `gamma` or `beta` is not `[channels]`.
pub fn normalise_batch<const D: usize>(
    x: Tensor<D>,
    [gamma, beta]: [Tensor<1>; 2],
    epsilon: f64,
    activation: Activation,
) -> Normalised<D> {
    if is_ours(&x, &[&gamma, &beta]) {
        let (shape, settings) = (x.dims(), NormAttributes { epsilon, activation, pool: None });
        let Normalised { output, mean, variance } =
            by_itself(as_images(x), [gamma, beta], settings);
        return Normalised { output: shaped(output, shape), mean, variance };
    }
    let normalised = batch_norm_train(x, gamma, beta, epsilon);
    Normalised {
        output: activation.apply(normalised.output),
        mean: normalised.mean,
        variance: normalised.variance,
    }
}

/// [`normalise_batch`], and of each window of `side` x `side` values, `stride` apart, the largest: one operation on the
/// CPU, whose maps are neither written before they are pooled nor have a gradient of their own.
///
/// # Panics
/// As that does, and as [`max_pool2d`] does.
pub(crate) fn normalise_batch_max_pool2d(
    x: Tensor<4>,
    [gamma, beta]: [Tensor<1>; 2],
    epsilon: f64,
    activation: Activation,
    [side, stride]: [usize; 2],
) -> Normalised<4> {
    let [_, _, rows, columns] = x.dims();
    let fits = (1..=rows.min(columns).min(stride).min(Windows::MAX_SIDE)).contains(&side);
    if fits && is_cpu(&x.device()) && is_ours(&x, &[&gamma, &beta]) {
        let pool = Some(Windows { side, stride });
        return by_itself(x, [gamma, beta], NormAttributes { epsilon, activation, pool });
    }
    let normalised = normalise_batch(x, [gamma, beta], epsilon, activation);
    Normalised { output: max_pool2d(normalised.output, side, stride), ..normalised }
}

/// `images` normalised by their own mean and variance, by the operation of our own.
fn by_itself(images: Tensor<4>, by: [Tensor<1>; 2], settings: NormAttributes) -> Normalised<4> {
    let statistics = op::statistics(images.clone());
    let [mean, variance] = [0, 1].map(|row| statistics.clone().narrow(0, row, 1).flatten(0, 1));
    Normalised { output: op::normalise(images, statistics, by, settings), mean, variance }
}

/// Normalises `x` `[batch, channels, ...]` by a given mean and variance, and applies `activation`.
///
/// # Panics
/// If `mean`, `variance`, `gamma` or `beta` is not `[channels]`.
pub fn normalise<const D: usize>(
    x: Tensor<D>,
    [mean, variance]: [Tensor<1>; 2],
    [gamma, beta]: [Tensor<1>; 2],
    epsilon: f64,
    activation: Activation,
) -> Tensor<D> {
    // Not a frozen layer in training: the operation's gradient would go through the statistics.
    if is_ours(&x, &[&mean, &variance, &gamma, &beta]) && !x.device().is_autodiff() {
        let (shape, images) = (x.dims(), as_images(x));
        let statistics = Tensor::stack(vec![mean, variance], 0);
        let settings = NormAttributes { epsilon, activation, pool: None };
        let output = op::normalise(images, statistics, [gamma, beta], settings);
        return shaped(output, shape);
    }
    activation.apply(batch_norm(x, gamma, beta, mean, variance, epsilon))
}

/// Whether the operation of our own can do it.
///
/// # Panics
/// If what there is `of_channels` is not `[channels]`.
fn is_ours<const D: usize>(x: &Tensor<D>, of_channels: &[&Tensor<1>]) -> bool {
    for values in of_channels {
        assert_eq!(values.dims(), [x.dims()[1]], "batch normalisation: channels");
    }
    let single = of_channels.iter().all(|values| values.dtype() == DType::F32);
    let device = is_cpu(&x.device()) || cfg!(feature = "cube");
    device && single && x.dtype() == DType::F32 && x.shape().num_elements() > 0
}

/// `[batch, channels, ...]` as `[batch, channels, rows, columns]`.
fn as_images<const D: usize>(x: Tensor<D>) -> Tensor<4> {
    let shape = x.dims();
    match shape[..] {
        [batch, channels, rows, columns] => shaped(x, [batch, channels, rows, columns]),
        _ => shaped(x, [shape[0], shape[1], shape[2..].iter().product(), 1]),
    }
}

/// `x` in this shape. Images stay as they are: Burn would copy them into the order of their dimensions.
fn shaped<const D: usize, const E: usize>(x: Tensor<D>, shape: [usize; E]) -> Tensor<E> {
    if x.dims()[..] == shape[..] {
        return Tensor::from_dispatch(x.into_dispatch());
    }
    x.reshape(shape)
}

#[cfg(test)]
mod tests;

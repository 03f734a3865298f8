//! The loss and the gradients of one batch, and the loss of a model on many.
//!
//! loss = loss(batch) + λ Σ_w ‖w‖² / 2. The loss is a mean over examples, so a batch may be cut
//! into microbatches, and their gradients, each weighted by its share of the batch, added up.
//! On the CPU a microbatch is small enough that its activations stay in the cache, and the threads take
//! them in turn. They are added in their order: the numbers do not depend on the number of threads.
//! A GPU takes a batch whole, and so does the CPU where a layer
//! [requires it](crate::nn::StepRequirements::full_batch); the layers share the work out then.

use std::sync::PoisonError;

use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor};
use rayon::prelude::*;

use super::Interrupt;
use super::any_model::{AnyModel, BatchOutput};
use crate::data::{Batch, DataLoader};
use crate::device::is_cpu;
use crate::metrics::Score;
use crate::nn::ForwardContext;
use crate::nn::burn_layers::DRAWING;
use crate::ops::parallel::MICROBATCH;
use crate::util::random::split_mix64;

/// What [`loss_and_gradients`] returns.
pub struct StepOutput {
    /// Still on the device; the loss has the penalty in it.
    pub output: BatchOutput,
    /// Of all parameters.
    pub gradients: GradientsParams,
}

/// What is particular to a step.
#[derive(Clone, Copy, Debug)]
pub struct StepConfig {
    /// λ of the L2 penalty.
    pub l2_penalty: f64,
    /// The seed of what the layers draw.
    pub seed: u64,
}

/// The forward and the backward pass of `model` for the examples of `loader` in `batch`.
///
/// # Panics
/// When the batch is empty.
pub fn loss_and_gradients(
    model: &AnyModel,
    loader: &DataLoader,
    batch: Batch,
    StepConfig { l2_penalty, seed }: StepConfig,
) -> StepOutput {
    // What a layer of burn's own draws comes from the device's generator.
    let _alone = model.requirements().seeded_device.then(|| {
        let alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        loader.device().seed(seed);
        alone
    });
    let microbatches = in_microbatches(model, batch, loader, |number, microbatch| {
        // The penalty belongs to the batch: one microbatch carries it.
        let mut context = ForwardContext::training(split_mix64(seed, number as u64));
        if number == 0 && l2_penalty > 0.0 {
            context = context.with_penalties();
        }
        let model = model.fork();
        let output = model.forward_batch(loader, microbatch, &mut context);
        let share = microbatch.len() as f64 / batch.len() as f64;
        let loss = match context.penalty() {
            Some(penalty) => output.loss * share + penalty * l2_penalty,
            None => output.loss * share,
        };
        let predictions = output.predictions.map(Tensor::inner);
        ((loss.clone().inner(), predictions), model.network().gradients(loss))
    });
    let (outputs, gradients): (Vec<_>, Vec<_>) = microbatches.into_iter().unzip();
    let (losses, predictions): (Vec<_>, Vec<_>) = outputs.into_iter().unzip();
    let predictions: Option<Vec<_>> = predictions.into_iter().collect();
    if model.requirements().synced_statistics {
        model.network().sync_statistics();
    }
    let loss = losses.into_iter().reduce(|sum, loss| sum + loss).expect("a batch has examples");
    let predictions = predictions.map(|microbatches| Tensor::cat(microbatches, 0));
    StepOutput {
        output: BatchOutput { loss, predictions },
        gradients: model.network().sum(gradients),
    }
}

/// The loss of a model on many examples, and its predictions.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalOutput {
    /// The mean loss, without penalty.
    pub loss: f64,
    /// A classifier's predicted class of each example; empty for an autoencoder.
    pub predictions: Vec<u32>,
}

/// The loss and the predictions of `model` on all examples of `loader`, in batches of `batch_size`, each
/// weighted by its size.
///
/// The model must be on a device without autodiff.
///
/// # Panics
/// When `batch_size` is 0.
pub fn loss_and_predictions(
    model: &AnyModel,
    loader: &DataLoader,
    batch_size: usize,
) -> EvalOutput {
    let output = loss_and_predictions_unless(model, loader, batch_size, &Interrupt::default());
    output.expect("nothing interrupts it")
}

/// The same, or `None` where the signal of `interrupt` came meanwhile.
pub(crate) fn loss_and_predictions_unless(
    model: &AnyModel,
    loader: &DataLoader,
    batch_size: usize,
    interrupt: &Interrupt,
) -> Option<EvalOutput> {
    let all: Vec<_> = (0..loader.len()).collect();
    let (mut losses, mut predictions) = (Vec::new(), Vec::new());
    for batch in Batch::plain(&all).chunks(batch_size) {
        if interrupt.signal().is_some() {
            return None;
        }
        let microbatches = in_microbatches(model, batch, loader, |_, microbatch| {
            let mut context = ForwardContext::evaluation();
            let output = model.forward_batch(loader, microbatch, &mut context);
            (output.loss * microbatch.len() as f64, output.predictions)
        });
        for (loss, classes) in microbatches {
            losses.push(loss);
            predictions.extend(classes);
        }
    }
    // Read back once, at the end.
    let losses = Tensor::cat(losses, 0).into_data().convert::<f64>();
    let sum: f64 = losses.iter::<f64>().sum();
    Some(EvalOutput { loss: sum / loader.len() as f64, predictions: classes(predictions) })
}

/// The score of `model`, whose forward pass of the examples of `loader` in `batch` had this `output`: read
/// back from the device.
pub(super) fn score(
    model: &AnyModel,
    output: BatchOutput,
    loader: &DataLoader,
    batch: Batch,
) -> Score {
    let predictions = classes(output.predictions.into_iter().collect());
    let labels = batch.indices.iter().map(|&index| loader.examples().labels()[index]);
    let labels: Vec<_> = labels.collect();
    model.score(output.loss.into_scalar::<f32>().into(), &predictions, &labels)
}

/// The predicted classes of `microbatches`, read back from their device.
fn classes(microbatches: Vec<Tensor<1, Int>>) -> Vec<u32> {
    if microbatches.is_empty() {
        return Vec::new();
    }
    Tensor::cat(microbatches, 0).into_data().convert::<u32>().iter::<u32>().collect()
}

/// `work(number, microbatch)` for each microbatch of `batch`, in their order.
fn in_microbatches<T: Send>(
    model: &AnyModel,
    batch: Batch,
    loader: &DataLoader,
    work: impl Fn(usize, Batch) -> T + Sync,
) -> Vec<T> {
    if model.requirements().full_batch || !is_cpu(loader.device()) {
        return vec![work(0, batch)];
    }
    let microbatches = batch.chunks(MICROBATCH).into_par_iter().enumerate();
    microbatches.map(|(number, microbatch)| work(number, microbatch)).collect()
}

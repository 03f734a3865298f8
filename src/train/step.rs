//! The loss and the gradients of one batch, and the measure of a model on many.
//!
//! loss = loss(batch) + λ Σ_w ‖w‖² / 2. The loss is a mean over examples, so a batch may be cut
//! into pieces, and the gradients of the pieces, each weighted by its share of the batch, added up.
//! On the CPU a piece is small enough that its activations stay in the cache, and the threads take
//! pieces in turn. The pieces are added in their order: the numbers do not depend on the number
//! of threads. A GPU takes a batch whole, and so does the CPU where a layer asks for it
//! ([`Initializer::whole_batches`](crate::nn::Initializer::whole_batches)); the layers share the work out then.

use std::sync::PoisonError;

use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor};
use rayon::prelude::*;

use crate::data::DataLoader;
use crate::device::is_cpu;
use crate::metrics::Score;
use crate::nn::ForwardContext;
use crate::nn::adopt::DRAWING;
use crate::train::Interrupt;
use crate::train::any_model::{AnyModel, BatchOutput};
use crate::util::random::mix;

/// Examples in a piece on the CPU.
const MICROBATCH: usize = 16;

/// What a model makes of a batch, and how to make it better.
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

/// The loss and gradients of `model` for the examples at `indices`, mirrored where `mirrored`
/// says so.
pub fn loss_and_gradients(
    model: &AnyModel,
    loader: &DataLoader,
    indices: &[usize],
    mirrored: impl Fn(usize) -> bool + Sync,
    StepConfig { l2_penalty, seed }: StepConfig,
) -> StepOutput {
    // What a layer of burn's own draws comes from the device's generator.
    let _alone = model.draws_on_device().then(|| {
        let alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        loader.device().seed(seed);
        alone
    });
    let microbatches = in_microbatches(model, indices, loader, |number, microbatch| {
        // The penalty belongs to the batch: one piece carries it.
        let mut context = ForwardContext::training(mix(seed, number as u64));
        if number == 0 && l2_penalty > 0.0 {
            context = context.with_penalties();
        }
        let model = model.fork();
        let output = model.forward_batch(loader, microbatch, &mirrored, &mut context);
        let share = microbatch.len() as f64 / indices.len() as f64;
        let loss = match context.penalty() {
            Some(penalty) => output.loss * share + penalty * l2_penalty,
            None => output.loss * share,
        };
        let predictions = output.predictions.map(Tensor::inner);
        ((loss.clone().inner(), predictions), model.network().gradients(loss))
    });
    let (output, gradients): (Vec<_>, Vec<_>) = microbatches.into_iter().unzip();
    let (losses, predictions): (Vec<_>, Vec<_>) = output.into_iter().unzip();
    let predictions: Option<Vec<_>> = predictions.into_iter().collect();
    if model.keeps_statistics() {
        model.network().sync_statistics();
    }
    let loss = losses.into_iter().reduce(|sum, loss| sum + loss).expect("a batch has examples");
    let predictions = predictions.map(|microbatches| Tensor::cat(microbatches, 0));
    StepOutput {
        output: BatchOutput { loss, predictions },
        gradients: model.network().sum(gradients),
    }
}

/// The measure of a model on many examples.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalOutput {
    /// The mean loss, without penalty.
    pub loss: f64,
    /// The class that it told for each example; empty if it tells none.
    pub predictions: Vec<u32>,
}

/// The measure of `model` on the examples of `loader`: batches of `batch_size`, each weighted by
/// its size.
///
/// The model must be on a device without autodiff.
pub fn loss_and_predictions(
    model: &AnyModel,
    loader: &DataLoader,
    batch_size: usize,
) -> EvalOutput {
    let evaluated = loss_and_predictions_unless(model, loader, batch_size, &Interrupt::default());
    evaluated.expect("nothing interrupts it")
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
    for batch in all.chunks(batch_size) {
        if interrupt.signal().is_some() {
            return None;
        }
        let microbatches = in_microbatches(model, batch, loader, |_, microbatch| {
            let output = model.forward_batch(
                loader,
                microbatch,
                |_| false,
                &mut ForwardContext::evaluation(),
            );
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

/// The score of `model`, which made `output` of the examples of `loader` at `indices`, read back
/// from the device.
pub fn score(
    model: &AnyModel,
    output: BatchOutput,
    loader: &DataLoader,
    indices: &[usize],
) -> Score {
    let predictions = classes(output.predictions.into_iter().collect());
    let labels: Vec<_> = indices.iter().map(|&index| loader.examples().labels()[index]).collect();
    model.score(output.loss.into_scalar::<f32>().into(), &predictions, &labels)
}

/// The numbers of the classes in `microbatches`, read back from their device.
fn classes(microbatches: Vec<Tensor<1, Int>>) -> Vec<u32> {
    if microbatches.is_empty() {
        return Vec::new();
    }
    Tensor::cat(microbatches, 0).into_data().convert::<u32>().iter::<u32>().collect()
}

/// `work(number, piece)` for each piece of `indices`, in their order.
fn in_microbatches<T: Send>(
    model: &AnyModel,
    indices: &[usize],
    loader: &DataLoader,
    work: impl Fn(usize, &[usize]) -> T + Sync,
) -> Vec<T> {
    if model.wants_whole_batches() || !is_cpu(loader.device()) {
        return vec![work(0, indices)];
    }
    indices
        .par_chunks(MICROBATCH)
        .enumerate()
        .map(|(number, microbatch)| work(number, microbatch))
        .collect()
}

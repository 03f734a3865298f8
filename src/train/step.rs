//! The loss and the gradients of one batch, and the measure of a model on many.
//!
//! loss = loss(batch) + λ Σ_w ‖w‖² / 2. The loss is a mean over examples, so a batch may be cut
//! into pieces, and the gradients of the pieces, each weighted by its share of the batch, added up.
//! On the CPU a piece is small enough that its activations stay in the cache, and the threads take
//! pieces in turn. The pieces are added in their order: the numbers do not depend on the number
//! of threads. A GPU takes a batch whole, and so does the CPU where a layer asks for it
//! ([`Init::whole_batches`](crate::nn::Init::whole_batches)); the layers share the work out then.

use std::sync::PoisonError;

use burn::optim::GradientsParams;
use burn::tensor::{Int, Tensor};
use rayon::prelude::*;

use crate::data::Feed;
use crate::device::is_cpu;
use crate::metrics::Score;
use crate::nn::Pass;
use crate::nn::adopt::DRAWING;
use crate::train::Interrupt;
use crate::train::any_model::{Learner, Measured};
use crate::util::random::mix;

/// Examples in a piece on the CPU.
const CPU_PIECE: usize = 16;

/// What a model makes of a batch, and how to make it better.
pub struct Step {
    /// Still on the device; the loss has the penalty in it.
    pub measured: Measured,
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

/// The loss and gradients of `learner` for the examples at `indices`, mirrored where `mirrored`
/// says so.
pub fn take(
    learner: &Learner,
    feed: &Feed,
    indices: &[usize],
    mirrored: impl Fn(usize) -> bool + Sync,
    StepConfig { l2_penalty, seed }: StepConfig,
) -> Step {
    // What a layer of burn's own draws comes from the device's generator.
    let _alone = learner.draws_on_device().then(|| {
        let alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        feed.device().seed(seed);
        alone
    });
    let pieces = in_pieces(learner, indices, feed, |number, piece| {
        // The penalty belongs to the batch: one piece carries it.
        let mut pass = Pass::training(mix(seed, number as u64));
        if number == 0 && l2_penalty > 0.0 {
            pass = pass.with_penalties();
        }
        let learner = learner.apart();
        let measured = learner.measure(feed, piece, &mirrored, &mut pass);
        let share = piece.len() as f64 / indices.len() as f64;
        let loss = match pass.penalty() {
            Some(penalty) => measured.loss * share + penalty * l2_penalty,
            None => measured.loss * share,
        };
        let predictions = measured.predictions.map(Tensor::inner);
        ((loss.clone().inner(), predictions), learner.network().gradients(loss))
    });
    let (measured, gradients): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
    let (losses, predictions): (Vec<_>, Vec<_>) = measured.into_iter().unzip();
    let predictions: Option<Vec<_>> = predictions.into_iter().collect();
    if learner.keeps_statistics() {
        learner.network().sync_statistics();
    }
    let loss = losses.into_iter().reduce(|sum, loss| sum + loss).expect("a batch has examples");
    let predictions = predictions.map(|pieces| Tensor::cat(pieces, 0));
    Step { measured: Measured { loss, predictions }, gradients: learner.network().sum(gradients) }
}

/// The measure of a model on many examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The mean loss, without penalty.
    pub loss: f64,
    /// The class that it told for each example; empty if it tells none.
    pub predictions: Vec<u32>,
}

/// The measure of `learner` on the examples of `feed`: batches of `batch_size`, each weighted by
/// its size.
///
/// The model must be on a device without autodiff.
pub fn evaluate(learner: &Learner, feed: &Feed, batch_size: usize) -> Evaluated {
    let evaluated = evaluate_unless(learner, feed, batch_size, &Interrupt::default());
    evaluated.expect("nothing interrupts it")
}

/// The same, or `None` where the signal of `interrupt` came meanwhile.
pub(crate) fn evaluate_unless(
    learner: &Learner,
    feed: &Feed,
    batch_size: usize,
    interrupt: &Interrupt,
) -> Option<Evaluated> {
    let all: Vec<_> = (0..feed.len()).collect();
    let (mut losses, mut predictions) = (Vec::new(), Vec::new());
    for batch in all.chunks(batch_size) {
        if interrupt.signal().is_some() {
            return None;
        }
        let pieces = in_pieces(learner, batch, feed, |_, piece| {
            let measured = learner.measure(feed, piece, |_| false, &mut Pass::evaluation());
            (measured.loss * piece.len() as f64, measured.predictions)
        });
        for (loss, classes) in pieces {
            losses.push(loss);
            predictions.extend(classes);
        }
    }
    // Read back once, at the end.
    let losses = Tensor::cat(losses, 0).into_data().convert::<f64>();
    let sum: f64 = losses.iter::<f64>().sum();
    Some(Evaluated { loss: sum / feed.len() as f64, predictions: classes(predictions) })
}

/// The score of `learner`, which made `measured` of the examples of `feed` at `indices`, read back
/// from the device.
pub fn score(learner: &Learner, measured: Measured, feed: &Feed, indices: &[usize]) -> Score {
    let predictions = classes(measured.predictions.into_iter().collect());
    let labels: Vec<_> = indices.iter().map(|&index| feed.examples().labels()[index]).collect();
    learner.score(measured.loss.into_scalar::<f32>().into(), &predictions, &labels)
}

/// The numbers of the classes in `pieces`, read back from their device.
fn classes(pieces: Vec<Tensor<1, Int>>) -> Vec<u32> {
    if pieces.is_empty() {
        return Vec::new();
    }
    Tensor::cat(pieces, 0).into_data().convert::<u32>().iter::<u32>().collect()
}

/// `work(number, piece)` for each piece of `indices`, in their order.
fn in_pieces<T: Send>(
    learner: &Learner,
    indices: &[usize],
    feed: &Feed,
    work: impl Fn(usize, &[usize]) -> T + Sync,
) -> Vec<T> {
    if learner.wants_whole_batches() || !is_cpu(feed.device()) {
        return vec![work(0, indices)];
    }
    indices.par_chunks(CPU_PIECE).enumerate().map(|(number, piece)| work(number, piece)).collect()
}

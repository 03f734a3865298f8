//! A step of several ranks: the same numbers as [`loss_and_gradients`](super::step::loss_and_gradients).
//!
//! What a microbatch gives is one row,
//!
//! ```text
//! [gradients | loss | predicted class of each example of the batch | signal of each rank]
//! ```
//!
//! and the step is the sum of all rows in the order of the microbatches, which goes from rank to rank. Where a row
//! has nothing to say, as of the examples of other microbatches, it has the -0 that changes no number.

use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::any_model::{AnyModel, BatchOutput};
use super::exchange::Exchange;
use super::step::{StepConfig, StepOutput, classes, of_microbatch};
use crate::data::{Batch, DataLoader};
use crate::nn::Kind;
use crate::nn::flat::NOTHING;
use crate::ops::parallel::MICROBATCH;
use crate::util::tensor::floats;

/// The loss and the gradients of `batch`, of which this rank computes its share, and the largest `signal` that a
/// rank has noted. A model that needs a batch whole is [refused](super::ranks) before.
///
/// # Panics
/// When the batch is empty.
pub(super) fn shared_loss_and_gradients(
    model: &AnyModel,
    loader: &DataLoader,
    batch: Batch,
    config: StepConfig,
    exchange: &Exchange,
    signal: Option<i32>,
) -> (StepOutput, Option<i32>) {
    let microbatches = batch.chunks(MICROBATCH);
    let share = exchange.share(microbatches.len());
    let gradients = model.network().flatten(&GradientsParams::new()).len();
    let predicted = if model.kind() == Kind::Classifier { batch.len() } else { 0 };
    let len = gradients + 1 + predicted + exchange.size();
    let row = |number: usize| {
        let microbatch = (number, microbatches[number]);
        let StepOutput { output, gradients } =
            of_microbatch(model, loader, microbatch, batch.len(), config);
        let mut row = model.network().flatten(&gradients);
        row.extend(floats(output.loss));
        row.resize(row.len() + number * MICROBATCH.min(predicted), NOTHING);
        let classes = classes(output.predictions.into_iter().collect());
        // Whole numbers below 2²⁴ are themselves in 32 bits.
        row.extend(classes.iter().map(|class| *class as f32));
        row.resize(len, NOTHING);
        row
    };
    let mut rows: Vec<_> = share.into_par_iter().map(row).collect();
    if rows.is_empty() {
        rows.push(vec![NOTHING; len]);
    }
    rows[0][len - exchange.size() + exchange.rank()] = signal.unwrap_or(0) as f32;

    let sum = exchange.chain(&rows, len);
    let (row, rest) = sum.split_at(gradients);
    let (predictions, signals) = rest[1..].split_at(predicted);
    let device = loader.device().clone().inner();
    let loss = Tensor::from_data(TensorData::new(vec![rest[0]], [1]), &device);
    let predictions = (predicted > 0).then(|| {
        let classes: Vec<_> = predictions.iter().map(|class| *class as i32).collect();
        Tensor::from_data(TensorData::new(classes, [predicted]), &device)
    });
    let output = BatchOutput { loss, predictions };
    let signal = signals.iter().map(|signal| *signal as i32).max().filter(|signal| *signal != 0);
    (StepOutput { output, gradients: model.network().unflatten(row) }, signal)
}

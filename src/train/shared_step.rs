//! The passes of a batch on several ranks: the same numbers as [on one](super::step::passes_of_batch).
//!
//! What a microbatch gives is one row,
//!
//! ```text
//! [gradients | loss | predicted class of each example of the batch | signal of each rank]
//! ```
//!
//! and the step is the sum of all rows in the order of the microbatches, which goes from rank to rank. Where a row
//! has nothing to say, as of the examples of other microbatches, it has the -0 that changes no number.

use std::sync::{Mutex, PoisonError};

use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use super::any_model::{AnyModel, BatchOutput};
use super::batch_step::BatchStep;
use super::deferred::{self, Layer, Passage};
use super::exchange::{Exchange, add_to, share};
use super::ordered::fold_in_order;
use super::step::{Part, StepConfig, StepOutput, classes, of_piece};
use crate::data::{Batch, DataLoader};
use crate::nn::flat::NOTHING;
use crate::nn::{Kind, SharedWeights};
use crate::util::tensor::floats;

/// The memory of rows, which is used again in the next step: new pages cost more than what is written to them (of
/// VGG's 60 MB a row a fifth of a step).
#[derive(Debug, Default)]
pub(super) struct SpareRows(Mutex<Vec<Vec<f32>>>);

impl SpareRows {
    fn take(&self) -> Vec<f32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, rows: impl IntoIterator<Item = Vec<f32>>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
    }
}

/// The passes of `batch`, of which this rank computes its share, and the largest `signal` that a
/// rank has noted. A model that needs a batch whole is [refused](super::ranks) before.
///
/// # Panics
/// When the batch is empty.
pub(super) fn passes_of_shared_batch(
    model: &AnyModel,
    loader: &DataLoader,
    batch: Batch,
    config: StepConfig,
    (exchange, buffers): (&Exchange, &SpareRows),
    signal: Option<i32>,
) -> (BatchStep, Option<i32>) {
    let each = model.microbatch(batch.len());
    let (microbatches, packed) = (batch.chunks(each), SharedWeights::default());
    let own = exchange.share(microbatches.len());
    let predicted = if model.kind() == Kind::Classifier { batch.len() } else { 0 };
    let beside_gradients = 1 + predicted + exchange.size();
    let work = |number: usize| {
        let number = own.start + number;
        let (of, copy) = ((batch.len(), Some(packed.clone())), model.fork());
        let microbatch = (number, microbatches[number]);
        let Part { step, passages } = of_piece(&copy, loader, microbatch, of, config);
        let StepOutput { output, gradients } = step;
        let without = deferred::parameters(&passages);
        let mut row = model.network().flatten(gradients, &without, buffers.take());
        let len = row.len() + beside_gradients;
        row.extend(floats(output.loss));
        row.resize(row.len() + number * each.min(predicted), NOTHING);
        let classes = classes(output.predictions.into_iter().collect());
        // Whole numbers below 2²⁴ are themselves in 32 bits.
        row.extend(classes.iter().map(|class| *class as f32));
        row.resize(len, NOTHING);
        (row, passages)
    };
    let (mut rows, mut passages): (Vec<Vec<f32>>, Vec<_>) = Default::default();
    fold_in_order(own.len(), work, |(row, next)| {
        passages.push(next);
        // The sum begins with the first rank, whose rows are added up at once; the others wait for it.
        match rows.first_mut().filter(|_| exchange.is_first()) {
            Some(sum) => {
                add_to(sum, &row);
                buffers.give([row]);
            }
            None => rows.push(row),
        }
    });
    let layers = layers(passages, (microbatches.len(), config.l2_penalty), exchange);
    let deferred: Vec<_> = layers.iter().flat_map(Layer::parameters).collect();
    if rows.is_empty() {
        let mut row = model.network().flatten(GradientsParams::new(), &deferred, buffers.take());
        row.resize(row.len() + beside_gradients, NOTHING);
        rows.push(row);
    }
    let len = rows[0].len();
    let gradients = len - beside_gradients;
    rows[0][len - exchange.size() + exchange.rank()] = signal.unwrap_or(0) as f32;

    let sum = exchange.chain(&rows, len, buffers.take());
    buffers.give(rows);
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
    let gradients = model.network().unflatten(row, &deferred);
    buffers.give([sum]);
    let shares = (0..exchange.size()).map(|rank| share(rank, exchange.size(), microbatches.len()));
    let examples: Vec<_> =
        shares.map(|share| microbatches[share].iter().map(|part| part.len()).sum()).collect();
    (BatchStep { output, gradients, layers, examples }, signal)
}

/// The layers that leave their gradients to the batch, with what has passed through them in `passages`, this rank's
/// share of the `microbatches`. A rank without a share learns of the first one which they are.
fn layers(
    passages: Vec<Vec<Passage>>,
    (microbatches, l2_penalty): (usize, f64),
    exchange: &Exchange,
) -> Vec<Layer> {
    let has_none = passages.is_empty();
    let layers = deferred::layers(passages, l2_penalty);
    if microbatches >= exchange.size() {
        return layers;
    }
    let numbers = exchange.numbers_of_first(layers.iter().flat_map(Layer::to_numbers).collect());
    match has_none {
        true => numbers.as_chunks::<5>().0.iter().map(Layer::from_numbers).collect(),
        false => layers,
    }
}

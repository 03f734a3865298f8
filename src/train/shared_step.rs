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
use super::deferred::{self, Layer, Passage};
use super::exchange::{Exchange, share};
use super::step::{StepConfig, StepOutput, classes, of_microbatch};
use crate::data::{Batch, DataLoader};
use crate::nn::flat::NOTHING;
use crate::nn::{Kind, SharedWeights};
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
    let (microbatches, packed) = (batch.chunks(MICROBATCH), SharedWeights::default());
    let own = exchange.share(microbatches.len());
    let parts: Vec<_> = own
        .clone()
        .into_par_iter()
        .map(|number| {
            let microbatch = (number, microbatches[number]);
            of_microbatch(model, loader, microbatch, (batch.len(), packed.clone()), config)
        })
        .collect();
    let (steps, passages): (Vec<_>, Vec<_>) =
        parts.into_iter().map(|part| (part.step, part.passages)).unzip();
    let layers = layers(passages, microbatches.len(), exchange);
    let deferred: Vec<_> = layers.iter().flat_map(Layer::parameters).collect();

    let gradients = model.network().flatten(&GradientsParams::new(), &deferred).len();
    let predicted = if model.kind() == Kind::Classifier { batch.len() } else { 0 };
    let len = gradients + 1 + predicted + exchange.size();
    let row = |(number, StepOutput { output, gradients }): (usize, StepOutput)| {
        let mut row = model.network().flatten(&gradients, &deferred);
        row.extend(floats(output.loss));
        row.resize(row.len() + (own.start + number) * MICROBATCH.min(predicted), NOTHING);
        let classes = classes(output.predictions.into_iter().collect());
        // Whole numbers below 2²⁴ are themselves in 32 bits.
        row.extend(classes.iter().map(|class| *class as f32));
        row.resize(len, NOTHING);
        row
    };
    let mut rows: Vec<_> = steps.into_par_iter().enumerate().map(row).collect();
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
    let mut gradients = model.network().unflatten(row, &deferred);
    let shares = (0..exchange.size()).map(|rank| share(rank, exchange.size(), microbatches.len()));
    let examples: Vec<_> =
        shares.map(|share| microbatches[share].iter().map(|part| part.len()).sum()).collect();
    for layer in layers {
        let examples = (exchange, &examples[..]);
        layer.add_to(&mut gradients, config.l2_penalty, &device, examples);
    }
    (StepOutput { output, gradients }, signal)
}

/// The layers that leave their gradients to the batch, with what has passed through them in `passages`, this rank's
/// share of the `microbatches`. A rank without a share learns of the first one which they are.
fn layers(passages: Vec<Vec<Passage>>, microbatches: usize, exchange: &Exchange) -> Vec<Layer> {
    let has_none = passages.is_empty();
    let layers = deferred::layers(passages);
    if microbatches >= exchange.size() {
        return layers;
    }
    let numbers = exchange.numbers_of_first(layers.iter().flat_map(Layer::to_numbers).collect());
    match has_none {
        true => numbers.as_chunks::<4>().0.iter().map(Layer::from_numbers).collect(),
        false => layers,
    }
}

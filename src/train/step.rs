//! The loss and the gradients of one batch, and the loss of a model on many.
//!
//! loss = loss(batch) + λ Σ_w ‖w‖² / 2. The loss is a mean over examples, so a batch may be cut
//! into microbatches, and their gradients, each weighted by its share of the batch, added up.
//! On the CPU a microbatch is small enough that its activations stay in the cache, and the threads take
//! them in turn. They are added in their order: the numbers do not depend on the number of threads.
//! Several devices take their turns with the pieces of a batch, each with a copy of the parameters; what they give is
//! brought to the first one and added in the order of the pieces.
//! A GPU takes a batch whole, or of several GPUs each as large a piece, and so does the CPU where a layer
//! [requires it](crate::nn::StepRequirements::full_batch) or the training is for a number of the whole batch, as `--sparsity
//! kl` is; the layers share the work out then.

use std::sync::PoisonError;

use anyhow::{Context, Result};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor};

use super::any_model::{AnyModel, BatchOutput};
use super::batch_step::BatchStep;
use super::deferred::{self, Passage};
use super::notes;
use super::ordered::fold_in_order;
use super::{Exchange, Interrupt};
use crate::data::{Batch, DataLoader};
use crate::device::is_cpu;
use crate::metrics::Score;
use crate::metrics::measure::{Classified, Reconstructed};
use crate::nn::burn_layers::DRAWING;
use crate::nn::{ForwardContext, SharedWeights};
use crate::util::parallel::map_items;
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
    config: StepConfig,
) -> StepOutput {
    loss_and_gradients_on(model, &[loader], batch, config)
}

/// The same by the devices of several `loaders` of the same examples, the first of which has the model and gets the
/// gradients. Of a model that [needs a batch whole](crate::nn::StepRequirements) there is to be one.
///
/// # Panics
/// When the batch is empty, there is no loader, or there are several for such a model.
pub fn loss_and_gradients_on(
    model: &AnyModel,
    loaders: &[&DataLoader],
    batch: Batch,
    config: StepConfig,
) -> StepOutput {
    let device = loaders[0].device().clone().inner();
    let step = passes_of_batch(model, loaders, batch, config);
    let (output, gradients) = step.all_gradients(model.network(), &device, &Exchange::Alone);
    StepOutput { output, gradients }
}

/// The same, with the gradients of large layers still to be made.
pub(super) fn passes_of_batch(
    model: &AnyModel,
    loaders: &[&DataLoader],
    batch: Batch,
    config: StepConfig,
) -> BatchStep {
    let first = loaders[0].device();
    // What a layer of burn's own draws comes from the device's generator.
    let _alone = model.requirements().seeded_device.then(|| {
        let alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        first.seed(config.seed);
        alone
    });
    let mut sum = Sum::default();
    let needs_whole = model.requirements().full_batch || model.objective().is_of_whole_batches();
    assert!(loaders.len() == 1 || !needs_whole, "a batch that is needed whole has one device");
    let is_cut = is_cpu(first) && !needs_whole;
    let each = match is_cut {
        true => model.microbatch(batch.len()),
        false => batch.len().div_ceil(loaders.len()),
    };
    let (pieces, packed) = (batch.chunks(each), is_cut.then(SharedWeights::default));
    let pass = |number: usize| {
        let (copy, loader) = match number * loaders.len() / pieces.len() {
            0 => (model.fork(), loaders[0]),
            device => (model.fork_to(loaders[device].device()), loaders[device]),
        };
        of_piece(&copy, loader, (number, pieces[number]), (batch.len(), packed.clone()), config)
    };
    let add = |part: Part| match loaders.len() {
        1 => sum.add(model, part),
        _ => sum.add(model, part.on(&first.clone().inner(), model)),
    };
    match is_cut {
        true => fold_in_order(pieces.len(), pass, add),
        // All passes first: a GPU computes while the next is given its piece. By this thread alone: where two threads had
        // pieces on one device of burn's `cpu` backend, the numbers were wrong (a loss by a quarter).
        false => (0..pieces.len()).map(pass).collect::<Vec<_>>().into_iter().for_each(add),
    }
    if model.requirements().synced_statistics {
        model.network().sync_statistics();
    }
    let (StepOutput { output, gradients }, passages) = sum.into_parts();
    let layers = deferred::layers(passages, config.l2_penalty);
    BatchStep { output, gradients, layers, examples: vec![batch.len()] }
}

/// What a microbatch adds to its batch.
pub(super) struct Part {
    pub step: StepOutput,
    /// Through the layers that leave their gradients to the batch.
    pub passages: Vec<Passage>,
}

impl Part {
    /// The same on `device`, where `model` is.
    fn on(self, device: &Device, model: &AnyModel) -> Self {
        let StepOutput { output: BatchOutput { loss, predictions }, gradients } = self.step;
        let output = BatchOutput {
            loss: loss.to_device(device),
            predictions: predictions.map(|predictions| predictions.to_device(device)),
        };
        let gradients = model.network().bring(gradients, device);
        Self { step: StepOutput { output, gradients }, ..self }
    }
}

/// The parts of a batch, added up.
#[derive(Default)]
struct Sum {
    gradients: GradientsParams,
    losses: Option<Tensor<1>>,
    predictions: Vec<Tensor<1, Int>>,
    passages: Vec<Vec<Passage>>,
}

impl Sum {
    /// Adds the next part.
    fn add(&mut self, model: &AnyModel, Part { step, passages }: Part) {
        let StepOutput { output, gradients } = step;
        let sum = std::mem::take(&mut self.gradients);
        self.gradients = model.network().sum(vec![sum, gradients]);
        self.losses = Some(match self.losses.take() {
            Some(losses) => losses + output.loss,
            None => output.loss,
        });
        self.predictions.extend(output.predictions);
        self.passages.push(passages);
    }

    /// The loss, the predictions and the gradients but for those that layers have left, and their passages.
    fn into_parts(self) -> (StepOutput, Vec<Vec<Passage>>) {
        let Self { gradients, losses, predictions, passages } = self;
        let predictions = (!predictions.is_empty()).then(|| Tensor::cat(predictions, 0));
        let loss = losses.expect("a batch has examples");
        (StepOutput { output: BatchOutput { loss, predictions }, gradients }, passages)
    }
}

/// The part of the `number`th piece in the loss and the gradients of its batch of `examples` examples, by a `model` in a graph
/// of its own. Of a batch that is cut into microbatches they share what they have `packed`.
pub(super) fn of_piece(
    model: &AnyModel,
    loader: &DataLoader,
    (number, piece): (usize, Batch),
    (examples, packed): (usize, Option<SharedWeights>),
    StepConfig { l2_penalty, seed }: StepConfig,
) -> Part {
    let mut context = ForwardContext::training(split_mix64(seed, number as u64));
    if let Some(packed) = packed {
        context = context.of_microbatch(packed);
    }
    // The penalty belongs to the batch: one piece carries it.
    if number == 0 && l2_penalty > 0.0 {
        context = context.with_penalties();
    }
    let output = model.forward_batch(loader, piece, &mut context);
    let share = piece.len() as f64 / examples as f64;
    // Of a batch that is one piece nothing is to be done.
    let of_batch = |loss: Tensor<1>| if share == 1.0 { loss } else { loss * share };
    let layers = context.take_deferred();
    let correction = context.take_correction();
    let loss = match context.penalty() {
        Some(penalty) => of_batch(output.loss) + penalty * l2_penalty,
        None => of_batch(output.loss),
    };
    let predictions = output.predictions.map(Tensor::inner);
    // Whatever is trained, the error is told.
    let told = match correction {
        Some(correction) => loss.clone().inner() + of_batch(correction.inner()),
        None => loss.clone().inner(),
    };
    let output = BatchOutput { loss: told, predictions };
    let step = StepOutput { output, gradients: model.network().gradients(loss) };
    Part { step, passages: deferred::passages(layers) }
}

/// What an evaluation looks at beside the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    Loss,
    /// What the model makes of each image.
    Images {
        /// The structural similarity of each, too.
        ssim: bool,
    },
}

/// What a model makes of each image.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageOutput {
    /// Of an autoencoder.
    Reconstructed(Reconstructed),
    /// Of a classifier.
    Classified(Classified),
}

impl ImageOutput {
    /// Adds what it makes of the images that follow.
    pub(super) fn extend(&mut self, next: Self) {
        match (self, next) {
            (Self::Reconstructed(all), Self::Reconstructed(next)) => {
                all.errors.extend(next.errors);
                all.ssims.extend(next.ssims);
            }
            (Self::Classified(all), Self::Classified(next)) => all.logits.extend(next.logits),
            _ => unreachable!("a model is of one kind"),
        }
    }
}

/// The loss of a model on many examples, and its predictions.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalOutput {
    /// The mean loss, without penalty.
    pub loss: f64,
    /// A classifier's predicted class of each example; empty for an autoencoder.
    pub predictions: Vec<u32>,
    /// Image by image, where that was asked for.
    pub images: Option<ImageOutput>,
    /// What the model notes of itself, by name: the mean over the examples.
    pub notes: Vec<(String, f64)>,
}

/// The loss and the predictions of `model` on all examples of `loader`, in batches of `batch_size`, each
/// weighted by its size.
///
/// The model must be on a device without autodiff.
///
/// # Errors
/// Where an image cannot be read, or is damaged.
///
/// # Panics
/// When `batch_size` is 0.
pub fn loss_and_predictions(
    model: &AnyModel,
    loader: &DataLoader,
    batch_size: usize,
) -> Result<EvalOutput> {
    let interrupt = Interrupt::default();
    let output = loss_and_predictions_unless(model, loader, batch_size, Detail::Loss, &interrupt);
    output?.context("nothing interrupts it")
}

/// The same with this `detail`, or `None` where the signal of `interrupt` came meanwhile.
///
/// # Errors
/// As those of [`loss_and_predictions`].
pub(crate) fn loss_and_predictions_unless(
    model: &AnyModel,
    loader: &DataLoader,
    batch_size: usize,
    detail: Detail,
    interrupt: &Interrupt,
) -> Result<Option<EvalOutput>> {
    let all: Vec<_> = (0..loader.len()).collect();
    let batches: Vec<_> = all.chunks(batch_size).collect();
    let (mut ahead, packed) = (loader.read_ahead(&batches), SharedWeights::default());
    let (mut losses, mut predictions) = (Vec::new(), Vec::new());
    let (mut images, mut noted): (Option<ImageOutput>, Vec<_>) = Default::default();
    for indices in batches {
        if interrupt.signal().is_some() {
            return Ok(None);
        }
        let bytes = ahead.next_batch()?;
        let batch = Batch::plain(indices).with_bytes(&bytes);
        let microbatches = in_microbatches(model, batch, loader, |_, microbatch| {
            let (output, images, noted) =
                model.evaluate_batch(loader, microbatch, (detail, &packed));
            (output.loss * microbatch.len() as f64, output.predictions, images, noted)
        });
        for (loss, classes, of_images, notes) in microbatches {
            losses.push(loss);
            noted.extend(notes);
            predictions.extend(classes);
            match (&mut images, of_images) {
                (Some(images), Some(next)) => images.extend(next),
                (images, next) => *images = next,
            }
        }
    }
    // Read back once, at the end.
    let losses = Tensor::cat(losses, 0).into_data().convert::<f64>();
    let sum: f64 = losses.iter::<f64>().sum();
    let loss = sum / loader.len() as f64;
    let notes = notes::of_all(noted, loader.len());
    Ok(Some(EvalOutput { loss, predictions: classes(predictions), images, notes }))
}

/// The score of `model`, whose forward pass of examples of these `labels` had this `output`: read back from the
/// device.
pub(super) fn score(model: &AnyModel, output: BatchOutput, labels: &[u32]) -> Score {
    let predictions = classes(output.predictions.into_iter().collect());
    model.score(output.loss.into_scalar::<f32>().into(), &predictions, labels)
}

/// The predicted classes of `microbatches`, read back from their device.
pub(super) fn classes(microbatches: Vec<Tensor<1, Int>>) -> Vec<u32> {
    if microbatches.is_empty() {
        return Vec::new();
    }
    Tensor::cat(microbatches, 0).into_data().convert::<u32>().iter::<u32>().collect()
}

/// Whether batches are not cut into microbatches.
fn takes_whole_batches(model: &AnyModel, loader: &DataLoader) -> bool {
    model.requirements().full_batch || !is_cpu(loader.device())
}

/// `work(number, microbatch)` for each microbatch of `batch`, in their order.
fn in_microbatches<T: Send>(
    model: &AnyModel,
    batch: Batch,
    loader: &DataLoader,
    work: impl Fn(usize, Batch) -> T + Sync,
) -> Vec<T> {
    if takes_whole_batches(model, loader) {
        return vec![work(0, batch)];
    }
    map_items(batch.chunks(model.microbatch(batch.len())), work)
}

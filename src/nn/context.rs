//! One forward pass through a network: what layers must know of it, and what they hand back.
//!
//! A model takes the pass as an argument and gives it on to its layers; it does not look into it.
//! Through it a layer knows whether this is training, draws its random numbers, hands its weights
//! to the L2 penalty λ Σ_w ‖w‖² / 2, and, when somebody looks, shows its weights and activations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::ParamId;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution as _, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::device::is_cpu;
use crate::nn::Recorder;
use crate::nn::is_frozen;
use crate::nn::sparsity::activities;
use crate::nn::trace::Trace;
use crate::nn::{Noise, Objective, ReconstructionLoss, Sparsity};
use crate::ops::conv::PackedWeights;
use crate::ops::dense::Deferred;
use crate::ops::ordered_sum::ordered_sum;
use crate::ops::parallel::for_groups;
use crate::util::random::split_mix64;

/// Numbers drawn from one stream of the generator: threads draw from different ones.
const STREAM: usize = 1 << 16;

/// What the penalty of `--sparsity` is called in `history.csv` and TensorBoard.
const SPARSITY: &str = "sparsity";

/// One forward pass.
#[derive(Default)]
pub struct ForwardContext<'a> {
    /// Where a pass of training has its random numbers from.
    random: Option<RandomStream>,
    penalties: Option<Vec<Tensor<1>>>,
    /// What the passes of one batch share of each weight.
    packed: SharedWeights,
    /// Whether other passes have these weights too.
    shares: bool,
    /// Where large layers leave their gradients to the batch; `None` where each computes its own.
    deferred: Option<Vec<DeferredLayer>>,
    recorder: Option<&'a mut Recorder>,
    /// What layers note of what they did, where the pass is to be exported.
    pub(super) trace: Option<&'a mut Trace>,
    /// What the model notes of itself in a pass of evaluation, where somebody reads it.
    notes: Option<Vec<Note>>,
    /// What an autoencoder is trained for.
    objective: Objective,
    /// The values of an image.
    image_values: usize,
    /// Whether the model has asked for its loss, for its noise, and has said what its code is.
    asked: [bool; 3],
    /// Whether the code is one that the objective's sparsity does not take.
    code_is_unsuited: bool,
    /// What keeps codes sparse.
    sparsity: Option<Tensor<1>>,
    /// What the errors of reconstructions are more than their losses, where that is not 0.
    correction: Option<Tensor<1>>,
}

/// What a model notes of itself beside its output: a number that says how a batch was, or how a codebook was used.
#[derive(Clone)]
pub(crate) struct Note {
    /// What it is called in `history.csv` and TensorBoard.
    pub name: &'static str,
    /// `[n]`: the mean over the images of the pass.
    pub values: Tensor<1>,
    /// What is told of the means over all images.
    pub kind: NoteKind,
}

/// What is told of the means that were noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum NoteKind {
    /// Their sum: there is one.
    #[default]
    Mean,
    /// The perplexity of shares.
    Shares,
    /// The penalty of mean activities of units, of images of so many values.
    Activities(Sparsity, usize),
}

/// The weights that several passes have packed for their kernels, by parameter. Passes that share it must have the same
/// weights.
#[derive(Clone, Default)]
pub(crate) struct SharedWeights(Arc<Mutex<HashMap<ParamId, PackedWeights>>>);

/// A layer that leaves the gradients of its weight and its bias to the batch.
pub(crate) struct DeferredLayer {
    /// Of its weight `[in, out]`.
    pub weight: ParamId,
    /// Of its bias `[out]`.
    pub bias: ParamId,
    /// Whether the weight is in the L2 penalty.
    pub penalised: bool,
    /// What its backward pass leaves.
    pub operands: Deferred,
}

/// A seed, and how often it was drawn from.
struct RandomStream {
    seed: u64,
    draws: u64,
}

impl<'a> ForwardContext<'a> {
    /// A pass of training, whose random numbers are a function of `seed` alone.
    pub fn training(seed: u64) -> Self {
        Self { random: Some(RandomStream { seed, draws: 0 }), ..Self::default() }
    }

    /// A pass of evaluation.
    pub fn evaluation() -> Self {
        Self::default()
    }

    /// A pass of evaluation in which the layers show what is in them.
    pub fn recording(recorder: &'a mut Recorder) -> Self {
        Self { recorder: Some(recorder), ..Self::default() }
    }

    /// A pass of evaluation that is traced: see [`trace`](crate::nn::trace).
    pub(crate) fn tracing(trace: &'a mut Trace) -> Self {
        Self { trace: Some(trace), ..Self::default() }
    }

    /// The same pass, collecting the weights that the L2 penalty is taken from.
    pub fn with_penalties(self) -> Self {
        Self { penalties: Some(Vec::new()), ..self }
    }

    /// The same pass of a microbatch: layers may leave gradients to the batch that it is a part of, whose passes
    /// share the weights that they pack.
    pub(crate) fn of_microbatch(self, packed: SharedWeights) -> Self {
        Self { deferred: Some(Vec::new()), ..self.sharing(packed) }
    }

    /// The same pass, which shares the weights that it packs with others.
    pub(crate) fn sharing(self, packed: SharedWeights) -> Self {
        Self { packed, shares: true, ..self }
    }

    /// What this pass shares with others of the weight `id`.
    pub(crate) fn packed(&self, id: ParamId) -> PackedWeights {
        let mut packed = self.packed.0.lock().unwrap_or_else(PoisonError::into_inner);
        let packed = packed.entry(id).or_default().clone();
        match self.shares {
            true if self.deferred.is_some() => packed.of_microbatch(),
            true => packed.of_several(),
            false => packed,
        }
    }

    /// Whether layers that differ between the two train now.
    pub fn is_training(&self) -> bool {
        self.random.is_some()
    }

    /// Ones with probability `p`, else zeros: `shape` on `device`.
    ///
    /// # Panics
    /// In a pass of evaluation, which draws nothing.
    pub fn bernoulli<const D: usize>(
        &mut self,
        p: f64,
        shape: [usize; D],
        device: &Device,
    ) -> Tensor<D> {
        self.draw(Distribution::Bernoulli(p), shape, device, |rng| {
            f32::from(u8::from(rng.random::<f32>() < p as f32))
        })
    }

    /// Numbers from `low` to `high`, all equally likely: `shape` on `device`.
    ///
    /// # Panics
    /// In a pass of evaluation, which draws nothing.
    pub fn uniform<const D: usize>(
        &mut self,
        [low, high]: [f32; 2],
        shape: [usize; D],
        device: &Device,
    ) -> Tensor<D> {
        let distribution = Distribution::Uniform(low.into(), high.into());
        self.draw(distribution, shape, device, |rng| low + (high - low) * rng.random::<f32>())
    }

    /// Numbers of the standard normal distribution: `shape` on `device`.
    ///
    /// # Panics
    /// In a pass of evaluation, which draws nothing.
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
        self.draw(Distribution::Normal(0.0, 1.0), shape, device, |rng| StandardNormal.sample(rng))
    }

    /// Draws on the CPU with `value`, [`STREAM`] numbers from each stream, so that threads do not change
    /// them; on a GPU with its own generator.
    fn draw<const D: usize>(
        &mut self,
        distribution: Distribution,
        shape: [usize; D],
        device: &Device,
        value: impl Fn(&mut ChaCha8Rng) -> f32 + Sync,
    ) -> Tensor<D> {
        let stream = self.random.as_mut().expect("only a pass of training draws");
        let seed = split_mix64(stream.seed, stream.draws);
        stream.draws += 1;
        if !is_cpu(device) {
            device.seed(seed);
            return Tensor::random(shape, distribution, device);
        }
        let mut values = vec![0.0; shape.iter().product()];
        for_groups(&mut values, STREAM, |number, values| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number as u64);
            values.iter_mut().for_each(|place| *place = value(&mut rng));
        });
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// Adds `weight` to the weights that the L2 penalty is taken from, unless it is frozen: its
    /// penalty would be a constant.
    pub fn add_l2_penalty<const D: usize>(&mut self, weight: impl FnOnce() -> Tensor<D>) {
        let Some(penalties) = &mut self.penalties else { return };
        let weight = weight();
        if !is_frozen(&weight) {
            // tf.nn.l2_loss(w) = Σ w² / 2
            penalties.push(ordered_sum(weight.square()) / 2.0);
        }
    }

    /// Leaves the gradients of the `weight` and the `bias` of a layer to the batch, where there is one: the penalty
    /// then has the weight as a constant. Returns where the backward pass is to leave what they are made of.
    pub(crate) fn defer(
        &mut self,
        weight: (ParamId, Tensor<2>),
        bias: ParamId,
        penalised: bool,
    ) -> Option<Deferred> {
        let deferred = self.deferred.as_mut()?;
        let (id, weight) = weight;
        if let Some(penalties) = self.penalties.as_mut().filter(|_| penalised) {
            let weight = Tensor::from_inner(weight.inner());
            penalties.push(ordered_sum(weight.square()) / 2.0);
        }
        let operands = Deferred::default();
        deferred.push(DeferredLayer { weight: id, bias, penalised, operands: operands.clone() });
        Some(operands)
    }

    /// The layers that have left their gradients to the batch, in the order of the forward pass.
    pub(crate) fn take_deferred(&mut self) -> Vec<DeferredLayer> {
        self.deferred.take().unwrap_or_default()
    }

    /// Σ_w ‖w‖² / 2 of the penalised weights `[1]`; `None` where there are none.
    pub fn penalty(self) -> Option<Tensor<1>> {
        self.penalties?.into_iter().reduce(|sum, penalty| sum + penalty)
    }

    /// The same pass, in which what the model notes of itself is kept.
    pub(crate) fn with_notes(self) -> Self {
        Self { notes: Some(Vec::new()), ..self }
    }

    /// Notes a number `[1]` of this pass, the mean over its images: the validations' mean of it becomes a curve of
    /// this `name`, as an autoencoder's `kl`. Computed only where somebody reads it, in evaluation.
    pub fn note(&mut self, name: &'static str, value: impl FnOnce() -> Tensor<1>) {
        if let Some(notes) = &mut self.notes {
            notes.push(Note { name, values: value(), kind: NoteKind::Mean });
        }
    }

    /// Notes the shares p `[n]`, which sum to 1, that n things have had in this pass: the curve of this `name` is their
    /// perplexity over a whole validation, exp(-Σ p ln p): as many things, used alike, as say as much.
    pub fn note_use(&mut self, name: &'static str, shares: impl FnOnce() -> Tensor<1>) {
        if let Some(notes) = &mut self.notes {
            notes.push(Note { name, values: shares(), kind: NoteKind::Shares });
        }
    }

    /// What was noted.
    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        self.notes.take().unwrap_or_default()
    }

    /// The same pass, in which an autoencoder is trained for this `objective` on images of so many `values`.
    pub(crate) fn set_objective(&mut self, objective: Objective, values: usize) {
        (self.objective, self.image_values) = (objective, values);
    }

    /// `images` as an autoencoder is to be given them in training, disturbed as `--noise` says: `[batch, channels, height,
    /// width]`, pixels in -1..=1. As they are without that flag, and in a pass of evaluation.
    pub fn disturbed(&mut self, images: Tensor<4>) -> Tensor<4> {
        self.disturbed_or(Noise::NONE, images)
    }

    /// The same of a model that disturbs its images by itself: with this `noise` where there is no flag.
    pub fn disturbed_or(&mut self, noise: Noise, images: Tensor<4>) -> Tensor<4> {
        self.asked[1] = true;
        match self.is_training() {
            true => self.objective.noise.unwrap_or(noise).on(images, self),
            false => images,
        }
    }

    /// What tells how far reconstructions are from their images.
    pub(crate) fn reconstruction_loss(&mut self) -> ReconstructionLoss {
        self.asked[0] = true;
        self.objective.loss
    }

    /// Says what the `code` `[batch, units, ...]` of an autoencoder is, which `--sparsity` keeps sparse, and the `bounds`
    /// that its values are between: `[-1, 1]` of tanh, `[0, 1]` of a sigmoid, `None` where it has none. Without the flag it
    /// does nothing.
    ///
    /// ```
    /// use burn::tensor::Tensor;
    /// use dytb::ForwardContext;
    /// use dytb::nn::layers::Conv;
    ///
    /// fn encoded(encode: &Conv, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
    ///     let code = encode.forward(images, context);
    ///     context.code(&code, Some([-1.0, 1.0])); // it ends in tanh
    ///     code
    /// }
    /// ```
    pub fn code<const D: usize>(&mut self, code: &Tensor<D>, bounds: Option<[f64; 2]>) {
        let Some(sparsity) = self.objective.sparsity else { return };
        self.asked[2] = true;
        self.code_is_unsuited |= !sparsity.takes(bounds);
        if self.is_training() {
            let penalty = sparsity.penalty(code.clone(), bounds, self.image_values);
            self.sparsity = match (self.sparsity.take(), penalty) {
                (Some(sum), Some(penalty)) => Some(sum + penalty),
                (sum, penalty) => sum.or(penalty),
            };
        } else if self.notes.is_some() {
            self.note_sparsity(sparsity, code.clone(), bounds);
        }
    }

    /// Notes what becomes the penalty over a whole validation: of all codes of the pass together.
    fn note_sparsity<const D: usize>(
        &mut self,
        sparsity: Sparsity,
        code: Tensor<D>,
        bounds: Option<[f64; 2]>,
    ) {
        let (values, kind) = match bounds.filter(|_| sparsity.is_of_whole_batches()) {
            Some(bounds) => {
                let kind = NoteKind::Activities(sparsity, self.image_values);
                (activities(code, bounds), kind)
            }
            None => match sparsity.penalty(code, bounds, self.image_values) {
                Some(penalty) => (penalty, NoteKind::Mean),
                None => return,
            },
        };
        let Some(notes) = &mut self.notes else { return };
        match notes.iter_mut().find(|note| note.name == SPARSITY) {
            Some(note) => note.values = Tensor::cat(vec![note.values.clone(), values], 0),
            None => notes.push(Note { name: SPARSITY, values, kind }),
        }
    }

    /// The penalty `[1]` of the codes of the pass, which is added to its loss and not told, so that the error is;
    /// `None` without one.
    pub(crate) fn take_sparsity(&mut self) -> Option<Tensor<1>> {
        let penalty = self.sparsity.take()?;
        self.correct(-penalty.clone().detach());
        Some(penalty)
    }

    /// Whether the model's code is one that the objective's sparsity does not take.
    pub(crate) fn code_is_unsuited(&self) -> bool {
        self.code_is_unsuited
    }

    /// Notes that a reconstruction has this `error` `[1]`, and that its `loss` `[1]` is trained: the error is what is
    /// reported of a step.
    pub(crate) fn report(&mut self, error: Tensor<1>, loss: Tensor<1>) {
        self.correct(error.detach() - loss.detach());
    }

    /// Adds `more` `[1]` to what is told beside the loss.
    fn correct(&mut self, more: Tensor<1>) {
        self.correction = Some(match self.correction.take() {
            Some(sum) => sum + more,
            None => more,
        });
    }

    /// What is to be added to the loss of the pass, so that it has the errors of reconstructions in it and not their
    /// losses; `None` where these are the same.
    pub(crate) fn take_correction(&mut self) -> Option<Tensor<1>> {
        self.correction.take()
    }

    /// The flags of the objective that the model has not asked for: it is not trained for them.
    pub(crate) fn ignored(&self) -> Vec<String> {
        let flags = self.objective.flags().into_iter().zip(self.asked);
        flags.filter(|(_, asked)| !asked).filter_map(|(flag, _)| flag).collect()
    }

    /// Where to show what is in a layer, if anybody looks.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_deref_mut()
    }

    /// Whether layers are shown or traced, each of which then does one thing at a time.
    pub(crate) fn is_watched(&self) -> bool {
        self.recorder.is_some() || self.trace.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Means of a million draws, three deviations of the mean around what they should be.
    #[test]
    fn draws_are_as_they_say() {
        let device = Device::flex();
        let mean = |tensor: Tensor<1>| tensor.mean().into_scalar::<f32>();
        let mut context = ForwardContext::training(1);
        let n = 1_000_000;
        let ones = context.bernoulli(0.7, [n], &device);
        assert!(
            ones.clone()
                .equal_elem(0.0)
                .bool_or(ones.clone().equal_elem(1.0))
                .all()
                .into_scalar::<bool>()
        );
        assert!((mean(ones) - 0.7).abs() < 3.0 * (0.21f32 / n as f32).sqrt());
        let numbers = context.uniform([-0.5, 0.5], [n], &device);
        assert!(numbers.clone().abs().max().into_scalar::<f32>() <= 0.5);
        assert!(mean(numbers).abs() < 3.0 * (1.0 / 12.0 / n as f32).sqrt());
        let numbers = context.normal([n], &device);
        assert!(mean(numbers.clone()).abs() < 3.0 * (1.0 / n as f32).sqrt());
        assert!((mean(numbers.square()) - 1.0).abs() < 3.0 * (2.0 / n as f32).sqrt());
    }

    #[test]
    fn a_seed_draws_the_same_again_but_not_twice() {
        let device = Device::flex();
        let draw = |context: &mut ForwardContext| {
            context.uniform([0.0, 1.0], [9], &device).into_data().try_to_vec::<f32>().unwrap()
        };
        let (mut one, mut other) = (ForwardContext::training(5), ForwardContext::training(5));
        let first = draw(&mut one);
        assert_eq!(first, draw(&mut other));
        assert_ne!(first, draw(&mut one));
        assert_ne!(first, draw(&mut ForwardContext::training(6)));
    }

    #[test]
    fn streams_differ_and_threads_do_not_matter() {
        let device = Device::flex();
        let draw = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let numbers =
                    ForwardContext::training(5).uniform([0.0, 1.0], [3 * STREAM + 5], &device);
                numbers.into_data().try_to_vec::<f32>().unwrap()
            })
        };
        let numbers = draw(1);
        let streams: Vec<_> = numbers.chunks(STREAM).map(|stream| stream[..5].to_vec()).collect();
        for (i, stream) in streams.iter().enumerate() {
            assert!(!streams[..i].contains(stream), "stream {i}");
        }
        assert!([2, 3].into_iter().all(|threads| draw(threads) == numbers));
    }
}

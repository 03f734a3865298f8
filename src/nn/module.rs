//! What a model is, and what the bench asks of any network.
//!
//! A file of `models/` holds a burn module, its forward pass, and the constant `MODEL`:
//!
//! ```
//! use burn::module::Module;
//! use burn::tensor::Tensor;
//! use dytb::nn::layers::{Conv, ConvConfig};
//! use dytb::{Autoencoder, Initializer, Model, ForwardContext};
//!
//! #[derive(Module, Debug)]
//! pub struct OneConvolution {
//!     layer: Conv,
//! }
//!
//! impl Autoencoder for OneConvolution {
//!     fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
//!         self.layer.forward(images, context)
//!     }
//! }
//!
//! pub const MODEL: Model = Model::Autoencoder(|[channels, _, _], init| {
//!     Ok(Box::new(OneConvolution {
//!         layer: ConvConfig::new([channels, channels], [3, 3]).with_zero_padding(1).init(init),
//!     }))
//! });
//! ```

use super::{ModelArguments, Parameter};
use anyhow::{Context, Result};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Int, Tensor, TensorData};

use crate::nn::ForwardContext;
use crate::nn::Freeze;
use crate::nn::Initializer;
use crate::nn::Latent;
use crate::nn::ReconstructionLoss;
use crate::nn::burn_layers::Reinitialize;
use crate::nn::flat;
use crate::nn::layers;
use crate::nn::pack::{into_vec, without_random_ids};
use crate::nn::{Average, average, clip_norm};
use crate::nn::{Scopes, StepRequirements};
use crate::ops::square_error;
use crate::util::argument::Argument;
use crate::util::tensor::floats;
use crate::weights::{Set, Weights};

/// A network that reconstructs its input. Images are `[batch, channels, height, width]` in -1..=1.
pub trait Autoencoder: Network + ForkAutoencoder {
    /// The reconstructions of `images`, of the same shape.
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4>;

    /// Half the mean squared error, Σ (x' - x)² / 2n over all n pixels: `[1]`.
    fn error(&self, reconstructions: Tensor<4>, images: Tensor<4>) -> Tensor<1> {
        square_error::half_mean(reconstructions, images)
    }

    /// What training brings down, `[1]`: the [loss](Self::reconstruction_loss) of the reconstructions of `images` that
    /// are [disturbed](ForwardContext::disturbed) where that is asked for, unless the model is trained on more than its
    /// output. The L2 penalty is added elsewhere.
    fn loss(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<1> {
        let input = context.disturbed(images.clone());
        let reconstructions = self.forward(input, context);
        self.reconstruction_loss(reconstructions, images, context)
    }

    /// How far `reconstructions` are from `images`, `[1]`, as `--loss` says: their error without that flag. For a model
    /// with a [`loss`](Self::loss) of its own, which calls it; no model has another.
    fn reconstruction_loss(
        &self,
        reconstructions: Tensor<4>,
        images: Tensor<4>,
        context: &mut ForwardContext,
    ) -> Tensor<1> {
        let loss = context.reconstruction_loss();
        let error = self.error(reconstructions.clone(), images.clone());
        if loss == ReconstructionLoss::Mse {
            return error;
        }
        let loss = loss.of(reconstructions, images, error.clone());
        context.report(error, loss.clone());
        loss
    }

    /// Its two halves, where it has a code of a few numbers between them: what `dytb latent` looks into.
    fn latent(&self) -> Option<&dyn Latent> {
        None
    }

    /// Whether the model computes across the examples of a batch, as a contrastive loss does: the CPU then
    /// does not cut its batches into microbatches. The layers of this crate are known without it.
    fn requires_full_batch(&self) -> bool {
        false
    }
}

/// A classifier. Images are `[batch, channels, height, width]` in -1..=1.
pub trait Classifier: Network + ForkClassifier {
    /// The logits `[batch, classes]` of `images`.
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2>;

    /// What training brings down, of each example `[batch]`: the cross-entropy of `logits` `[batch, classes]` and
    /// `labels` `[batch]`, unless the model has another. Its mean is the loss; `--class_weights` makes it a weighted
    /// one.
    fn losses(&self, logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        layers::softmax_cross_entropy(logits, labels)
    }

    /// Whether the model computes across the examples of a batch: the CPU then does not cut its batches into
    /// microbatches. The layers of this crate are known without it.
    fn requires_full_batch(&self) -> bool {
        false
    }
}

/// A copy of an autoencoder. Every autoencoder has it; nobody implements it by hand.
pub trait ForkAutoencoder {
    /// The same parameters with the same ids, in an autodiff graph of their own.
    fn fork(&self) -> Box<dyn Autoencoder>;
}

/// A copy of a classifier. Every classifier has it; nobody implements it by hand.
pub trait ForkClassifier {
    /// The same parameters with the same ids, in an autodiff graph of their own.
    fn fork(&self) -> Box<dyn Classifier>;
}

impl<M: Module + Autoencoder + 'static> ForkAutoencoder for M {
    fn fork(&self) -> Box<dyn Autoencoder> {
        Box::new(self.clone().map(&mut Fork))
    }
}

impl<M: Module + Classifier + 'static> ForkClassifier for M {
    fn fork(&self) -> Box<dyn Classifier> {
        Box::new(self.clone().map(&mut Fork))
    }
}

/// Makes each trained parameter a leaf of a new graph, with the same values and the same id.
struct Fork;

impl ModuleMapper for Fork {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match param.is_require_grad() {
            true => param.map(|tensor| tensor.detach().require_grad()),
            false => param,
        }
    }
}

/// Replaces every trainable tensor by an empty one: a cheap placeholder while the optimizer owns the real module
/// (a shared tensor would be copied).
struct Placeholder;

impl ModuleMapper for Placeholder {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // A buffer is shared by all copies of its network, and would be taken from the other one.
        match param.is_require_grad() {
            true => param.map(|tensor| Tensor::empty([0; D], &tensor.device())),
            false => param,
        }
    }
}

/// What a trainer asks of any network. Every burn [`Module`] has it; nobody implements it by hand.
pub trait Network: Send + Sync {
    /// How many numbers it consists of, buffers included.
    fn num_parameters(&self) -> usize;

    /// Every parameter and every statistic.
    fn parameters(&self) -> Vec<Parameter>;

    /// Makes the network's parameters all those of `init`: what a layer of burn's own has drawn is drawn
    /// from the seed, on the device, with an id that is the same in every process.
    /// What these layers require of a training step is returned.
    fn reinitialize(&mut self, init: &mut Initializer) -> StepRequirements;

    /// Brings what layers of burn's own have noted of a step into their statistics, so that a checkpoint
    /// has it.
    fn sync_statistics(&self);

    /// The largest absolute value of all parameters and statistics; NaN if one is NaN.
    fn largest(&self) -> f32;

    /// The names of the trainable parameters that have none of `gradients`, but for those of `others`.
    fn without_gradient(&self, gradients: &GradientsParams, others: &[ParamId]) -> Vec<String>;

    /// The gradients of `loss` `[1]`.
    fn gradients(&self, loss: Tensor<1>) -> GradientsParams;

    /// The sum of `pieces`, added in their order.
    fn sum(&self, pieces: Vec<GradientsParams>) -> GradientsParams;

    /// The `gradients` as a row of numbers: those of each trained parameter in the network's order, then for each
    /// parameter whether it has one. Rows that are added up number by number are the row of [`Network::sum`].
    /// The parameters `without` are not in it. What is in `row` is overwritten: its memory is used again.
    fn flatten(&self, gradients: GradientsParams, without: &[ParamId], row: Vec<f32>) -> Vec<f32>;

    /// The gradients in a row that [`Network::flatten`] has made, or in a sum of such rows, `without` the same.
    fn unflatten(&self, row: &[f32], without: &[ParamId]) -> GradientsParams;

    /// Brings the `gradients` to a global norm of `most` or less; the norm `[1]` that they had, still on the device.
    /// `None` where there is no gradient.
    fn clip_norm(&self, gradients: &mut GradientsParams, most: f64) -> Option<Tensor<1>>;

    /// One step of `optimizer` down `gradients`.
    fn update(
        &mut self,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        learning_rate: f64,
    );

    /// The values of the trained parameter `id`; `None` where there is none.
    fn value(&self, id: ParamId) -> Option<Vec<f32>>;

    /// Changes the values of the trained parameters of these `ids`, in their places, one after the other.
    fn change(&mut self, ids: &[ParamId], change: &mut dyn FnMut(ParamId, &mut [f32]));

    /// The trained parameters as they are.
    fn values(&self) -> Average;

    /// Brings `average` nearer to the trained parameters: what is left of it is the share `decay`. An empty one becomes
    /// what they are.
    fn follow(&self, average: &mut Average, decay: f64);

    /// The same as [`Network::to_bytes`], with `average` in the place of the trained parameters.
    ///
    /// # Errors
    /// When they cannot be read back from the device.
    ///
    /// # Panics
    /// When it is another network's.
    fn average_to_bytes(&self, average: &Average) -> Result<Vec<u8>>;

    /// The parameters, in burn's pack format.
    ///
    /// # Errors
    /// When they cannot be read back from the device.
    fn to_bytes(&self) -> Result<Vec<u8>>;

    /// Takes the parameters from `bytes`, which [`Network::to_bytes`] made.
    ///
    /// # Errors
    /// When `bytes` are damaged or are another model's.
    fn load_bytes(&mut self, bytes: Vec<u8>) -> Result<()>;

    /// Gives each parameter and each statistic the values of its name in `weights`, if they have its
    /// shape; the others stay.
    fn set(&mut self, weights: &Weights);

    /// Freezes each parameter outside of `scopes`: it gets no gradient from here on, and a batch
    /// normalisation keeps its statistics. A dropout goes on.
    fn train_only(&mut self, scopes: &Scopes);
}

impl<M: Module + Sync + 'static> Network for M {
    fn num_parameters(&self) -> usize {
        self.num_params()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = Parameters::default();
        self.visit(&mut parameters);
        parameters.found
    }

    fn reinitialize(&mut self, init: &mut Initializer) -> StepRequirements {
        let mut layers = Reinitialize::new(init);
        *self = self.clone().map(&mut layers);
        layers.requirements
    }

    fn sync_statistics(&self) {
        // burn's running statistics are brought up to date when a module is made one for validation.
        drop(self.valid());
    }

    fn largest(&self) -> f32 {
        let mut largest = Largest(0.0);
        self.visit(&mut largest);
        largest.0
    }

    fn without_gradient(&self, gradients: &GradientsParams, others: &[ParamId]) -> Vec<String> {
        let mut search = Search { gradients, others, path: Vec::new(), found: Vec::new() };
        self.visit(&mut search);
        search.found
    }

    fn gradients(&self, loss: Tensor<1>) -> GradientsParams {
        GradientsParams::from_grads(loss.backward(), self)
    }

    fn sum(&self, pieces: Vec<GradientsParams>) -> GradientsParams {
        let mut sum = GradientsAccumulator::<M>::new();
        for piece in pieces {
            sum.accumulate(self, piece);
        }
        sum.grads()
    }

    fn flatten(&self, gradients: GradientsParams, without: &[ParamId], row: Vec<f32>) -> Vec<f32> {
        flat::flatten(self, gradients, without, row)
    }

    fn unflatten(&self, row: &[f32], without: &[ParamId]) -> GradientsParams {
        flat::unflatten(self, row, without)
    }

    fn update(
        &mut self,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        learning_rate: f64,
    ) {
        *self = optimizer.step(learning_rate, taken(self), gradients);
    }

    fn value(&self, id: ParamId) -> Option<Vec<f32>> {
        let mut value = Value { id, found: None };
        self.visit(&mut value);
        value.found
    }

    fn change(&mut self, ids: &[ParamId], change: &mut dyn FnMut(ParamId, &mut [f32])) {
        *self = taken(self).map(&mut Change { ids, change });
    }

    fn clip_norm(&self, gradients: &mut GradientsParams, most: f64) -> Option<Tensor<1>> {
        clip_norm::clip_norm(self, gradients, most)
    }

    fn values(&self) -> Average {
        average::values(self)
    }

    fn follow(&self, average: &mut Average, decay: f64) {
        average::follow(self, average, decay);
    }

    fn average_to_bytes(&self, average: &Average) -> Result<Vec<u8>> {
        average::averaged(self, average).to_bytes()
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes = self.clone().into_record().into_bytes()?;
        without_random_ids(into_vec(bytes), &self.parameters())
    }

    fn load_bytes(&mut self, bytes: Vec<u8>) -> Result<()> {
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))
            .context("the parameters are damaged")?;
        *self = self.clone().try_load_record(record).context("these are not its parameters")?;
        Ok(())
    }

    fn set(&mut self, weights: &Weights) {
        *self = self.clone().map(&mut Set::new(weights));
    }

    fn train_only(&mut self, scopes: &Scopes) {
        *self = self.clone().map(&mut Freeze::all_but(scopes));
    }
}

/// The network, of whose trained parameters `network` keeps none: they must have one owner, as what shares them has to
/// copy them before it changes them.
fn taken<M: Module>(network: &mut M) -> M {
    let hollow = network.clone().map(&mut Placeholder);
    std::mem::replace(network, hollow)
}

/// Looks for the values of a parameter.
struct Value {
    id: ParamId,
    found: Option<Vec<f32>>,
}

impl ModuleVisitor for Value {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.id == self.id && param.is_require_grad() {
            self.found = Some(floats(param.val().inner()));
        }
    }
}

/// Changes some parameters.
struct Change<'a> {
    ids: &'a [ParamId],
    change: &'a mut dyn FnMut(ParamId, &mut [f32]),
}

impl ModuleMapper for Change<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !self.ids.contains(&param.id) {
            return param;
        }
        let id = param.id;
        param.map(|tensor| {
            let tensor = tensor.inner();
            let (shape, device) = (tensor.shape(), tensor.device());
            let mut values = floats(tensor);
            (self.change)(id, &mut values);
            let tensor = Tensor::from_data(TensorData::new(values, shape), &device);
            Tensor::from_inner(tensor).require_grad()
        })
    }
}

/// Collects the parameters.
#[derive(Default)]
struct Parameters {
    path: Vec<String>,
    modules: Vec<String>,
    found: Vec<Parameter>,
}

impl ModuleVisitor for Parameters {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push(name.to_owned());
        // burn says `Struct:Conv`.
        let module = container_type.rsplit(':').next().unwrap_or(container_type);
        self.modules.push(module.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
        self.modules.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push(Parameter {
            id: param.id,
            name: self.path.join("."),
            module: self.modules.last().cloned().unwrap_or_default(),
            shape: param.val().dims().to_vec(),
            trained: param.is_require_grad(),
        });
    }
}

/// Looks for the largest value, tensor by tensor: all of them at once may take gigabytes.
struct Largest(f32);

impl ModuleVisitor for Largest {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0 = floats(param.val()).into_iter().fold(self.0, larger);
    }
}

/// The larger of `most` and the absolute `value`; NaN if one is NaN, which f32::max would pass over.
pub(crate) fn larger(most: f32, value: f32) -> f32 {
    if most.is_nan() || value.abs() <= most { most } else { value.abs() }
}

/// Looks for trainable parameters without a gradient.
struct Search<'a> {
    gradients: &'a GradientsParams,
    others: &'a [ParamId],
    path: Vec<String>,
    found: Vec<String>,
}

impl ModuleVisitor for Search<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let has_one =
            self.gradients.get::<D>(param.id).is_some() || self.others.contains(&param.id);
        if param.is_require_grad() && !has_one {
            self.found.push(self.path.join("."));
        }
    }
}

/// Builds an autoencoder for images of `[channels, height, width]`.
pub type BuildAutoencoder = fn([usize; 3], &mut Initializer) -> Result<Box<dyn Autoencoder>>;

/// Builds a classifier of images of `[channels, height, width]` and a number of classes.
pub type BuildClassifier = fn([usize; 3], usize, &mut Initializer) -> Result<Box<dyn Classifier>>;

/// [`BuildAutoencoder`] with the arguments of the model.
pub type BuildAutoencoderWith =
    fn([usize; 3], &ModelArguments, &mut Initializer) -> Result<Box<dyn Autoencoder>>;

/// [`BuildClassifier`] with the arguments of the model.
pub type BuildClassifierWith =
    fn([usize; 3], usize, &ModelArguments, &mut Initializer) -> Result<Box<dyn Classifier>>;

/// How to build a model: the constant `MODEL` that every file of `models/` ends with.
#[derive(Clone, Copy)]
pub enum Model {
    /// Trained by `train_autoencoder`; built for images of `[channels, height, width]`. It fails
    /// where they are too small for it.
    Autoencoder(BuildAutoencoder),
    /// Trained by `train_classifier`; built for images of `[channels, height, width]` and a
    /// number of classes. It fails where they are too small for it.
    Classifier(BuildClassifier),
    /// An autoencoder with these arguments, which `--model_args` gives.
    AutoencoderWith(&'static [Argument], BuildAutoencoderWith),
    /// A classifier with these arguments, which `--model_args` gives.
    ClassifierWith(&'static [Argument], BuildClassifierWith),
}

/// What a model is trained for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To reconstruct its input.
    Autoencoder,
    /// To classify its input.
    Classifier,
}

impl Model {
    /// What it is trained for.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Autoencoder(_) | Self::AutoencoderWith(..) => Kind::Autoencoder,
            Self::Classifier(_) | Self::ClassifierWith(..) => Kind::Classifier,
        }
    }

    /// What `--model_args` may give.
    pub fn arguments(&self) -> &'static [Argument] {
        match self {
            Self::Autoencoder(_) | Self::Classifier(_) => &[],
            Self::AutoencoderWith(arguments, _) | Self::ClassifierWith(arguments, _) => arguments,
        }
    }
}

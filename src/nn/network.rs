//! What the bench asks of any network.
//!
//! A trait object, which every burn module is; each method calls the function of its name, which is compiled once for all
//! modules.

use anyhow::Result;
use burn::module::{Module, ParamId};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};

use super::{Average, Initializer, Parameter, Scopes, StepRequirements};
use super::{average, clip_norm, flat, visitors};
use crate::weights::Weights;

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

    /// The `gradients`, brought to `device`.
    fn bring(&self, gradients: GradientsParams, device: &Device) -> GradientsParams;

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
        visitors::num_parameters(self)
    }

    fn parameters(&self) -> Vec<Parameter> {
        visitors::parameters(self)
    }

    fn reinitialize(&mut self, init: &mut Initializer) -> StepRequirements {
        visitors::reinitialize(self, init)
    }

    fn sync_statistics(&self) {
        // burn's running statistics are brought up to date when a module is made one for validation.
        drop(self.valid());
    }

    fn largest(&self) -> f32 {
        visitors::largest(self)
    }

    fn without_gradient(&self, gradients: &GradientsParams, others: &[ParamId]) -> Vec<String> {
        visitors::without_gradient(self, gradients, others)
    }

    fn gradients(&self, loss: Tensor<1>) -> GradientsParams {
        visitors::gradients(self, loss)
    }

    fn sum(&self, pieces: Vec<GradientsParams>) -> GradientsParams {
        visitors::sum(self, pieces)
    }

    fn bring(&self, gradients: GradientsParams, device: &Device) -> GradientsParams {
        visitors::bring(self, gradients, device)
    }

    fn flatten(&self, gradients: GradientsParams, without: &[ParamId], row: Vec<f32>) -> Vec<f32> {
        flat::flatten(self, gradients, without, row)
    }

    fn unflatten(&self, row: &[f32], without: &[ParamId]) -> GradientsParams {
        flat::unflatten(self, row, without)
    }

    fn clip_norm(&self, gradients: &mut GradientsParams, most: f64) -> Option<Tensor<1>> {
        clip_norm::clip_norm(self, gradients, most)
    }

    fn update(
        &mut self,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        learning_rate: f64,
    ) {
        visitors::update(self, gradients, optimizer, learning_rate);
    }

    fn value(&self, id: ParamId) -> Option<Vec<f32>> {
        visitors::value(self, id)
    }

    fn change(&mut self, ids: &[ParamId], change: &mut dyn FnMut(ParamId, &mut [f32])) {
        visitors::change(self, ids, change);
    }

    fn values(&self) -> Average {
        average::values(self)
    }

    fn follow(&self, average: &mut Average, decay: f64) {
        average::follow(self, average, decay);
    }

    fn average_to_bytes(&self, average: &Average) -> Result<Vec<u8>> {
        visitors::to_bytes(average::averaged(self, average))
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        visitors::to_bytes(visitors::boxed(self))
    }

    fn load_bytes(&mut self, bytes: Vec<u8>) -> Result<()> {
        visitors::load_bytes(self, bytes)
    }

    fn set(&mut self, weights: &Weights) {
        visitors::set(self, weights);
    }

    fn train_only(&mut self, scopes: &Scopes) {
        visitors::train_only(self, scopes);
    }
}

//! The walks through the parameters of a network: one function each, compiled once for all networks.

use anyhow::{Context, Result};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor, TensorData};

use super::burn_layers::Reinitialize;
use super::erased::{Boxed, Erased};
use super::pack::{into_vec, without_random_ids};
use super::{Freeze, Initializer, Parameter, Scopes, StepRequirements};
use crate::ops::gradients::{forget, sum_of_pieces};
use crate::util::tensor::floats;
use crate::weights::{Set, Weights};

/// A copy of `network` as burn's functions take it; it shares the tensors.
pub(super) fn boxed(network: &dyn Erased) -> Boxed {
    Boxed(network.copy())
}

/// How many numbers `network` consists of, buffers included.
pub(super) fn num_parameters(network: &dyn Erased) -> usize {
    boxed(network).num_params()
}

/// Every parameter and every statistic of `network`.
pub(super) fn parameters(network: &dyn Erased) -> Vec<Parameter> {
    let mut parameters = Parameters::default();
    network.visit(&mut parameters);
    parameters.found
}

/// Makes the parameters of `network` those of `init`.
pub(super) fn reinitialize(network: &mut dyn Erased, init: &mut Initializer) -> StepRequirements {
    let mut layers = Reinitialize::new(init);
    network.map(&mut layers);
    layers.requirements
}

/// The largest absolute value in `network`; NaN if one is NaN.
pub(super) fn largest(network: &dyn Erased) -> f32 {
    let mut largest = Largest(0.0);
    network.visit(&mut largest);
    largest.0
}

/// The names of the trained parameters of `network` that have none of `gradients`, but for those of `others`.
pub(super) fn without_gradient(
    network: &dyn Erased,
    gradients: &GradientsParams,
    others: &[ParamId],
) -> Vec<String> {
    let mut search = Search { gradients, others, path: Vec::new(), found: Vec::new() };
    network.visit(&mut search);
    search.found
}

/// The gradients of `loss` `[1]`.
pub(super) fn gradients(network: &dyn Erased, loss: Tensor<1>) -> GradientsParams {
    forget();
    GradientsParams::from_grads(loss.backward(), &boxed(network))
}

/// The sum of `pieces`, added in their order.
pub(super) fn sum(network: &dyn Erased, pieces: Vec<GradientsParams>) -> GradientsParams {
    let mut pieces = pieces.into_iter();
    let mut sum = AddTo { sum: pieces.next().unwrap_or_default(), piece: GradientsParams::new() };
    for piece in pieces {
        sum.piece = piece;
        network.visit(&mut sum);
    }
    sum.sum
}

/// The `gradients`, brought to `device`.
pub(super) fn bring(
    network: &dyn Erased,
    gradients: GradientsParams,
    device: &Device,
) -> GradientsParams {
    gradients.to_device(device, &boxed(network))
}

/// One step of `optimizer` down `gradients`.
pub(super) fn update(
    network: &mut dyn Erased,
    gradients: GradientsParams,
    optimizer: &mut ModuleOptimizer,
    learning_rate: f64,
) {
    network.replace(|network| optimizer.step(learning_rate, network, gradients));
}

/// The values of the trained parameter `id`.
pub(super) fn value(network: &dyn Erased, id: ParamId) -> Option<Vec<f32>> {
    let mut value = Value { id, found: None };
    network.visit(&mut value);
    value.found
}

/// Changes the values of the trained parameters of these `ids`.
pub(super) fn change(
    network: &mut dyn Erased,
    ids: &[ParamId],
    change: &mut dyn FnMut(ParamId, &mut [f32]),
) {
    network.replace(|network| network.map(&mut Change { ids, change }));
}

/// The parameters of `network`, in burn's pack format.
pub(super) fn to_bytes(network: Boxed) -> Result<Vec<u8>> {
    let parameters = parameters(&*network.0);
    without_random_ids(into_vec(network.into_record().into_bytes()?), &parameters)
}

/// Takes the parameters from `bytes`, which [`to_bytes`] made.
pub(super) fn load_bytes(network: &mut dyn Erased, bytes: Vec<u8>) -> Result<()> {
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))
        .context("the parameters are damaged")?;
    let loaded = boxed(network).try_load_record(record).context("these are not its parameters")?;
    network.put(loaded.0);
    Ok(())
}

/// Gives each parameter of `network` the values of its name in `weights`.
pub(super) fn set(network: &mut dyn Erased, weights: &Weights) {
    network.map(&mut Set::new(weights));
}

/// Freezes each parameter outside of `scopes`.
pub(super) fn train_only(network: &mut dyn Erased, scopes: &Scopes) {
    network.map(&mut Freeze::all_but(scopes));
}

/// Puts `network` into an autodiff graph of its own.
pub(super) fn fork(network: &mut dyn Erased) {
    network.map(&mut Fork);
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

/// Adds the gradients of a piece to a sum.
struct AddTo {
    sum: GradientsParams,
    piece: GradientsParams,
}

impl ModuleVisitor for AddTo {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.piece.remove::<D>(param.id) else { return };
        let sum = match self.sum.remove::<D>(param.id) {
            Some(sum) => sum_of_pieces(sum, gradient),
            None => gradient,
        };
        self.sum.register(param.id, sum);
    }
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

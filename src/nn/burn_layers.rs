//! Layers that are not drawn from [`Initializer`], as burn's own: `ConvTranspose2dConfig::new(..).init(&device)`.
//!
//! burn draws their parameters from the device's generator when they are first used, on the device that
//! the layer was made for, and gives them random ids. So that they train like all others and the same seed
//! makes the same run, a model that was built is gone through, field by field:
//!
//! - each such parameter is drawn now, the n-th of them from (seed, n),
//! - is brought to the model's device, where it gets gradients if it is trainable,
//! - and gets the next number as its id. (Of a parameter that two fields share both get the same: such a
//!   model is refused.)
//!
//! A running statistic of such a layer is noted for each thread, so batches have to be whole, and a layer
//! that draws in training (one with burn's flag for it) has its generator seeded for each step.

use std::collections::HashMap;
use std::sync::Mutex;

use burn::module::{Flag, Module, ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;

use crate::nn::{Initializer, StepRequirements};

/// Held while parameters are drawn from a device's own generator, which is the process's.
pub(crate) static DRAWING: Mutex<()> = Mutex::new(());

/// Reinitialises the parameters that `init` has not made.
pub(crate) struct Reinitialize<'a> {
    init: &'a mut Initializer,
    /// What these layers require of a training step.
    pub requirements: StepRequirements,
    /// Ids up to this one are those of `init`.
    last_id: u64,
    /// New ids by the layers' own.
    ids: HashMap<u64, u64>,
}

impl<'a> Reinitialize<'a> {
    /// For a model that was built with `init`.
    pub fn new(init: &'a mut Initializer) -> Self {
        let last_id = init.last_id();
        let requirements = StepRequirements::default();
        Self { init, requirements, last_id, ids: HashMap::new() }
    }
}

impl ModuleMapper for Reinitialize<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if param.id.val() <= self.last_id {
            return param;
        }
        let next = self.last_id + self.ids.len() as u64 + 1;
        let id = *self.ids.entry(param.id.val()).or_insert(next);
        if id == next {
            self.init.seed_device(id, &param.lazy_device());
        }
        let device = self.init.device();
        // The first use of a lazy parameter draws it; `valid` keeps whether it is to be trained.
        let param = param.valid().to_device(&device.clone().inner());
        let param = if device.is_autodiff() { param.train() } else { param };
        if device.is_autodiff() && !param.is_require_grad() {
            // A statistic, or a parameter that the layer has frozen.
            self.requirements.synced_statistics = true;
        }
        let (_, tensor, mapper) = param.consume();
        Param::from_mapped_value(ParamId::from(id), tensor, mapper)
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        self.requirements.seeded_device = true;
        flag
    }
}

//! What a training step has to do for the layers of a model.

use crate::nn::Parameter;
use crate::nn::layers;

/// What a training step has to do for the layers of a model: read off its modules once it is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepRequirements {
    /// The batch stays whole on the CPU too, where it is cut into microbatches otherwise: a layer computes
    /// across examples, as batch normalisation does.
    pub full_batch: bool,
    /// A layer of burn's own draws from the device's generator in training, as its dropout does: the
    /// generator is seeded for each step.
    pub seeded_device: bool,
    /// A layer of burn's own keeps running statistics, which it notes for each thread: they are
    /// synchronised after each step.
    pub synced_statistics: bool,
}

impl StepRequirements {
    /// The same, and what our own layers with these `parameters` require.
    pub(crate) fn and_of(self, parameters: &[Parameter]) -> Self {
        let full_batch = self.full_batch
            || self.seeded_device
            || self.synced_statistics
            || parameters.iter().any(layers::requires_full_batch);
        Self { full_batch, ..self }
    }
}

//! Initial parameters, all drawn from one seed.
//!
//! Weights: He et al. 2015, as `tf.contrib.layers.variance_scaling_initializer(factor=2.0,
//! mode='FAN_IN', uniform=False)` draws them: a normal of σ = √(1.3 · 2 / fan_in), redrawn outside
//! ±2σ. (1.3 is contrib's constant for what the truncation takes from the deviation.) Biases: 0.
//!
//! ```
//! use burn::tensor::Device;
//! use dytb::Initializer;
//!
//! let mut init = Initializer::new(1, &Device::flex());
//! let weight = init.he_normal([32, 1, 3, 3], 9);
//! assert_eq!(weight.val().dims(), [32, 1, 3, 3]);
//! ```

use burn::module::{Param, ParamId, RunningState};
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::util::random::split_mix64;

/// Draws the parameters of one model, in the order in which its layers ask for them.
pub struct Initializer {
    device: Device,
    seed: u64,
    rng: ChaCha8Rng,
    parameters: u64,
}

impl Initializer {
    /// Parameters on `device`, drawn from `seed`.
    pub fn new(seed: u64, device: &Device) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { device: device.clone(), seed, rng, parameters: 0 }
    }

    /// Where the parameters are made.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Weights of `shape` whose outputs sum `fan_in` inputs each.
    pub fn he_normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        fan_in: usize,
    ) -> Param<Tensor<D>> {
        let sigma = (1.3 * 2.0 / fan_in as f32).sqrt();
        let values = (0..shape.iter().product()).map(|_| sigma * self.truncated_normal()).collect();
        self.parameter(values, shape)
    }

    /// Zeros of `shape`.
    pub fn zeros<const D: usize>(&mut self, shape: [usize; D]) -> Param<Tensor<D>> {
        self.constant(0.0, shape)
    }

    /// `value` everywhere in `shape`.
    pub fn constant<const D: usize>(&mut self, value: f32, shape: [usize; D]) -> Param<Tensor<D>> {
        self.parameter(vec![value; shape.iter().product()], shape)
    }

    /// A buffer of `length` numbers that begin as `value`: running statistics, which are kept and saved with
    /// the parameters but not trained.
    pub fn buffer(&mut self, value: f32, length: usize) -> RunningState<Tensor<1>> {
        self.parameters += 1;
        let tensor = Tensor::full([length], value, &self.device);
        RunningState::with_id(ParamId::from(self.parameters), tensor)
    }

    /// Ids up to this one are those of parameters that this has made.
    pub(crate) fn last_id(&self) -> u64 {
        self.parameters
    }

    /// Seeds the own generator of `device` for the draw `number` of layers that are not drawn from here. It is
    /// the process's: who draws from it holds [`DRAWING`](crate::nn::burn_layers::DRAWING).
    pub(crate) fn seed_device(&self, number: u64, device: &Device) {
        device.seed(split_mix64(self.seed, !number));
    }

    /// A standard normal within ±2.
    fn truncated_normal(&mut self) -> f32 {
        loop {
            let value: f32 = StandardNormal.sample(&mut self.rng);
            if value.abs() <= 2.0 {
                return value;
            }
        }
    }

    /// A trainable parameter. Its id is its number, so that the same model has the same ids in
    /// every process.
    fn parameter<const D: usize>(
        &mut self,
        values: Vec<f32>,
        shape: [usize; D],
    ) -> Param<Tensor<D>> {
        self.parameters += 1;
        let tensor = Tensor::from_data(TensorData::new(values, shape), &self.device);
        let (_, tensor, mapper) = Param::from_tensor(tensor).consume();
        Param::from_mapped_value(ParamId::from(self.parameters), tensor, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64) -> Vec<f32> {
        let weight = Initializer::new(seed, &Device::flex()).he_normal([32, 3, 3, 3], 27);
        weight.val().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn same_seed_same_weights() {
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}

//! Initial parameters, all drawn from one seed.
//!
//! Weights: He et al. 2015, as `tf.contrib.layers.variance_scaling_initializer(factor=2.0,
//! mode='FAN_IN', uniform=False)` draws them: a normal of σ = √(1.3 · 2 / fan_in), redrawn outside
//! ±2σ. (1.3 is contrib's constant for what the truncation takes from the deviation.) Biases: 0.
//!
//! A layer may ask for [another rule](WeightInit).
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
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use crate::util::random::split_mix64;

/// How a layer's weights are drawn. Fan-in: inputs that an output sums; fan-out: outputs that an input is summed into.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum WeightInit {
    /// The normal of σ = √(1.3 · 2 / fan-in) within ±2σ: TensorFlow's for ReLU (He et al. 2015).
    #[default]
    He,
    /// The normal of σ = √(2 / fan-in): PyTorch's `kaiming_normal_` (He et al. 2015).
    KaimingNormal,
    /// The normal of σ = √(2 / fan-out): PyTorch's `kaiming_normal_(mode="fan_out")`.
    KaimingFanOut,
    /// Uniform within ±1 / √fan-in: what PyTorch's layers begin with.
    Torch,
    /// Uniform within ±√(6 / (fan-in + fan-out)): Glorot and Bengio 2010, for tanh.
    Glorot,
    /// The normal of this σ.
    Normal(f32),
}

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

    /// Weights of `shape`, drawn as `rule` says from fan-in and fan-out.
    pub fn weights<const D: usize>(
        &mut self,
        rule: WeightInit,
        shape: [usize; D],
        [fan_in, fan_out]: [usize; 2],
    ) -> Param<Tensor<D>> {
        let normal = |fan: usize| (2.0 / fan as f32).sqrt();
        match rule {
            WeightInit::He => self.he_normal(shape, fan_in),
            WeightInit::KaimingNormal => self.normal(normal(fan_in), shape),
            WeightInit::KaimingFanOut => self.normal(normal(fan_out), shape),
            WeightInit::Torch => self.uniform((1.0 / fan_in as f32).sqrt(), shape),
            WeightInit::Glorot => self.uniform((6.0 / (fan_in + fan_out) as f32).sqrt(), shape),
            WeightInit::Normal(sigma) => self.normal(sigma, shape),
        }
    }

    fn normal<const D: usize>(&mut self, sigma: f32, shape: [usize; D]) -> Param<Tensor<D>> {
        let mut value = || -> f32 { StandardNormal.sample(&mut self.rng) };
        let values = (0..shape.iter().product()).map(|_| sigma * value()).collect();
        self.parameter(values, shape)
    }

    fn uniform<const D: usize>(&mut self, bound: f32, shape: [usize; D]) -> Param<Tensor<D>> {
        let mut value = || bound * (2.0 * self.rng.random::<f32>() - 1.0);
        let values = (0..shape.iter().product()).map(|_| value()).collect();
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

    /// Mean, deviation and largest value of 200,000 weights, three deviations of each around what PyTorch's formulas
    /// say (`torch.nn.init`): a normal, or a uniform of deviation bound / √3.
    #[test]
    fn rules_draw_what_they_say() {
        let (fans, shape) = ([50, 200], [1000, 200]);
        for (rule, deviation, is_uniform) in [
            (WeightInit::KaimingNormal, (2.0f32 / 50.0).sqrt(), false),
            (WeightInit::KaimingFanOut, (2.0f32 / 200.0).sqrt(), false),
            (WeightInit::Normal(0.02), 0.02, false),
            (WeightInit::Torch, (1.0f32 / 50.0).sqrt() / 3.0f32.sqrt(), true),
            (WeightInit::Glorot, (6.0f32 / 250.0).sqrt() / 3.0f32.sqrt(), true),
        ] {
            let weights = Initializer::new(3, &Device::flex()).weights(rule, shape, fans);
            let values: Vec<f32> = weights.val().into_data().try_to_vec().unwrap();
            let n = values.len() as f32;
            let mean = values.iter().sum::<f32>() / n;
            let square = values.iter().map(|x| x * x).sum::<f32>() / n;
            let most = values.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            assert!(mean.abs() < 3.0 * deviation / n.sqrt(), "{rule:?}: {mean}");
            let error = square.sqrt() / deviation - 1.0;
            assert!(error.abs() < 3.0 / (2.0 * n).sqrt(), "{rule:?}: {error}");
            let bound = most / (deviation * 3.0f32.sqrt());
            assert_eq!(is_uniform, (0.999..=1.0001).contains(&bound), "{rule:?}: {bound}");
        }
    }
}

//! Rules that update each number of a parameter by itself, in one sweep over memory.
//!
//! On the CPU the parameter and its slots change where they are: a few numbers of each are read into registers, the
//! whole rule is applied to them, and they are written back; the threads have a part of them each. Operation by operation
//! each would read and write all of them, into new memory. The numbers are the same, to the last bit, however they are
//! shared out.

#[cfg(feature = "cube")]
use burn::tensor::DType;
use burn::tensor::{Tensor, TensorData};

use super::numbers::Numbers;
use super::rows::RowRule;
use super::rule::{ByRule, Rule};
use crate::device::is_cpu;
use crate::ops::simd::{Kernel, LANES, Lanes, Simd, SimdLevel};
use crate::util::parallel::for_items;
use crate::util::tensor::{floats, read};

/// Numbers that a thread has at a time; a parameter of fewer is not shared out.
const PART: usize = 1 << 14;

/// What of a step is the same for all numbers.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// η.
    pub learning_rate: f64,
    /// t; 1 is the first.
    pub number: u64,
}

impl Step {
    /// 1 - βᵗ: what the mean of t values of 1 with the decay β is, from 0.
    pub fn correction(self, beta: f64) -> f64 {
        1.0 - beta.powf(self.number as f64)
    }
}

/// An update rule of which each number of a parameter has to do with its own gradient and slots alone.
pub trait Elementwise<const N: usize>: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// What of a step the rule computes once for all numbers.
    type Factors: Copy + Send + Sync;

    /// What the slots begin as.
    fn initial(&self) -> [f32; N] {
        [0.0; N]
    }

    /// What the numbers have in common in this step.
    fn factors(&self, step: Step) -> Self::Factors;

    /// The next parameter and slots.
    fn update<X: Numbers>(
        &self,
        factors: Self::Factors,
        parameter: X,
        gradient: X,
        slots: [X; N],
    ) -> (X, [X; N]);
}

impl<R: Elementwise<N>, const N: usize> Rule<N> for R {
    fn initial(&self) -> [f32; N] {
        Elementwise::initial(self)
    }

    fn rows(&self) -> Option<Box<dyn RowRule>> {
        Some(Box::new(ByRule(self.clone())))
    }

    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: [Tensor<D>; N],
    ) -> (Tensor<D>, [Tensor<D>; N]) {
        let step = Step { learning_rate, number: step };
        if !is_cpu(&parameter.device()) {
            return on_gpu(self, step, parameter, gradient, slots);
        }
        let factors = self.factors(step);
        let (shape, device) = (parameter.dims(), parameter.device());
        // Ours alone, they are not copied; the gradient, which is only read, need not be.
        let (mut parameter, mut slots) = (floats(parameter), slots.map(floats));
        let gradient = read(gradient);
        let gradient = gradient.as_slice().expect("it is on this side");
        sweep((self, factors), SimdLevel::best(), &mut parameter, gradient, &mut slots);
        let whole = |values| Tensor::from_data(TensorData::new(values, shape), &device);
        (whole(parameter), slots.map(whole))
    }
}

/// The same on a GPU: in one kernel, where this build has ours.
fn on_gpu<R: Elementwise<N>, const N: usize, const D: usize>(
    rule: &R,
    step: Step,
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    slots: [Tensor<D>; N],
) -> (Tensor<D>, [Tensor<D>; N]) {
    #[cfg(feature = "cube")]
    if parameter.dtype() == DType::F32 {
        return super::one_pass::update(rule, step, parameter, gradient, slots);
    }
    rule.update(rule.factors(step), parameter, gradient, slots)
}

impl<R: Elementwise<N>, const N: usize> RowRule for ByRule<R, N> {
    fn initial(&self) -> Vec<f32> {
        Elementwise::initial(&self.0).to_vec()
    }

    fn update(
        &self,
        step: Step,
        parameter: &mut [f32],
        gradient: &[f32],
        slots: &mut [&mut [f32]],
    ) {
        let mut slots = slots.iter_mut();
        let slots = std::array::from_fn(|_| &mut **slots.next().expect("as many as the rule has"));
        let (rule, factors) = (&self.0, self.0.factors(step));
        SimdLevel::best().run(Sweep { rule, factors, parameter, gradient, slots });
    }
}

/// Applies a rule to all numbers of a parameter and its slots, which the threads share.
fn sweep<R: Elementwise<N>, const N: usize>(
    (rule, factors): (&R, R::Factors),
    level: SimdLevel,
    parameter: &mut [f32],
    gradient: &[f32],
    slots: &mut [Vec<f32>; N],
) {
    let mut slot_parts = slots.each_mut().map(|slot| slot.chunks_mut(PART));
    let parts: Vec<_> = parameter
        .chunks_mut(PART)
        .zip(gradient.chunks(PART))
        .map(|(parameter, gradient)| {
            let slots = slot_parts.each_mut().map(|parts| parts.next().expect("as many parts"));
            Sweep { rule, factors, parameter, gradient, slots }
        })
        .collect();
    for_items(parts, &|_, part| level.run(part));
}

/// One thread's part.
struct Sweep<'a, R: Elementwise<N>, const N: usize> {
    rule: &'a R,
    factors: R::Factors,
    parameter: &'a mut [f32],
    gradient: &'a [f32],
    slots: [&'a mut [f32]; N],
}

impl<R: Elementwise<N>, const N: usize> Kernel for Sweep<'_, R, N> {
    // Compiled for each vector unit; the vectors are the compiler's.
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.lanes();
    }

    fn plain(self) {
        self.lanes();
    }
}

impl<R: Elementwise<N>, const N: usize> Sweep<'_, R, N> {
    #[inline(always)]
    fn lanes(mut self) {
        let len = self.parameter.len();
        let whole = len - len % LANES;
        for at in (0..whole).step_by(LANES) {
            self.update(at, LANES);
        }
        if whole < len {
            self.update(whole, len - whole);
        }
    }

    /// The next of `n` numbers from `at` on, as many as there are lanes or fewer.
    // Without closures and zipped iterators: what is not inlined is not compiled for the vector unit.
    #[expect(clippy::needless_range_loop)]
    #[inline(always)]
    fn update(&mut self, at: usize, n: usize) {
        let mut before = [Lanes::ZERO; N];
        for slot in 0..N {
            before[slot] = Lanes::read(&self.slots[slot][at..at + n]);
        }
        let parameter = &mut self.parameter[at..at + n];
        let gradient = Lanes::read(&self.gradient[at..at + n]);
        let (next, after) =
            self.rule.update(self.factors, Lanes::read(parameter), gradient, before);
        next.write(parameter);
        for slot in 0..N {
            after[slot].write(&mut self.slots[slot][at..at + n]);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::super::*;
    use super::*;

    /// Numbers of all sizes, zeros and what is not finite among them.
    fn values(len: usize, seed: u32) -> Vec<f32> {
        let value = |i: u32| match i.wrapping_mul(0x9e37_79b9).wrapping_add(seed) % 97 {
            0 => 0.0,
            1 => -0.0,
            2 => f32::INFINITY,
            3 => f32::NAN,
            4 => 1e-30,
            other => (other as f32 - 50.0) / 37.0,
        };
        (0..len as u32).map(value).collect()
    }

    /// Three steps of `rule` in sweeps, on each vector unit, and as tensors one operation after the other.
    fn compare<R: Elementwise<N>, const N: usize>(rule: R) {
        let device = Device::flex();
        for len in [1, 15, 16, 17, 2 * PART + 5] {
            for level in SimdLevel::available() {
                let mut parameter = values(len, 1);
                let mut slots = Elementwise::initial(&rule).map(|value| vec![value; len]);
                let tensor = |values: &[f32]| {
                    Tensor::<1>::from_data(TensorData::new(values.to_vec(), [len]), &device)
                };
                let mut theirs = (tensor(&parameter), slots.each_ref().map(|slot| tensor(slot)));
                for number in 1..=3 {
                    let gradient = values(len, 7 * number as u32);
                    let factors = rule.factors(Step { learning_rate: 0.01, number });
                    sweep((&rule, factors), level, &mut parameter, &gradient, &mut slots);
                    let (parameter, slots) = theirs;
                    theirs = rule.update(factors, parameter, tensor(&gradient), slots);
                }
                let same = |ours: &[f32], theirs: Tensor<1>| {
                    let is_same = |(a, b): (&f32, f32)| {
                        a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
                    };
                    ours.iter().zip(floats(theirs)).all(is_same)
                };
                let all = slots.iter().zip(theirs.1).all(|(ours, theirs)| same(ours, theirs));
                assert!(same(&parameter, theirs.0) && all, "{rule:?}: {len} on {level:?}");
            }
        }
    }

    #[test]
    fn a_sweep_has_the_bits_of_the_operations() {
        let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
        let (beta_1, beta_2, weight_decay) = (beta1, beta2, 0.1);
        let initial_accumulator_value = 0.1;
        let (l1_regularization_strength, l2_regularization_strength) = (0.05, 0.2);
        compare(Adadelta { rho: 0.95, epsilon });
        compare(Adagrad { initial_accumulator_value });
        compare(AdagradDA {
            initial_gradient_squared_accumulator_value: 0.1,
            l1_regularization_strength,
            l2_regularization_strength,
        });
        compare(Adam { beta1, beta2, epsilon });
        compare(AdamW { beta_1, beta_2, epsilon, weight_decay });
        compare(Adan { beta_1, beta_2, beta_3: 0.99, epsilon, weight_decay });
        for learning_rate_power in [-0.5, -0.3, -2.0, -1.0, 0.0] {
            compare(Ftrl {
                learning_rate_power,
                initial_accumulator_value,
                l1_regularization_strength,
                l2_regularization_strength,
                l2_shrinkage_regularization_strength: 0.1,
            });
        }
        compare(GradientDescent {});
        compare(Lion { beta_1, beta_2, weight_decay });
        for flag in [false, true] {
            compare(Momentum { momentum: 0.9, use_nesterov: flag });
            compare(RMSProp { decay: 0.9, momentum: 0.5, epsilon, centered: flag });
        }
        compare(ProximalGradientDescent { l1_regularization_strength, l2_regularization_strength });
        compare(ProximalAdagrad {
            initial_accumulator_value,
            l1_regularization_strength,
            l2_regularization_strength,
        });
    }
}

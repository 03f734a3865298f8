//! An update rule as TensorFlow's kernels write it, and the way from there to burn.
//!
//! A rule maps (η, t, θ, g, slots) to (θ', slots'): learning rate η, step t (1 is the first),
//! parameter θ, gradient g of the same shape, and N slots of the same shape, which begin as
//! constants.

use std::fmt::Debug;

use burn::optim::LearningRate;
use burn::optim::{Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

use crate::device::is_cpu;
use crate::util::tensor::floats;

/// From this many numbers on a parameter is updated in parts on the CPU.
const PARALLEL_MIN_LEN: usize = 1 << 17;
/// Numbers in a part: a few slots of as many stay in the second cache.
const PART_LEN: usize = 1 << 14;

/// An update rule with `N` slots for each parameter.
pub trait Rule<const N: usize>: Clone + Debug + Send + Sync + 'static {
    /// Whether each number of a parameter is updated by itself, so that the CPU's threads can have a
    /// part of them each.
    const ELEMENTWISE: bool = true;

    /// What the slots begin as.
    fn initial(&self) -> [f32; N] {
        [0.0; N]
    }

    /// The next parameter and slots. `step` is 1 at first.
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        slots: [Tensor<D>; N],
    ) -> (Tensor<D>, [Tensor<D>; N]);
}

/// A [`Rule`] as an optimizer of burn's.
#[derive(Clone, Debug)]
pub struct ByRule<R, const N: usize>(pub R);

/// What a rule keeps of one parameter.
#[derive(Clone, Debug)]
pub struct Slots<const D: usize, const N: usize> {
    step: u64,
    tensors: [Tensor<D>; N],
}

impl<R: Rule<N>, const N: usize> Optimizer for ByRule<R, N> {
    type State<const D: usize> = Slots<D, N>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Slots<D, N>>,
    ) -> (Tensor<D>, Option<Slots<D, N>>) {
        let Slots { step, tensors } = state.unwrap_or_else(|| Slots {
            step: 0,
            tensors: self.0.initial().map(|value| gradient.full_like(value)),
        });
        let step = step + 1;
        let many = parameter.shape().num_elements() >= PARALLEL_MIN_LEN;
        let (parameter, tensors) = match R::ELEMENTWISE && many && is_cpu(&parameter.device()) {
            true => apply_in_parts(&self.0, learning_rate, step, parameter, gradient, tensors),
            false => self.0.apply(learning_rate, step, parameter, gradient, tensors),
        };
        (parameter, Some(Slots { step, tensors }))
    }

    fn to_device<const D: usize>(state: Slots<D, N>, device: &Device) -> Slots<D, N> {
        Slots { step: state.step, tensors: state.tensors.map(|tensor| tensor.to_device(device)) }
    }
}

/// [`Rule::apply`] on parts that stay in the cache from the rule's first operation to its last,
/// shared out among the threads. Each number is what it is without parts.
fn apply_in_parts<R: Rule<N>, const D: usize, const N: usize>(
    rule: &R,
    learning_rate: f64,
    step: u64,
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    slots: [Tensor<D>; N],
) -> (Tensor<D>, [Tensor<D>; N]) {
    let (shape, device) = (parameter.dims(), parameter.device());
    // The parameter and the slots are ours, and change where they are; the gradient may be somebody
    // else's as well, and is only read.
    let gradient = gradient.reshape([parameter.shape().num_elements()]);
    let mut parameter = floats(parameter);
    let mut slots = slots.map(floats);
    let mut slot_parts = slots.each_mut().map(|slot| slot.chunks_mut(PART_LEN));
    let parts: Vec<_> = parameter
        .chunks_mut(PART_LEN)
        .map(|part| (part, slot_parts.each_mut().map(|parts| parts.next().expect("as many parts"))))
        .collect();
    parts.into_par_iter().enumerate().for_each(|(number, (parameter, slots))| {
        let tensor = |values: &[f32]| {
            Tensor::<1>::from_data(TensorData::new(values.to_vec(), [values.len()]), &device)
        };
        let gradient = gradient.clone().narrow(0, number * PART_LEN, parameter.len());
        let given = slots.each_ref().map(|slot| tensor(slot));
        let (next, next_slots) =
            rule.apply(learning_rate, step, tensor(parameter), gradient, given);
        parameter.copy_from_slice(&floats(next));
        for (slot, next) in slots.into_iter().zip(next_slots) {
            slot.copy_from_slice(&floats(next));
        }
    });
    let whole = |values| Tensor::from_data(TensorData::new(values, shape), &device);
    (whole(parameter), slots.map(whole))
}

impl<const D: usize, const N: usize> RecordState for Slots<D, N> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_scalar(prefix, "step", self.step.into());
        for (number, tensor) in self.tensors.iter().enumerate() {
            out.push_tensor(prefix, &format!("slot{number}"), tensor.to_data());
        }
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let step = source.take_scalar(prefix, "step")?.try_into().ok()?;
        let tensors: Option<Vec<_>> = (0..N)
            .map(|number| source.take_tensor(prefix, &format!("slot{number}")))
            .map(|data| data.map(|data| Tensor::from_data(data, device)))
            .collect();
        Some(Self { step, tensors: tensors?.try_into().ok()? })
    }
}

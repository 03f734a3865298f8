//! An update rule as TensorFlow's kernels write it, and the way from there to burn.
//!
//! A rule maps (η, t, θ, g, slots) to (θ', slots'): learning rate η, step t (1 is the first),
//! parameter θ, gradient g of the same shape, and N slots of the same shape, which begin as
//! constants.

use std::fmt::Debug;

use burn::optim::LearningRate;
use burn::optim::{Optimizer, RecordState, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

use super::RowRule;

/// An update rule with `N` slots for each parameter.
pub trait Rule<const N: usize>: Clone + Debug + Send + Sync + 'static {
    /// What the slots begin as.
    fn initial(&self) -> [f32; N] {
        [0.0; N]
    }

    /// The same rule for numbers wherever they are, if each has to do with its own gradient and slots alone.
    fn rows(&self) -> Option<Box<dyn RowRule>> {
        None
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
        let (parameter, tensors) = self.0.apply(learning_rate, step, parameter, gradient, tensors);
        (parameter, Some(Slots { step, tensors }))
    }

    fn to_device<const D: usize>(state: Slots<D, N>, device: &Device) -> Slots<D, N> {
        Slots { step: state.step, tensors: state.tensors.map(|tensor| tensor.to_device(device)) }
    }
}

impl<const D: usize, const N: usize> RecordState for Slots<D, N> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_scalar(prefix, "step", self.step.into());
        for (number, tensor) in self.tensors.iter().enumerate() {
            out.push_tensor(prefix, &format!("slot{number}"), tensor.to_data());
        }
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, _: &Device) -> Option<Self> {
        // Not burn's default device: that is a GPU wherever a build may have one, there or not. The first step brings
        // them to where the parameter is.
        let device = Device::flex();
        let step = source.take_scalar(prefix, "step")?.try_into().ok()?;
        let tensors: Option<Vec<_>> = (0..N)
            .map(|number| source.take_tensor(prefix, &format!("slot{number}")))
            .map(|data| data.map(|data| Tensor::from_data(data, &device)))
            .collect();
        Some(Self { step, tensors: tensors?.try_into().ok()? })
    }
}

//! A rule's step on a GPU: one kernel a parameter, which reads and writes each number once.
//!
//! The kernel is compiled from the rule's [`Program`] when it is first needed; operation by operation burn would launch
//! a dozen, each of which reads and writes all numbers.

#![expect(clippy::type_complexity, reason = "burn's macro reads types as they are written")]

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::trace::{Operation, Program, trace};
use super::{Elementwise, Step};
use crate::ops::cube::tensor::{buffer, cubes, empty_like};

/// Slots that a rule may have.
const SLOTS: usize = 4;

/// The program of a step and its scalars.
#[derive(Clone, Debug)]
pub struct Update {
    program: Program,
    scalars: Vec<f32>,
}

/// The parameter and the slots after a step.
pub type Updated<T> = (T, (T, T, T, T));

/// Backends that go through a parameter and its slots once.
#[backend_extension(Cube)]
pub trait OnePass: Backend {
    /// The new parameter and slots; of a rule with fewer slots the others are anything.
    fn update_in_one_pass(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        slot0: FloatTensor<Self>,
        slot1: FloatTensor<Self>,
        slot2: FloatTensor<Self>,
        slot3: FloatTensor<Self>,
        update: Update,
    ) -> (
        FloatTensor<Self>,
        (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>),
    );
}

/// The parameter and the slots after `step`, f32 on a GPU.
pub fn update<R: Elementwise<N>, const N: usize, const D: usize>(
    rule: &R,
    step: Step,
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    slots: [Tensor<D>; N],
) -> (Tensor<D>, [Tensor<D>; N]) {
    const { assert!(N <= SLOTS, "a rule has no more slots") };
    let factors = rule.factors(step);
    let (program, scalars) = trace(2 + N, |numbers| {
        let mut numbers = numbers.into_iter();
        let mut next = || numbers.next().expect("as many as there are");
        let (parameter, gradient) = (next(), next());
        let (parameter, slots) =
            rule.update(factors, parameter, gradient, std::array::from_fn(|_| next()));
        std::iter::once(parameter).chain(slots)
    });
    let mut given = slots.into_iter().map(Tensor::into_dispatch);
    // Where there is no slot: the parameter lies in order, which the gradient may have to be brought in.
    let filler = parameter.clone().into_dispatch();
    let [slot0, slot1, slot2, slot3] =
        std::array::from_fn(|_| given.next().unwrap_or(filler.clone()));
    let (parameter, gradient) = (parameter.into_dispatch(), gradient.into_dispatch());
    let update = Update { program, scalars };
    let (parameter, (slot0, slot1, slot2, slot3)) =
        Dispatch::update_in_one_pass(parameter, gradient, slot0, slot1, slot2, slot3, update);
    let mut slots = [slot0, slot1, slot2, slot3].into_iter().map(Tensor::from_dispatch);
    (
        Tensor::from_dispatch(parameter),
        std::array::from_fn(|_| slots.next().expect("as many slots as there may be")),
    )
}

impl OnePass for CubeBackend {
    fn update_in_one_pass(
        parameter: CubeTensor,
        gradient: CubeTensor,
        slot0: CubeTensor,
        slot1: CubeTensor,
        slot2: CubeTensor,
        slot3: CubeTensor,
        Update { program, scalars }: Update,
    ) -> Updated<CubeTensor> {
        let slots = program.results.len() - 1;
        let read = [parameter, gradient, slot0, slot1, slot2, slot3].map(into_contiguous);
        let parameter = empty_like(&read[0]);
        // A kernel has as many buffers as it has parameters, whether it uses them or not.
        let written: [CubeTensor; SLOTS] = std::array::from_fn(|slot| match slot < slots {
            true => empty_like(&parameter),
            false => parameter.clone(),
        });
        let (count, size) = cubes(&parameter, parameter.meta.shape().num_elements());
        let [old, gradient, slot0, slot1, slot2, slot3] = read.each_ref().map(buffer);
        let [new0, new1, new2, new3] = written.each_ref().map(buffer);
        update_kernel::launch(
            &parameter.client,
            count,
            size,
            old,
            gradient,
            slot0,
            slot1,
            slot2,
            slot3,
            buffer(&parameter),
            new0,
            new1,
            new2,
            new3,
            scalars.into_iter().collect(),
            program,
            slots,
        );
        let [slot0, slot1, slot2, slot3] = written;
        (parameter, (slot0, slot1, slot2, slot3))
    }
}

#[cube(launch)]
fn update_kernel(
    parameter: &[f32],
    gradient: &[f32],
    slot0: &[f32],
    slot1: &[f32],
    slot2: &[f32],
    slot3: &[f32],
    new_parameter: &mut [f32],
    new0: &mut [f32],
    new1: &mut [f32],
    new2: &mut [f32],
    new3: &mut [f32],
    scalars: Sequence<f32>,
    #[comptime] program: Program,
    #[comptime] slots: usize,
) {
    if ABSOLUTE_POS >= new_parameter.len() {
        terminate!();
    }
    let mut numbers = Sequence::<f32>::new();
    numbers.push(parameter[ABSOLUTE_POS]);
    numbers.push(gradient[ABSOLUTE_POS]);
    if comptime!(slots > 0) {
        numbers.push(slot0[ABSOLUTE_POS]);
    }
    if comptime!(slots > 1) {
        numbers.push(slot1[ABSOLUTE_POS]);
    }
    if comptime!(slots > 2) {
        numbers.push(slot2[ABSOLUTE_POS]);
    }
    if comptime!(slots > 3) {
        numbers.push(slot3[ABSOLUTE_POS]);
    }
    #[unroll]
    for step in 0..comptime!(program.operations.len()) {
        let result = apply(&numbers, &scalars, comptime!(program.operations[step]));
        numbers.push(result);
    }
    new_parameter[ABSOLUTE_POS] = numbers[comptime!(program.results[0])];
    if comptime!(slots > 0) {
        new0[ABSOLUTE_POS] = numbers[comptime!(program.results[1])];
    }
    if comptime!(slots > 1) {
        new1[ABSOLUTE_POS] = numbers[comptime!(program.results[2])];
    }
    if comptime!(slots > 2) {
        new2[ABSOLUTE_POS] = numbers[comptime!(program.results[3])];
    }
    if comptime!(slots > 3) {
        new3[ABSOLUTE_POS] = numbers[comptime!(program.results[4])];
    }
}

#[cube]
fn apply(
    numbers: &Sequence<f32>,
    scalars: &Sequence<f32>,
    #[comptime] operation: Operation,
) -> f32 {
    match operation {
        Operation::Add(x, y) => numbers[x] + numbers[y],
        Operation::Sub(x, y) => numbers[x] - numbers[y],
        Operation::Mul(x, y) => numbers[x] * numbers[y],
        Operation::Div(x, y) => numbers[x] / numbers[y],
        Operation::AddScalar(x, s) => numbers[x] + scalars[s],
        Operation::SubScalar(x, s) => numbers[x] - scalars[s],
        Operation::MulScalar(x, s) => numbers[x] * scalars[s],
        Operation::DivScalar(x, s) => numbers[x] / scalars[s],
        Operation::Sqrt(x) => numbers[x].sqrt(),
        Operation::Abs(x) => numbers[x].abs(),
        Operation::Sign(x) => {
            let value = numbers[x];
            select(value > 0.0, 1.0f32, select(value < 0.0, -1.0f32, 0.0f32))
        }
        Operation::Recip(x) => 1.0f32 / numbers[x],
        Operation::Power(x, s) => numbers[x].powf(scalars[s]),
        Operation::AtLeast(x, s) => select(numbers[x] < scalars[s], scalars[s], numbers[x]),
        Operation::ZeroWhereAtMost(x, test, s) => {
            select(numbers[test] <= scalars[s], 0.0f32, numbers[x])
        }
        Operation::Fill(s) => scalars[s],
    }
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::{any, assemble_for_cards};
    use crate::optim::trace::Operation::*;

    #[test]
    fn cards() {
        // Every operation once, each of what came before it.
        let operations = vec![
            Add(0, 1),
            Sub(6, 2),
            Mul(7, 3),
            AddScalar(8, 0),
            SubScalar(9, 0),
            MulScalar(10, 0),
            DivScalar(11, 0),
            Abs(12),
            Sqrt(13),
            Sign(14),
            AtLeast(15, 0),
            Recip(16),
            Power(17, 0),
            ZeroWhereAtMost(18, 4, 0),
            Fill(0),
            Div(19, 20),
        ];
        let program = Program { operations, results: vec![21, 16, 17, 18, 19] };
        assemble_for_cards!(
            "a rule",
            update_kernel::UpdateKernel,
            any(),
            any(),
            any(),
            any(),
            any(),
            any(),
            any(),
            any(),
            any(),
            any(),
            any(),
            [()].into_iter().collect(),
            program.clone(),
            SLOTS
        );
    }
}

//! The products of a dense layer over a batch, shared out among threads.

use super::kernels::{Forward, InputGradient};
use crate::ops::Activation;
use crate::ops::conv::kernels::Outer;
use crate::ops::parallel::{LARGE_MICROBATCH, MICROBATCH, for_microbatches};
use crate::ops::recycled::Recycled;
use crate::ops::simd::{Derive, MAX_LANES, SimdLevel};
use crate::ops::sums::sums_of_columns;
use crate::util::parallel::for_items;

/// Rows of the weight's gradient that a thread computes at a time, at least: the gradients of all examples are
/// copied together once for them.
pub const ROWS: usize = 144;

/// What the weight's gradient is made of: dW = xᵀ dz, db = Σ dz over the examples.
#[derive(Debug, PartialEq)]
pub struct Operands {
    /// `[examples, inputs]`.
    pub x: Recycled,
    /// `[examples, outputs]`: the gradient before the activation.
    pub dz: Recycled,
    /// Outputs of the layer.
    pub outputs: usize,
}

impl Operands {
    /// Those of no example.
    pub fn none(outputs: usize) -> Self {
        Self { x: Recycled::default(), dz: Recycled::default(), outputs }
    }

    /// Those of all examples of `parts`, in their order.
    ///
    /// # Panics
    /// When there is none.
    pub fn concat(parts: &[Self]) -> Self {
        let all = |values: fn(&Self) -> &[f32]| {
            Recycled::concat(&parts.iter().map(values).collect::<Vec<_>>())
        };
        Self { x: all(|part| &part.x), dz: all(|part| &part.dz), outputs: parts[0].outputs }
    }

    /// How many examples there are.
    pub fn examples(&self) -> usize {
        self.dz.len() / self.outputs
    }

    /// `[outputs]`: the gradient of the bias.
    pub fn bias_gradient(&self) -> Vec<f32> {
        sums_of_columns(&self.dz, self.outputs)
    }
}

/// Examples for which a thread reads the weights once: no bit of theirs depends on it. The threads share a batch, but not
/// the few of a microbatch, of which each has its own.
fn examples_at_a_time(examples: usize) -> usize {
    let share = examples.div_ceil(rayon::current_num_threads());
    share.clamp(2 * MICROBATCH, LARGE_MICROBATCH)
}

/// `[batch, outputs]`: the activated sums of `x` `[batch, inputs]`.
pub(super) fn forward(
    level: SimdLevel,
    activation: Activation,
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
) -> Recycled {
    let (outputs, inputs) = (bias.len(), weight.len() / bias.len());
    let mut y = Recycled::unset(x.len() / inputs * outputs);
    let each = examples_at_a_time(x.len() / inputs);
    for_microbatches(&mut y, each * outputs, |group, y| {
        let x = &x[group * each * inputs..][..y.len() / outputs * inputs];
        level.run(Forward { x, weight, bias, activation, y });
    });
    y
}

/// `[batch, outputs]`: the gradient before the activation, whose `output` has this `gradient`.
pub(super) fn derived(
    level: SimdLevel,
    activation: Activation,
    gradient: &[f32],
    output: &[f32],
) -> Recycled {
    if activation == Activation::Identity {
        return Recycled::copy_of(gradient);
    }
    let mut dz = Recycled::unset(output.len());
    level.run(Derive { activation, gradient, output, out: &mut dz });
    dz
}

/// `[batch, inputs]`: the gradient of the input.
pub(super) fn backward_input(
    level: SimdLevel,
    dz: &[f32],
    weight: &[f32],
    outputs: usize,
) -> Recycled {
    let inputs = weight.len() / outputs;
    let mut dx = Recycled::unset(dz.len() / outputs * inputs);
    let each = examples_at_a_time(dz.len() / outputs);
    for_microbatches(&mut dx, each * inputs, |group, dx| {
        let dz = &dz[group * each * outputs..][..dx.len() / inputs * outputs];
        level.run(InputGradient { dz, weight, outputs, dx });
    });
    dx
}

/// Adds to the rows `dw` `[rows, outputs]` of the weight's gradient, from the row `first` on. Each number is one sum
/// in the order of the examples: it depends neither on the threads nor on which rows are asked for.
///
/// # Panics
/// When the weight has fewer rows.
pub fn weight_gradient(level: SimdLevel, operands: &Operands, first: usize, dw: &mut [f32]) {
    let outputs = operands.outputs;
    let rows = dw.len() / outputs;
    let each = rows.div_ceil(rayon::current_num_threads()).max(ROWS);
    for_items(dw.chunks_mut(each * outputs), &|number, dw| {
        rows_of_gradient(level, operands, first + number * each, dw);
    });
}

/// The same on this thread, for about [`ROWS`] rows.
///
/// # Panics
/// When the weight has fewer rows.
pub fn rows_of_gradient(level: SimdLevel, operands: &Operands, first: usize, dw: &mut [f32]) {
    let outputs = operands.outputs;
    let pitch = outputs.next_multiple_of(MAX_LANES);
    if pitch == outputs {
        return rows_of_whole_vectors(level, operands, first, dw);
    }
    // The kernel writes whole vectors.
    let mut padded = vec![0.0; dw.len() / outputs * pitch];
    rows_of_whole_vectors(level, operands, first, &mut padded);
    for (dw, sums) in dw.chunks_exact_mut(outputs).zip(padded.chunks_exact(pitch)) {
        dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
    }
}

/// Adds to the rows `out` of the weight's gradient, of whole vectors, from the row `from` on.
fn rows_of_whole_vectors(level: SimdLevel, operands: &Operands, from: usize, out: &mut [f32]) {
    let Operands { x, dz, outputs } = operands;
    let examples = operands.examples();
    let rows = out.len() / outputs.next_multiple_of(MAX_LANES);
    let taps: Vec<_> = (from..from + rows).collect();
    level.run(Outer {
        vectors: dz,
        activation: Activation::Identity,
        output: &[],
        channels: *outputs,
        rows: 1,
        columns: examples,
        values: x,
        taps: &taps,
        row: 0,
        pixel: x.len() / examples,
        out,
        sums: None,
    });
}

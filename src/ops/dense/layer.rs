//! The products of a dense layer over a batch, shared out among threads.

use super::blocks::{input_gradient, rows_of_gradient};
use super::kernels::{Forward, InputGradient};
use super::operands::Operands;
use crate::ops::Activation;
use crate::ops::parallel::{LARGE_MICROBATCH, MICROBATCH, for_microbatches};
use crate::ops::recycled::Recycled;
use crate::ops::simd::{Derive, SimdLevel};
use crate::util::parallel::for_items;

/// Rows of the weight's gradient that a thread computes at a time: whole blocks, that stay in the second cache until they are
/// used.
pub const ROWS: usize = 144;
/// Examples from which on the gradient of the input is computed with vectors of them: of 16, which are one vector, it takes as
/// long as with vectors of outputs. (`benches/peer.rs`, a Xeon with AVX-512: LeNetBN 1.10 with it, LeNet with 16 examples 0.94.)
const MANY_EXAMPLES: usize = 2 * MICROBATCH;

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
    if dz.len() / outputs >= MANY_EXAMPLES {
        return input_gradient(level, dz, weight, outputs);
    }
    let mut dx = Recycled::unset(dz.len() / outputs * inputs);
    level.run(InputGradient { dz, weight, outputs, dx: &mut dx });
    dx
}

/// Adds to the rows `dw` `[rows, outputs]` of the weight's gradient, from the row `first` on. Each number is one sum
/// in the order of the examples: it depends neither on the threads nor on which rows are asked for.
///
/// # Panics
/// When the weight has fewer rows.
pub fn weight_gradient(level: SimdLevel, operands: &Operands, first: usize, dw: &mut [f32]) {
    for_items(dw.chunks_mut(ROWS * operands.outputs()), &|number, dw| {
        rows_of_gradient(level, operands, first + number * ROWS, dw);
    });
}

/// `[inputs, outputs]`: the same of all rows.
pub(super) fn whole_weight_gradient(level: SimdLevel, operands: &Operands) -> Recycled {
    let mut dw = Recycled::unset(operands.inputs() * operands.outputs());
    for_items(dw.chunks_mut(ROWS * operands.outputs()), &|number, dw| {
        dw.fill(0.0);
        rows_of_gradient(level, operands, number * ROWS, dw);
    });
    dw
}

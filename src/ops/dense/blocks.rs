//! The products of the backward pass of a dense layer, in blocks that stay in the caches.
//!
//! ```text
//! dxᵀ[i][e] = Σ_o weight[i][o] dzᵀ[o][e]          input_gradient: of many examples
//! dW[i][o] += Σ_e x[e][i] dz[e][o]                rows_of_gradient
//! ```
//!
//! The rows of x are often a power of two apart, on lines that the first cache cannot keep beside each other; so those of a
//! block are copied together first. Each number is one sum in the order of what it is summed over: it depends neither on the
//! blocks nor on the threads.

use super::operands::Operands;
use crate::ops::layout::{SQUARE, transpose};
use crate::ops::product::{PANEL, Product, Strided, matrix_pitch, panels_pitch, pitch};
use crate::ops::recycled::Recycled;
use crate::ops::simd::{MAX_LANES, SimdLevel};
use crate::ops::spare::Spare;
use crate::util::parallel::for_items;

/// Rows of the weight, or of its gradient, in a block: four tiles of the widest unit.
const ROWS: usize = 48;

/// A block that no thread is using.
static SPARE: Spare<Vec<f32>> = Spare::new();

/// Calls `work` with a block of `n` numbers.
fn with_block<T>(n: usize, work: impl FnOnce(&mut [f32]) -> T) -> T {
    let mut block = SPARE.take();
    block.resize(n.max(block.len()), 0.0);
    let made = work(&mut block[..n]);
    SPARE.give_back(block);
    made
}

/// `[examples, columns]` in panels of its columns, zeros beyond the last one.
pub(super) fn panels(matrix: &[f32], columns: usize) -> Recycled {
    let examples = matrix.len() / columns;
    let mut out = Recycled::unset(panels_pitch(examples, columns));
    for (e, row) in matrix.chunks_exact(columns).enumerate() {
        for (panel, values) in row.chunks(PANEL).enumerate() {
            let out = &mut out[(panel * examples + e) * PANEL..][..PANEL];
            out[..values.len()].copy_from_slice(values);
            out[values.len()..].fill(0.0);
        }
    }
    out
}

/// Adds to the rows `dw` `[rows, outputs]` of the weight's gradient, from the row `first` on, on this thread.
///
/// # Panics
/// When the weight has fewer rows.
pub fn rows_of_gradient(level: SimdLevel, operands: &Operands, first: usize, dw: &mut [f32]) {
    let of_block = ROWS * operands.outputs();
    let blocks = dw.chunks_mut(of_block).enumerate();
    blocks.for_each(|(number, dw)| block_of_gradient(level, operands, first + number * ROWS, dw));
}

/// The same to those of a block.
fn block_of_gradient(level: SimdLevel, operands: &Operands, first: usize, dw: &mut [f32]) {
    let [outputs, examples, inputs] = [operands.outputs(), operands.examples(), operands.inputs()];
    let rows = dw.len() / outputs;
    with_block(matrix_pitch(examples, rows), |block| {
        let out = block.chunks_exact_mut(pitch(rows));
        for (x, out) in operands.x().chunks_exact(inputs).zip(out) {
            out[..rows].copy_from_slice(&x[first..first + rows]);
        }
        let a = Strided::columns(block, rows);
        let b = Strided::panels(operands.dz_in_panels(), examples);
        let (shape, out_row) = ([rows, examples, outputs], outputs.next_multiple_of(MAX_LANES));
        if out_row == outputs {
            return level.run(Product { shape, a, b, out: dw, out_row, adds: true });
        }
        // A product writes whole vectors.
        with_block(rows * out_row, |out| {
            level.run(Product { shape, a, b, out: &mut *out, out_row, adds: false });
            for (dw, sums) in dw.chunks_exact_mut(outputs).zip(out.chunks_exact(out_row)) {
                dw.iter_mut().zip(sums).for_each(|(dw, sum)| *dw += sum);
            }
        });
    });
}

/// `[examples, inputs]`: the gradient of the input from `dz` `[examples, outputs]`, with vectors of examples: the weights
/// `[inputs, outputs]` are read number by number, once, by all threads that are idle.
pub(super) fn input_gradient(
    level: SimdLevel,
    dz: &[f32],
    weight: &[f32],
    outputs: usize,
) -> Recycled {
    let (examples, inputs) = (dz.len() / outputs, weight.len() / outputs);
    let dz = panels_of_examples(dz, outputs);
    let row = pitch(examples);
    let mut transposed = Recycled::unset(inputs * row);
    let block = |number: usize, out: &mut [f32]| {
        let rows = out.len() / row;
        let weight = &weight[number * ROWS * outputs..][..rows * outputs];
        let (a, b) = (Strided::rows_apart(weight, outputs), Strided::panels(&dz, outputs));
        let shape = [rows, outputs, examples];
        level.run(Product { shape, a, b, out, out_row: row, adds: false });
    };
    for_items(transposed.chunks_mut(ROWS * row), &block);
    let mut dx = Recycled::unset(examples * inputs);
    let back = |number: usize, dx: &mut [f32]| {
        let from = &transposed[number * SQUARE..];
        transpose([inputs, dx.len() / inputs], (from, row), (dx, inputs));
    };
    for_items(dx.chunks_mut(SQUARE * inputs), &back);
    dx
}

/// `[examples, outputs]` as `[examples / PANEL, outputs, PANEL]`: zeros beyond the last example.
fn panels_of_examples(dz: &[f32], outputs: usize) -> Recycled {
    let n = PANEL * outputs;
    let mut out = Recycled::unset(panels_pitch(outputs, dz.len() / outputs));
    for (dz, panel) in dz.chunks(n).zip(out.chunks_mut(n)) {
        let examples = dz.len() / outputs;
        if examples < PANEL {
            panel.fill(0.0);
        }
        transpose([examples, outputs], (dz, outputs), (panel, PANEL));
    }
    out
}

//! Kernels of a layer's weights, a few at a time, from the order in which they are given to that in which they are
//! multiplied and back.
//!
//! The weights are `[outputs, inputs, taps]`, and a product has a matrix for each tap, of inputs and outputs: numbers that lie
//! side by side in one are far apart in the other, on the same few lines of the cache. So some kernels are copied together
//! first.

use std::ops::Range;

use crate::ops::product::{PANEL, panels_pitch};
use crate::ops::simd::MAX_LANES;

/// Rows in a block.
const ROWS: usize = 16;

/// The rows and columns of a block, of a matrix with a kernel at each place.
#[derive(Clone)]
pub(super) struct Block {
    pub rows: Range<usize>,
    /// A vector of them at most.
    pub columns: Range<usize>,
}

/// The blocks of a matrix of `rows` and `columns`.
pub(super) fn blocks(rows: usize, columns: usize) -> impl Iterator<Item = Block> {
    (0..rows).step_by(ROWS).flat_map(move |row| {
        (0..columns).step_by(MAX_LANES).map(move |column| Block {
            rows: row..rows.min(row + ROWS),
            columns: column..columns.min(column + MAX_LANES),
        })
    })
}

/// Rows and columns of the matrix of each tap of `[outputs, inputs]` kernels, and how many kernels it is from one to the
/// next; or those of its transpose.
pub(super) fn places([outputs, inputs]: [usize; 2], transposed: bool) -> ([usize; 2], [usize; 2]) {
    match transposed {
        false => ([inputs, outputs], [1, inputs]),
        true => ([outputs, inputs], [inputs, 1]),
    }
}

/// Ranges of the columns of matrices of this shape, each with its part of all the matrices of `values`, which lie in panels of
/// their columns one after the other.
pub(super) fn parts_of_panels(
    values: &mut [f32],
    [rows, columns]: [usize; 2],
) -> Vec<(Range<usize>, Vec<&mut [f32]>)> {
    let starts = (0..columns).step_by(PANEL);
    let mut parts: Vec<_> =
        starts.map(|start| (start..columns.min(start + PANEL), Vec::new())).collect();
    for matrix in values.chunks_exact_mut(panels_pitch(rows, columns)) {
        let panels = matrix.chunks_exact_mut(rows * PANEL);
        parts.iter_mut().zip(panels).for_each(|((_, part), panel)| part.push(panel));
    }
    parts
}

/// The kernels of a block.
pub(super) struct KernelBlock {
    taps: usize,
    /// `[columns, rows, taps]`.
    values: Vec<f32>,
}

impl KernelBlock {
    /// For kernels of so many `taps`.
    pub fn new(taps: usize) -> Self {
        Self { taps, values: vec![0.0; MAX_LANES * ROWS * taps] }
    }

    /// The kernel of this row and column of the block.
    #[inline(always)]
    pub fn kernel(&self, row: usize, column: usize) -> &[f32] {
        &self.values[(column * ROWS + row) * self.taps..][..self.taps]
    }

    /// The weights under `tap` of the kernels of this row, column by column.
    pub fn under(&self, tap: usize, row: usize) -> impl Iterator<Item = &f32> {
        self.values[row * self.taps + tap..].iter().step_by(ROWS * self.taps)
    }

    /// The same, to be written.
    pub fn under_mut(&mut self, tap: usize, row: usize) -> impl Iterator<Item = &mut f32> {
        self.values[row * self.taps + tap..].iter_mut().step_by(ROWS * self.taps)
    }

    /// A kernel, to be written.
    #[inline(always)]
    pub fn kernel_mut(&mut self, row: usize, column: usize) -> &mut [f32] {
        &mut self.values[(column * ROWS + row) * self.taps..][..self.taps]
    }

    /// Reads those of `block` from `weight`, whose rows and columns are so many kernels apart.
    pub fn read(&mut self, block: &Block, weight: &[f32], [row, column]: [usize; 2]) {
        // Those that lie together at once.
        let run = if row == 1 { block.rows.len() } else { 1 };
        for (c, place) in block.columns.clone().enumerate() {
            for (r, at) in block.rows.clone().enumerate().step_by(run) {
                let to = &mut self.values[(c * ROWS + r) * self.taps..][..run * self.taps];
                to.copy_from_slice(
                    &weight[(place * column + at * row) * self.taps..][..run * self.taps],
                );
            }
        }
    }

    /// Writes those of `block` to `weight`, whose columns have kernels of so many `rows`.
    pub fn write(&self, block: &Block, weight: &mut [f32], rows: usize) {
        let n = block.rows.len() * self.taps;
        for (c, place) in block.columns.clone().enumerate() {
            let to = &mut weight[(place * rows + block.rows.start) * self.taps..][..n];
            to.copy_from_slice(&self.values[c * ROWS * self.taps..][..n]);
        }
    }
}

//! The weights in the transformed domain, and their gradient back from there.
//!
//! ```text
//! U[p][c][k] = (G w[k][c] Gᵀ)[p]      dw[k][c] = Gᵀ dU[·][c][k] G
//! ```
//!
//! U lies in panels, as it is and transposed: each of the two products with it has its columns in vectors.

// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

use std::marker::PhantomData;
use std::ops::Range;

use super::tile::Tile;
use super::transforms::{both_ways, kernel};
use crate::ops::conv::kernel_block::{KernelBlock, blocks};
use crate::ops::product::{PANEL, matrix_pitch, pitch};
use crate::ops::simd::{Kernel, MAX_LANES, Scalar, Simd};

/// `[outputs, inputs, K, K]` to U, in panels of its columns.
pub(super) struct Weights<'a, F, const IN: usize, const OUT: usize, const K: usize> {
    pub tile: PhantomData<F>,
    pub weight: &'a [f32],
    /// Rows of a matrix of U.
    pub rows: usize,
    /// Those of its columns that are made, whole panels but the last.
    pub columns: Range<usize>,
    /// From one row, and from one column, to the next: kernels of `weight`.
    pub strides: [usize; 2],
    /// Of each of the `IN * IN` matrices these columns, `[columns / PANEL, rows, PANEL]`.
    pub out: Vec<&'a mut [f32]>,
}

/// The gradient of U to that of the weights.
pub(super) struct WeightsAdjoint<'a, F, const IN: usize, const OUT: usize, const K: usize> {
    pub tile: PhantomData<F>,
    /// `[IN * IN, inputs, outputs]`, in rows.
    pub gradient: &'a [f32],
    pub inputs: usize,
    pub outputs: usize,
    /// The output whose kernels come first in `out`.
    pub first: usize,
    /// `[outputs, inputs, K, K]`, of some outputs.
    pub out: &'a mut [f32],
}

kernel!(Weights, WeightsAdjoint);

impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    Weights<'_, F, IN, OUT, K>
{
    #[inline(always)]
    fn transform<S: Simd>(self, s: S) {
        let Self { weight, rows, columns, strides, mut out, .. } = self;
        assert!(columns.start.is_multiple_of(PANEL) && out.len() == IN * IN);
        let weight = &weight[columns.start * strides[1] * K * K..];
        let mut kernels = KernelBlock::new(K * K);
        for block in blocks(rows, columns.len()) {
            kernels.read(&block, weight, strides);
            for r in 0..block.rows.len() {
                let (row, o) = (block.rows.start + r, block.columns.start);
                let at = o / PANEL * (rows * PANEL) + row * PANEL + o % PANEL;
                for lane in (0..MAX_LANES).step_by(S::LANES) {
                    let g = gathered::<S, K>(s, &kernels, r, lane);
                    both_ways!(
                        s, F::weight, K -> IN,
                        from |i, j| g[i][j],
                        to |i, j, u| s.write(&mut out[i * IN + j][at + lane..], u)
                    );
                }
            }
        }
    }
}

/// The kernels of a row of a block, of a vector of columns from `first` on.
#[inline(always)]
fn gathered<S: Simd, const K: usize>(
    s: S,
    kernels: &KernelBlock,
    row: usize,
    first: usize,
) -> [[S::V; K]; K] {
    let mut lanes = [[[0.0; MAX_LANES]; K]; K];
    for lane in 0..S::LANES {
        let kernel = &kernels.kernel(row, first + lane)[..K * K];
        for i in 0..K {
            for j in 0..K {
                lanes[i][j][lane] = kernel[i * K + j];
            }
        }
    }
    let mut gathered = [[s.splat(0.0); K]; K];
    for i in 0..K {
        for j in 0..K {
            gathered[i][j] = s.read(&lanes[i][j]);
        }
    }
    gathered
}

impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    WeightsAdjoint<'_, F, IN, OUT, K>
{
    #[inline(always)]
    fn transform<S: Simd>(self, s: S) {
        let Self { gradient, inputs, outputs, first, out, .. } = self;
        let (row, matrix) = (pitch(outputs), matrix_pitch(inputs, outputs));
        let mut kernels = KernelBlock::new(K * K);
        for block in blocks(inputs, out.len() / (K * K * inputs)) {
            for (r, c) in block.rows.clone().enumerate() {
                for lane in (0..MAX_LANES).step_by(S::LANES) {
                    let at = c * row + first + block.columns.start + lane;
                    let mut lanes = [[[0.0; MAX_LANES]; K]; K];
                    both_ways!(
                        s, F::weight_adjoint, IN -> K,
                        from |i, j| s.read(&gradient[(i * IN + j) * matrix + at..]),
                        to |i, j, dw| s.write(&mut lanes[i][j], dw)
                    );
                    for l in 0..S::LANES {
                        let kernel = &mut kernels.kernel_mut(r, lane + l)[..K * K];
                        for i in 0..K {
                            for j in 0..K {
                                kernel[i * K + j] = lanes[i][j][l];
                            }
                        }
                    }
                }
            }
            kernels.write(&block, out, inputs);
        }
    }
}

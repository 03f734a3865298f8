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

use super::tile::Tile;
use super::transforms::{both_ways, kernel};
use crate::ops::product::{PANEL, matrix_pitch, panels_pitch, pitch};
use crate::ops::simd::{Kernel, MAX_LANES, Scalar, Simd};

/// Rows at a time, whose weights are brought together from the columns they lie at: one after the other they would fall
/// on the same few lines of the cache.
const BLOCK: usize = 16;
/// The most weights of a kernel.
const AREA: usize = 25;

/// `[outputs, inputs, K, K]` to U, in panels of its columns.
pub(super) struct Weights<'a, F, const IN: usize, const OUT: usize, const K: usize> {
    pub tile: PhantomData<F>,
    pub weight: &'a [f32],
    /// Rows and columns of a matrix of U.
    pub shape: [usize; 2],
    /// From one row, and from one column, to the next: kernels of `weight`.
    pub strides: [usize; 2],
    /// `[IN * IN, columns / PANEL, rows, PANEL]`.
    pub out: &'a mut [f32],
}

/// The gradient of U to that of the weights.
pub(super) struct WeightsAdjoint<'a, F, const IN: usize, const OUT: usize, const K: usize> {
    pub tile: PhantomData<F>,
    /// `[IN * IN, inputs, outputs]`, in rows.
    pub gradient: &'a [f32],
    pub outputs: usize,
    pub out: &'a mut [f32],
}

kernel!(Weights, WeightsAdjoint);

impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    Weights<'_, F, IN, OUT, K>
{
    #[inline(always)]
    fn transform<S: Simd>(self, s: S) {
        let Self { weight, shape: [rows, columns], strides: [row, column], out, .. } = self;
        let (area, matrix) = (K * K, panels_pitch(rows, columns));
        // Of a column, BLOCK kernels of its rows.
        let mut block = [[0.0; BLOCK * AREA]; MAX_LANES];
        for first in (0..rows).step_by(BLOCK) {
            let count = BLOCK.min(rows - first);
            for o in (0..columns).step_by(MAX_LANES) {
                for lane in 0..MAX_LANES.min(columns - o) {
                    for r in 0..count {
                        let from = ((o + lane) * column + (first + r) * row) * area;
                        let to = &mut block[lane][r * area..][..area];
                        to.copy_from_slice(&weight[from..][..area]);
                    }
                }
                for r in 0..count {
                    let at = o / PANEL * (rows * PANEL) + (first + r) * PANEL + o % PANEL;
                    for lane in (0..MAX_LANES).step_by(S::LANES) {
                        let g = gathered::<S, K>(s, &block[lane..lane + S::LANES], r * area);
                        let mut half = [[s.splat(0.0); K]; IN];
                        for j in 0..K {
                            let mut column = [s.splat(0.0); K];
                            for i in 0..K {
                                column[i] = g[i][j];
                            }
                            let column = F::weight(s, column);
                            for i in 0..IN {
                                half[i][j] = column[i];
                            }
                        }
                        for i in 0..IN {
                            let u = F::weight(s, half[i]);
                            for j in 0..IN {
                                let at = (i * IN + j) * matrix + at + lane;
                                s.write(&mut out[at..], u[j]);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The kernel at `at` of each row of `block`.
#[inline(always)]
fn gathered<S: Simd, const K: usize>(
    s: S,
    block: &[[f32; BLOCK * AREA]],
    at: usize,
) -> [[S::V; K]; K] {
    let mut kernel = [[s.splat(0.0); K]; K];
    for i in 0..K {
        for j in 0..K {
            let mut lanes = [0.0; MAX_LANES];
            for lane in 0..S::LANES {
                lanes[lane] = block[lane][at + i * K + j];
            }
            kernel[i][j] = s.read(&lanes);
        }
    }
    kernel
}

impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    WeightsAdjoint<'_, F, IN, OUT, K>
{
    #[inline(always)]
    fn transform<S: Simd>(self, s: S) {
        let Self { gradient, outputs, out, .. } = self;
        let area = K * K;
        let inputs = out.len() / (area * outputs);
        let (row, matrix) = (pitch(outputs), matrix_pitch(inputs, outputs));
        let mut block = [[0.0; BLOCK * AREA]; MAX_LANES];
        for first in (0..inputs).step_by(BLOCK) {
            let count = BLOCK.min(inputs - first);
            for k in (0..outputs).step_by(MAX_LANES) {
                for c in 0..count {
                    for lane in (0..MAX_LANES).step_by(S::LANES) {
                        let mut du = [[s.splat(0.0); IN]; IN];
                        for i in 0..IN {
                            for j in 0..IN {
                                let at = (i * IN + j) * matrix + (first + c) * row + k + lane;
                                du[i][j] = s.read(&gradient[at..]);
                            }
                        }
                        let dw = both_ways!(s, F::weight_adjoint, du: IN -> K);
                        for i in 0..K {
                            for j in 0..K {
                                let mut lanes = [0.0; MAX_LANES];
                                s.write(&mut lanes, dw[i][j]);
                                for l in 0..S::LANES {
                                    block[lane + l][c * area + i * K + j] = lanes[l];
                                }
                            }
                        }
                    }
                }
                for lane in 0..MAX_LANES.min(outputs - k) {
                    let to = &mut out[((k + lane) * inputs + first) * area..][..count * area];
                    to.copy_from_slice(&block[lane][..count * area]);
                }
            }
        }
    }
}

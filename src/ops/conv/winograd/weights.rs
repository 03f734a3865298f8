//! The weights in the transformed domain, and their gradient back from there.
//!
//! ```text
//! U[p][c][k] = (G w[k][c] Gᵀ)[p]      dw[k][c] = Gᵀ dU[·][c][k] G
//! ```

// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

use std::marker::PhantomData;

use super::tile::Tile;
use super::transforms::kernel;
use crate::ops::product::pitch;
use crate::ops::simd::{Kernel, LANES, Lanes, Simd};

/// Inputs at a time, whose weights are brought together from the outputs they lie at: one after the other they would fall
/// on the same few lines of the cache.
const BLOCK: usize = 16;

/// `[outputs, inputs, 3, 3]` to U `[IN * IN, inputs, outputs]`.
pub(super) struct Weights<'a, F, const IN: usize, const OUT: usize> {
    pub tile: PhantomData<F>,
    pub weight: &'a [f32],
    pub outputs: usize,
    pub out: &'a mut [f32],
}

/// The gradient of U to that of the weights.
pub(super) struct WeightsAdjoint<'a, F, const IN: usize, const OUT: usize> {
    pub tile: PhantomData<F>,
    pub gradient: &'a [f32],
    pub outputs: usize,
    pub out: &'a mut [f32],
}

kernel!(Weights, WeightsAdjoint);

impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> Weights<'_, F, IN, OUT> {
    #[inline(always)]
    fn lanes(self) {
        let Self { weight, outputs, out, .. } = self;
        let inputs = weight.len() / (9 * outputs);
        let mut block = [[0.0; BLOCK * 9]; LANES];
        for first in (0..inputs).step_by(BLOCK) {
            let count = BLOCK.min(inputs - first);
            for k in (0..outputs).step_by(LANES) {
                let n = LANES.min(outputs - k);
                for lane in 0..n {
                    let from = &weight[((k + lane) * inputs + first) * 9..][..count * 9];
                    block[lane][..count * 9].copy_from_slice(from);
                }
                for c in 0..count {
                    let mut half = [[Lanes::ZERO; 3]; IN];
                    for j in 0..3 {
                        let mut column = [Lanes::ZERO; 3];
                        for i in 0..3 {
                            for lane in 0..LANES {
                                column[i].0[lane] = block[lane][c * 9 + i * 3 + j];
                            }
                        }
                        let column = F::weight(column);
                        for i in 0..IN {
                            half[i][j] = column[i];
                        }
                    }
                    for i in 0..IN {
                        let row = F::weight(half[i]);
                        for j in 0..IN {
                            let at = (i * IN + j) * pitch(inputs * outputs);
                            row[j].write(&mut out[at + (first + c) * outputs + k..][..n]);
                        }
                    }
                }
            }
        }
    }
}

impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> WeightsAdjoint<'_, F, IN, OUT> {
    #[inline(always)]
    fn lanes(self) {
        let Self { gradient, outputs, out, .. } = self;
        let inputs = out.len() / (9 * outputs);
        let mut block = [[0.0; BLOCK * 9]; LANES];
        for first in (0..inputs).step_by(BLOCK) {
            let count = BLOCK.min(inputs - first);
            for k in (0..outputs).step_by(LANES) {
                let n = LANES.min(outputs - k);
                for c in 0..count {
                    let mut half = [[Lanes::ZERO; IN]; 3];
                    for j in 0..IN {
                        let mut column = [Lanes::ZERO; IN];
                        for i in 0..IN {
                            let at = (i * IN + j) * pitch(inputs * outputs);
                            let from = &gradient[at + (first + c) * outputs + k..][..n];
                            column[i] = Lanes::read(from);
                        }
                        let column = F::weight_adjoint(column);
                        for i in 0..3 {
                            half[i][j] = column[i];
                        }
                    }
                    for i in 0..3 {
                        let row = F::weight_adjoint(half[i]);
                        for j in 0..3 {
                            for lane in 0..LANES {
                                block[lane][c * 9 + i * 3 + j] = row[j].0[lane];
                            }
                        }
                    }
                }
                for lane in 0..n {
                    let to = &mut out[((k + lane) * inputs + first) * 9..][..count * 9];
                    to.copy_from_slice(&block[lane][..count * 9]);
                }
            }
        }
    }
}

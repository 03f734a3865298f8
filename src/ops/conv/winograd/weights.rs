//! The weights in the transformed domain, and their gradient back from there.
//!
//! ```text
//! U[p][c][k] = (G w[k][c] Gᵀ)[p]      dw[k][c] = Gᵀ dU[·][c][k] G
//! ```

// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

use std::marker::PhantomData;

use super::tile::{LANES, Lanes, Tile};
use crate::ops::product::pitch;
use crate::ops::simd::{Kernel, Simd};

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

impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> Kernel for Weights<'_, F, IN, OUT> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.lanes();
    }

    fn plain(self) {
        self.lanes();
    }
}

impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> Weights<'_, F, IN, OUT> {
    #[inline(always)]
    fn lanes(self) {
        let Self { weight, outputs, out, .. } = self;
        let inputs = weight.len() / (9 * outputs);
        // U is read and written line after line; the weights of all outputs for an input stay in the cache.
        for c in 0..inputs {
            for k in (0..outputs).step_by(LANES) {
                let n = LANES.min(outputs - k);
                let mut g = [[Lanes::ZERO; 3]; 3];
                for lane in 0..n {
                    let of_lane = &weight[((k + lane) * inputs + c) * 9..][..9];
                    for tap in 0..9 {
                        g[tap / 3][tap % 3].0[lane] = of_lane[tap];
                    }
                }
                let mut half = [[Lanes::ZERO; 3]; IN];
                for j in 0..3 {
                    let column = F::weight([g[0][j], g[1][j], g[2][j]]);
                    for i in 0..IN {
                        half[i][j] = column[i];
                    }
                }
                for i in 0..IN {
                    let row = F::weight(half[i]);
                    for j in 0..IN {
                        let at = (i * IN + j) * pitch(inputs * outputs) + c * outputs + k;
                        row[j].write(&mut out[at..][..n]);
                    }
                }
            }
        }
    }
}

impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> Kernel
    for WeightsAdjoint<'_, F, IN, OUT>
{
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.lanes();
    }

    fn plain(self) {
        self.lanes();
    }
}

impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> WeightsAdjoint<'_, F, IN, OUT> {
    #[inline(always)]
    fn lanes(self) {
        let Self { gradient, outputs, out, .. } = self;
        let inputs = out.len() / (9 * outputs);
        // U is read and written line after line; the weights of all outputs for an input stay in the cache.
        for c in 0..inputs {
            for k in (0..outputs).step_by(LANES) {
                let n = LANES.min(outputs - k);
                let mut half = [[Lanes::ZERO; IN]; 3];
                for j in 0..IN {
                    let mut column = [Lanes::ZERO; IN];
                    for i in 0..IN {
                        let at = (i * IN + j) * pitch(inputs * outputs) + c * outputs + k;
                        column[i] = Lanes::read(&gradient[at..][..n]);
                    }
                    let column = F::weight_adjoint(column);
                    for i in 0..3 {
                        half[i][j] = column[i];
                    }
                }
                let mut g = [[Lanes::ZERO; 3]; 3];
                for i in 0..3 {
                    g[i] = F::weight_adjoint(half[i]);
                }
                for lane in 0..n {
                    let of_lane = &mut out[((k + lane) * inputs + c) * 9..][..9];
                    for tap in 0..9 {
                        of_lane[tap] = g[tap / 3][tap % 3].0[lane];
                    }
                }
            }
        }
    }
}

//! Few output channels, many input channels: the lanes of a vector are input channels.
//!
//! `out[k][r][p] = activation(bias[k] + Σ_t Σ_c x[taps[t] + r * row + p * channels + c] * weight[k][t][c])`
//!
//! A tap is one (kernel row, kernel column). A tile of output channels times pixels stays in
//! registers as vectors; only at the end their lanes are added.

use crate::ops::Activation;
use crate::ops::simd::elementwise::{activate, activated};
use crate::ops::simd::{Kernel, MAX_LANES, Simd};

/// One image.
pub(crate) struct Narrow<'a> {
    /// The padded image, `[rows, columns, channels]`.
    pub x: &'a [f32],
    /// Where each tap's first value lies in `x`.
    pub taps: &'a [usize],
    /// From one row of `x` to the next, in floats.
    pub row: usize,
    /// Input channels.
    pub channels: usize,
    /// `[outputs, taps, channels]`, the channels padded with zeros to a multiple of [`MAX_LANES`].
    pub weight: &'a [f32],
    /// `[outputs]`.
    pub bias: &'a [f32],
    pub activation: Activation,
    pub rows: usize,
    pub columns: usize,
    /// `[outputs, rows, columns]`.
    pub out: &'a mut [f32],
}

impl Kernel for Narrow<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.check();
        let outputs = self.bias.len();
        let mut k = 0;
        while k < outputs {
            // SAFETY: `check` found every index that the tiles reach inside its slice; `k` and the
            // tile's channels after it are output channels.
            unsafe {
                k += match outputs - k {
                    1 => self.channel_tile::<S, 1, 14, 7>(s, k),
                    2 => self.channel_tile::<S, 2, 12, 6>(s, k),
                    3 => self.channel_tile::<S, 3, 8, 4>(s, k),
                    _ => self.channel_tile::<S, 4, 6, 2>(s, k),
                };
            }
        }
    }

    fn plain(self) {
        self.check();
        let (channels, pitch) = (self.channels, self.channels.next_multiple_of(MAX_LANES));
        for (i, out) in self.out.iter_mut().enumerate() {
            let (row, p) = (i / self.columns, i % self.columns);
            let (k, r) = (row / self.rows, row % self.rows);
            let mut sum = self.bias[k];
            for (t, tap) in self.taps.iter().enumerate() {
                let x = &self.x[tap + r * self.row + p * channels..][..channels];
                let weight = &self.weight[(k * self.taps.len() + t) * pitch..][..channels];
                sum += x.iter().zip(weight).map(|(x, w)| x * w).sum::<f32>();
            }
            *out = activated(self.activation, sum);
        }
    }
}

impl Narrow<'_> {
    fn check(&self) {
        let pitch = self.channels.next_multiple_of(MAX_LANES);
        assert!(self.rows > 0 && self.columns > 0 && self.channels > 0);
        let offset = (self.rows - 1) * self.row + self.columns * self.channels;
        assert!(self.taps.iter().all(|tap| tap + offset <= self.x.len()));
        assert_eq!(self.weight.len(), self.bias.len() * self.taps.len() * pitch);
        assert_eq!(self.out.len(), self.bias.len() * self.rows * self.columns);
    }

    /// `K` output channels from `k` on, in tiles of `MANY` pixels, or of `FEW` where there are only
    /// 16 registers; returns `K`.
    ///
    /// # Safety
    /// After [`Narrow::check`]; the channels are output channels.
    #[inline(always)]
    unsafe fn channel_tile<S: Simd, const K: usize, const MANY: usize, const FEW: usize>(
        &mut self,
        s: S,
        k: usize,
    ) -> usize {
        for r in 0..self.rows {
            // SAFETY: as the caller says; `r` is a row, and the output holds all of it.
            unsafe {
                if S::REGISTERS >= 32 {
                    self.tiles::<S, K, MANY>(s, k, r);
                } else {
                    self.tiles::<S, K, FEW>(s, k, r);
                }
                for k in k..k + K {
                    let row = (k * self.rows + r) * self.columns;
                    activate(s, self.activation, self.out.as_mut_ptr().add(row), self.columns);
                }
            }
        }
        K
    }

    /// The sums of row `r` in tiles of `P` pixels.
    ///
    /// # Safety
    /// As for [`Narrow::channel_tile`]; `r` is a row.
    #[inline(always)]
    unsafe fn tiles<S: Simd, const K: usize, const P: usize>(&mut self, s: S, k: usize, r: usize) {
        let mut p = 0;
        while p < self.columns {
            let left = self.columns - p;
            // SAFETY: a tile ends at the last column or before it.
            unsafe {
                if left >= P {
                    self.tile::<S, K, P>(s, (k, r, p));
                    p += P;
                } else if left >= 2 {
                    self.tile::<S, K, 2>(s, (k, r, p));
                    p += 2;
                } else {
                    self.tile::<S, K, 1>(s, (k, r, p));
                    p += 1;
                }
            }
        }
    }

    /// # Safety
    /// As for [`Narrow::tiles`]; `P` pixels from `p` on are in the row.
    #[inline(always)]
    unsafe fn tile<S: Simd, const K: usize, const P: usize>(
        &mut self,
        s: S,
        (k, r, p): (usize, usize, usize),
    ) {
        let (channels, pitch) = (self.channels, self.channels.next_multiple_of(MAX_LANES));
        let (whole, part) = (channels - channels % S::LANES, channels % S::LANES);
        let image = self.taps.len() * pitch;
        let mut sums = [[s.splat(0.0); P]; K];
        // SAFETY: `check` covers the last pixel of every tap and the padded weights; of the last
        // vector of a pixel only the channels that exist are read.
        unsafe {
            let x = self.x.as_ptr().add(r * self.row + p * channels);
            let mut w = self.weight.as_ptr().add(k * image);
            for &tap in self.taps {
                let x = x.add(tap);
                for c in (0..whole).step_by(S::LANES) {
                    let mut weights = [s.splat(0.0); K];
                    for k in 0..K {
                        weights[k] = s.load(w.add(k * image + c));
                    }
                    for i in 0..P {
                        let value = s.load(x.add(i * channels + c));
                        for k in 0..K {
                            sums[k][i] = s.fma(weights[k], value, sums[k][i]);
                        }
                    }
                }
                if part > 0 {
                    for i in 0..P {
                        let value = s.load_part(x.add(i * channels + whole), part);
                        for k in 0..K {
                            let weight = s.load(w.add(k * image + whole));
                            sums[k][i] = s.fma(weight, value, sums[k][i]);
                        }
                    }
                }
                w = w.add(pitch);
            }
        }
        for (j, sums) in sums.iter().enumerate() {
            let from = ((k + j) * self.rows + r) * self.columns + p;
            write_sums(s, sums, self.bias[k + j], &mut self.out[from..from + P]);
        }
    }
}

/// Writes `bias` plus the sum of the lanes of each vector.
#[inline(always)]
fn write_sums<S: Simd, const P: usize>(s: S, sums: &[S::V; P], bias: f32, out: &mut [f32]) {
    for i in (0..P).step_by(4) {
        let mut four = [s.splat(0.0); 4];
        for j in 0..4 {
            if i + j < P {
                four[j] = sums[i + j];
            }
        }
        let four = s.sums(four);
        for j in 0..4 {
            if i + j < P {
                out[i + j] = bias + four[j];
            }
        }
    }
}

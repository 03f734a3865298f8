//! Many output channels: the lanes of a vector are output channels.
//!
//! `out[r][p][k] = activation(bias[k] + Σ_t x[taps[t] + r * row + p * pixel] * weight[t][k])`
//!
//! A tap is one (input channel, kernel row, kernel column). A strip of up to 12 pixels times two
//! vectors of channels stays in registers while all taps are added; each input value is read once
//! and multiplied with both vectors. No lane is wasted where the channels are a multiple of the
//! lanes, whatever the width of the image.

use super::elementwise::{activate, plain};
use super::simd::{Kernel, MAX_LANES, Simd};
use crate::conv::Activation;

/// One image.
pub(crate) struct Wide<'a> {
    /// The padded image, in any order.
    pub x: &'a [f32],
    /// Where each tap's first value lies in `x`.
    pub taps: &'a [usize],
    /// From one row of `x` to the next, in floats.
    pub row: usize,
    /// From one column of `x` to the next, in floats.
    pub pixel: usize,
    /// `[taps, channels]`, the channels padded with zeros to a multiple of [`MAX_LANES`].
    pub weight: &'a [f32],
    /// `[channels]`, padded likewise.
    pub bias: &'a [f32],
    pub activation: Activation,
    pub channels: usize,
    pub rows: usize,
    pub columns: usize,
    /// `[rows, columns, channels]`.
    pub out: &'a mut [f32],
}

impl Kernel for Wide<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        self.check();
        // SAFETY: `check` found every index that the strips reach inside its slice.
        unsafe {
            if self.pixel == 1 { self.image::<S, true>(s) } else { self.image::<S, false>(s) }
        }
    }

    fn plain(self) {
        self.check();
        let pitch = self.bias.len();
        for (i, out) in self.out.iter_mut().enumerate() {
            let (pixel, k) = (i / self.channels, i % self.channels);
            let at = pixel / self.columns * self.row + pixel % self.columns * self.pixel;
            let mut sum = self.bias[k];
            for (t, tap) in self.taps.iter().enumerate() {
                sum += self.x[tap + at] * self.weight[t * pitch + k];
            }
            *out = plain(self.activation, sum);
        }
    }
}

impl Wide<'_> {
    fn check(&self) {
        let pitch = self.channels.next_multiple_of(MAX_LANES);
        assert!(self.rows > 0 && self.columns > 0 && self.channels > 0);
        let corner = (self.rows - 1) * self.row + (self.columns - 1) * self.pixel;
        assert!(self.taps.iter().all(|tap| tap + corner < self.x.len()));
        assert_eq!(self.weight.len(), self.taps.len() * pitch);
        assert_eq!(self.bias.len(), pitch);
        assert_eq!(self.out.len(), self.rows * self.columns * self.channels);
    }

    /// # Safety
    /// After [`Wide::check`].
    #[inline(always)]
    unsafe fn image<S: Simd, const UNIT: bool>(mut self, s: S) {
        let vectors = self.channels.div_ceil(S::LANES);
        for r in 0..self.rows {
            // SAFETY: rows, and blocks of one or two vectors of channels, inside the image.
            unsafe {
                let mut k = 0;
                while k + 1 < vectors {
                    self.row::<S, UNIT, 2>(s, r, k * S::LANES);
                    k += 2;
                }
                if k < vectors {
                    self.row::<S, UNIT, 1>(s, r, k * S::LANES);
                }
                let n = self.columns * self.channels;
                activate(s, self.activation, self.out.as_mut_ptr().add(r * n), n);
            }
        }
    }

    /// The sums of row `r`, of `V` vectors of channels from channel `k` on, in strips of equal
    /// length.
    ///
    /// # Safety
    /// After [`Wide::check`]; `r` and `k` are in the image.
    #[inline(always)]
    unsafe fn row<S: Simd, const UNIT: bool, const V: usize>(&mut self, s: S, r: usize, k: usize) {
        // As many as leave registers for the weights and the input.
        let longest = if S::REGISTERS >= 32 { 12 } else { 6 };
        let strips = self.columns.div_ceil(longest);
        let (short, long) = (self.columns / strips, self.columns % strips);
        let mut p = 0;
        for i in 0..strips {
            let n = short + usize::from(i < long);
            let at = (r, p, k);
            // SAFETY: `p + n` columns are inside the row, the rest is the caller's.
            unsafe {
                match n {
                    1 => self.strip::<S, UNIT, V, 1>(s, at),
                    2 => self.strip::<S, UNIT, V, 2>(s, at),
                    3 => self.strip::<S, UNIT, V, 3>(s, at),
                    4 => self.strip::<S, UNIT, V, 4>(s, at),
                    5 => self.strip::<S, UNIT, V, 5>(s, at),
                    6 => self.strip::<S, UNIT, V, 6>(s, at),
                    7 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 7>(s, at),
                    8 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 8>(s, at),
                    9 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 9>(s, at),
                    10 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 10>(s, at),
                    11 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 11>(s, at),
                    12 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 12>(s, at),
                    _ => unreachable!("strips are no longer than the longest"),
                }
            }
            p += n;
        }
    }

    /// `P` pixels from `p` on.
    ///
    /// # Safety
    /// After [`Wide::check`]; the pixels and channels are in the image.
    #[inline(always)]
    unsafe fn strip<S: Simd, const UNIT: bool, const V: usize, const P: usize>(
        &mut self,
        s: S,
        (r, p, k): (usize, usize, usize),
    ) {
        let pitch = self.bias.len();
        let pixel = if UNIT { 1 } else { self.pixel };
        // SAFETY: `check` covers the corner pixel of every tap and the padded weights; of the last
        // vector only the channels that exist are stored.
        unsafe {
            let x = self.x.as_ptr().add(r * self.row + p * pixel);
            let mut w = self.weight.as_ptr().add(k);
            let mut sums = [[s.splat(0.0); V]; P];
            for v in 0..V {
                let bias = s.load(self.bias.as_ptr().add(k + v * S::LANES));
                for sum in &mut sums {
                    sum[v] = bias;
                }
            }
            for &tap in self.taps {
                let x = x.add(tap);
                let mut weights = [s.splat(0.0); V];
                for v in 0..V {
                    weights[v] = s.load(w.add(v * S::LANES));
                }
                for i in 0..P {
                    let value = s.splat(*x.add(i * pixel));
                    for v in 0..V {
                        sums[i][v] = s.fma(weights[v], value, sums[i][v]);
                    }
                }
                w = w.add(pitch);
            }
            let out = self.out.as_mut_ptr().add((r * self.columns + p) * self.channels + k);
            for i in 0..P {
                for v in 0..V {
                    let (to, left) = (out.add(i * self.channels + v * S::LANES), k + v * S::LANES);
                    if left + S::LANES <= self.channels {
                        s.store(to, sums[i][v]);
                    } else {
                        s.store_part(to, sums[i][v], self.channels - left);
                    }
                }
            }
        }
    }
}

//! Many output channels: the lanes of a vector are output channels.
//!
//! `out[r][p][k] = activation(bias[k] + Σ_t x[taps[t] + r * row + p * pixel] * weight[t][k])`
//!
//! A tap is one (input channel, kernel row, kernel column). A strip of up to 12 pixels times two
//! vectors of channels stays in registers while all taps are added; each input value is read once
//! and multiplied with both vectors. No lane is wasted where the channels are a multiple of the
//! lanes, whatever the width of the image. Of many taps some are added for the whole image, then
//! the next ones: their weights stay in the first cache. The order of the sums is the same.

use std::ops::Range;

use crate::ops::Activation;
use crate::ops::simd::elementwise::{activate, activated};
use crate::ops::simd::{Kernel, MAX_LANES, Simd};

/// So many weights of a block of channels are kept in the first cache: 24 of its 32 kilobytes.
const CACHED: usize = 6 * 1024;

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
            *out = activated(self.activation, sum);
        }
    }
}

impl Wide<'_> {
    fn check(&self) {
        let pitch = self.channels.next_multiple_of(MAX_LANES);
        assert!(self.rows > 0 && self.columns > 0 && self.channels > 0);
        let offset = (self.rows - 1) * self.row + (self.columns - 1) * self.pixel;
        assert!(self.taps.iter().all(|tap| tap + offset < self.x.len()));
        assert_eq!(self.weight.len(), self.taps.len() * pitch);
        assert_eq!(self.bias.len(), pitch);
        assert_eq!(self.out.len(), self.rows * self.columns * self.channels);
    }

    /// # Safety
    /// After [`Wide::check`].
    #[inline(always)]
    unsafe fn image<S: Simd, const UNIT: bool>(mut self, s: S) {
        let n = self.columns * self.channels;
        if self.taps.len() <= CACHED / (2 * S::LANES) {
            for r in 0..self.rows {
                // SAFETY: a row of the image; all taps.
                unsafe {
                    self.rows::<S, UNIT>(s, r..r + 1, 0..self.taps.len());
                    activate(s, self.activation, self.out.as_mut_ptr().add(r * n), n);
                }
            }
            return;
        }
        let chunk = CACHED / (2 * S::LANES);
        for t in (0..self.taps.len()).step_by(chunk) {
            // SAFETY: all rows; taps that there are.
            unsafe {
                self.rows::<S, UNIT>(s, 0..self.rows, t..self.taps.len().min(t + chunk));
            }
        }
        // SAFETY: all of the output.
        unsafe { activate(s, self.activation, self.out.as_mut_ptr(), self.rows * n) }
    }

    /// Adds these taps to these rows, in blocks of one or two vectors of channels.
    ///
    /// # Safety
    /// After [`Wide::check`]; rows and taps exist.
    #[inline(always)]
    unsafe fn rows<S: Simd, const UNIT: bool>(
        &mut self,
        s: S,
        rows: Range<usize>,
        taps: Range<usize>,
    ) {
        let vectors = self.channels.div_ceil(S::LANES);
        for v in (0..vectors).step_by(2) {
            for r in rows.clone() {
                // SAFETY: the caller's; the vectors have channels.
                unsafe {
                    if v + 1 < vectors {
                        self.row::<S, UNIT, 2>(s, (r, v * S::LANES), &taps);
                    } else {
                        self.row::<S, UNIT, 1>(s, (r, v * S::LANES), &taps);
                    }
                }
            }
        }
    }

    /// The sums of these taps in row `r`, of `V` vectors of channels from channel `k` on, in strips of
    /// equal length.
    ///
    /// # Safety
    /// After [`Wide::check`]; `r` and `k` are in the image.
    #[inline(always)]
    unsafe fn row<S: Simd, const UNIT: bool, const V: usize>(
        &mut self,
        s: S,
        (r, k): (usize, usize),
        taps: &Range<usize>,
    ) {
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
                    1 => self.strip::<S, UNIT, V, 1>(s, at, taps),
                    2 => self.strip::<S, UNIT, V, 2>(s, at, taps),
                    3 => self.strip::<S, UNIT, V, 3>(s, at, taps),
                    4 => self.strip::<S, UNIT, V, 4>(s, at, taps),
                    5 => self.strip::<S, UNIT, V, 5>(s, at, taps),
                    6 => self.strip::<S, UNIT, V, 6>(s, at, taps),
                    7 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 7>(s, at, taps),
                    8 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 8>(s, at, taps),
                    9 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 9>(s, at, taps),
                    10 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 10>(s, at, taps),
                    11 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 11>(s, at, taps),
                    12 if S::REGISTERS >= 32 => self.strip::<S, UNIT, V, 12>(s, at, taps),
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
        taps: &Range<usize>,
    ) {
        let pitch = self.bias.len();
        let pixel = if UNIT { 1 } else { self.pixel };
        // SAFETY: `check` covers the corner pixel of every tap and the padded weights; of the last
        // vector only the channels that exist are stored.
        unsafe {
            let x = self.x.as_ptr().add(r * self.row + p * pixel);
            let mut w = self.weight.as_ptr().add(taps.start * pitch + k);
            let out = self.out.as_mut_ptr().add((r * self.columns + p) * self.channels + k);
            let left = self.channels - k;
            let mut sums = [[s.splat(0.0); V]; P];
            for v in 0..V {
                let bias = s.load(self.bias.as_ptr().add(k + v * S::LANES));
                for (i, sum) in sums.iter_mut().enumerate() {
                    sum[v] = match taps.start {
                        0 => bias,
                        _ => {
                            let n = S::LANES.min(left - v * S::LANES);
                            s.load_part(out.add(i * self.channels + v * S::LANES), n)
                        }
                    };
                }
            }
            for &tap in self.taps.get_unchecked(taps.clone()) {
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
            for i in 0..P {
                for v in 0..V {
                    let to = out.add(i * self.channels + v * S::LANES);
                    if (v + 1) * S::LANES <= left {
                        s.store(to, sums[i][v]);
                    } else {
                        s.store_part(to, sums[i][v], left - v * S::LANES);
                    }
                }
            }
        }
    }
}

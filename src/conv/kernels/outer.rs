//! The weight gradient: vectors of one image times single values of another, summed over pixels.
//!
//! `out[t][k] += Σ_r Σ_p vectors[r * vector_row + p * channels + k] * values[taps[t] + r * row + p * pixel]`
//!
//! Where the layer has many outputs the vectors are the output's gradient and the values its
//! padded input; where it has few they are the input and the output's padded gradient. A tile of
//! taps times vectors stays in registers over all pixels of the image.

use super::simd::{Kernel, MAX_LANES, Simd};

/// One image.
pub(crate) struct Outer<'a> {
    /// `[rows, columns, channels]`.
    pub vectors: &'a [f32],
    /// From one row of `vectors` to the next, in floats.
    pub vector_row: usize,
    pub channels: usize,
    pub rows: usize,
    pub columns: usize,
    /// The other image, in any order.
    pub values: &'a [f32],
    /// Where each tap's first value lies in `values`.
    pub taps: &'a [usize],
    /// From one row of `values` to the next, in floats.
    pub row: usize,
    /// From one column of `values` to the next, in floats.
    pub pixel: usize,
    /// `[taps, channels]`, the channels padded to a multiple of [`MAX_LANES`].
    pub out: &'a mut [f32],
}

impl Kernel for Outer<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.check();
        // SAFETY: `check` found every index that the tiles reach inside its slice.
        unsafe {
            if self.pixel == 1 { self.image::<S, true>(s) } else { self.image::<S, false>(s) }
        }
    }

    fn plain(self) {
        self.check();
        let pitch = self.channels.next_multiple_of(MAX_LANES);
        for (t, tap) in self.taps.iter().enumerate() {
            for i in 0..self.rows * self.columns {
                let (r, p) = (i / self.columns, i % self.columns);
                let value = self.values[tap + r * self.row + p * self.pixel];
                let vector = &self.vectors[r * self.vector_row + p * self.channels..];
                let out = &mut self.out[t * pitch..][..self.channels];
                for (out, v) in out.iter_mut().zip(vector) {
                    *out += v * value;
                }
            }
        }
    }
}

impl Outer<'_> {
    fn check(&self) {
        let pitch = self.channels.next_multiple_of(MAX_LANES);
        assert!(self.rows > 0 && self.columns > 0 && self.channels > 0);
        let corner = (self.rows - 1) * self.row + (self.columns - 1) * self.pixel;
        assert!(self.taps.iter().all(|tap| tap + corner < self.values.len()));
        let end = (self.rows - 1) * self.vector_row + self.columns * self.channels;
        assert!(end <= self.vectors.len());
        assert_eq!(self.out.len(), self.taps.len() * pitch);
    }

    /// # Safety
    /// After [`Outer::check`].
    #[inline(always)]
    unsafe fn image<S: Simd, const UNIT: bool>(&mut self, s: S) {
        let whole = self.channels / S::LANES;
        let mut v = 0;
        // SAFETY: blocks of vectors of channels that exist.
        unsafe {
            if S::REGISTERS >= 32 && self.taps.len() <= 18 {
                while v + 1 < whole {
                    self.taps::<S, UNIT, false, 2, 9>(s, v * S::LANES);
                    v += 2;
                }
            }
            while v < whole {
                self.vector::<S, UNIT, false>(s, v * S::LANES);
                v += 1;
            }
            if !self.channels.is_multiple_of(S::LANES) {
                self.vector::<S, UNIT, true>(s, v * S::LANES);
            }
        }
    }

    /// One vector of channels.
    ///
    /// # Safety
    /// After [`Outer::check`]; `k` is a channel, `PART` if fewer than a vector's are left.
    #[inline(always)]
    unsafe fn vector<S: Simd, const UNIT: bool, const PART: bool>(&mut self, s: S, k: usize) {
        // SAFETY: the caller's.
        unsafe {
            if S::REGISTERS >= 32 && self.taps.len() > 9 {
                self.taps::<S, UNIT, PART, 1, 27>(s, k);
            } else {
                self.taps::<S, UNIT, PART, 1, 9>(s, k);
            }
        }
    }

    /// All taps, `T` at a time.
    ///
    /// # Safety
    /// As for [`Outer::vector`], for `V` vectors from channel `k` on.
    #[inline(always)]
    unsafe fn taps<S: Simd, const UNIT: bool, const PART: bool, const V: usize, const T: usize>(
        &mut self,
        s: S,
        k: usize,
    ) {
        for t in (0..self.taps.len()).step_by(T) {
            // SAFETY: the caller's; `t` is a tap.
            unsafe { self.tile::<S, UNIT, PART, V, T>(s, k, t) }
        }
    }

    /// # Safety
    /// As for [`Outer::taps`]; `t` is a tap.
    #[inline(always)]
    unsafe fn tile<S: Simd, const UNIT: bool, const PART: bool, const V: usize, const T: usize>(
        &mut self,
        s: S,
        k: usize,
        t: usize,
    ) {
        let pixel = if UNIT { 1 } else { self.pixel };
        let part = self.channels - k;
        // Past the last tap, that one again: its sums are not written.
        let mut taps = [self.taps[self.taps.len() - 1]; T];
        let n = T.min(self.taps.len() - t);
        taps[..n].copy_from_slice(&self.taps[t..t + n]);
        let mut sums = [[s.splat(0.0); V]; T];
        for r in 0..self.rows {
            // SAFETY: `check` covers the corner pixel of every tap and the last vector; where fewer
            // channels than a vector's are left, only those are read.
            unsafe {
                let vectors = self.vectors.as_ptr().add(r * self.vector_row + k);
                let values = self.values.as_ptr().add(r * self.row);
                for p in 0..self.columns {
                    let vectors = vectors.add(p * self.channels);
                    let mut vector = [s.splat(0.0); V];
                    for v in 0..V {
                        vector[v] = if PART {
                            s.load_part(vectors, part)
                        } else {
                            s.load(vectors.add(v * S::LANES))
                        };
                    }
                    let values = values.add(p * pixel);
                    for t in 0..T {
                        let value = s.splat(*values.add(taps[t]));
                        for v in 0..V {
                            sums[t][v] = s.fma(vector[v], value, sums[t][v]);
                        }
                    }
                }
            }
        }
        let pitch = self.channels.next_multiple_of(MAX_LANES);
        for (i, sums) in sums.iter().take(n).enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let at = (t + i) * pitch + k + v * S::LANES;
                let out = self.out[at..at + S::LANES].as_mut_ptr();
                // SAFETY: `out` is as long as a vector.
                unsafe { s.store(out, s.add(s.load(out), sum)) }
            }
        }
    }
}

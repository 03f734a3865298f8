//! The weight gradient: vectors of one image times single values of another, summed over pixels.
//!
//! `out[t][k] += Σ_r Σ_p vectors[r][p][k] * values[taps[t] + r * row + p * pixel]`
//!
//! and `sums[k] += Σ_r Σ_p vectors[r][p][k]` for the bias gradient. The
//! vectors may be the gradient after an activation: they are then multiplied with its derivative.
//!
//! Where the layer has many outputs the vectors are the output's gradient and the values its
//! padded input; where it has few they are the input and the output's padded gradient. A tile of
//! taps times vectors stays in registers over all pixels of the image. Where one tile does not hold
//! all taps, the vectors of a block of channels are first copied together, multiplied with the
//! derivative: so they fit the first cache, which lines that are a power of two apart do not use.

use crate::ops::Activation;
use crate::ops::simd::Derive;
use crate::ops::simd::elementwise::derive;
use crate::ops::simd::{Kernel, MAX_LANES, Simd};

/// One image.
pub(crate) struct Outer<'a> {
    /// `[rows, columns, channels]`.
    pub vectors: &'a [f32],
    /// The activation that `vectors` is the gradient after; [`Activation::Identity`] if before.
    pub activation: Activation,
    /// The activation's output, as `vectors`; not read without an activation.
    pub output: &'a [f32],
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
    /// `[channels]`, if wanted.
    pub sums: Option<&'a mut [f32]>,
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

    fn plain(mut self) {
        self.check();
        let pitch = self.channels.next_multiple_of(MAX_LANES);
        let mut vectors = self.vectors.to_vec();
        if self.activation != Activation::Identity {
            let (activation, gradient, output) = (self.activation, self.vectors, self.output);
            Derive { activation, gradient, output, out: &mut vectors }.plain();
        }
        for (i, vector) in vectors.chunks_exact(self.channels).enumerate() {
            let at = i / self.columns * self.row + i % self.columns * self.pixel;
            for (tap, out) in self.taps.iter().zip(self.out.chunks_exact_mut(pitch)) {
                let value = self.values[tap + at];
                out.iter_mut().zip(vector).for_each(|(out, v)| *out += v * value);
            }
            if let Some(sums) = self.sums.as_deref_mut() {
                sums.iter_mut().zip(vector).for_each(|(sum, v)| *sum += v);
            }
        }
    }
}

impl Outer<'_> {
    fn check(&self) {
        let pitch = self.channels.next_multiple_of(MAX_LANES);
        assert!(self.rows > 0 && self.columns > 0 && self.channels > 0);
        let offset = (self.rows - 1) * self.row + (self.columns - 1) * self.pixel;
        assert!(self.taps.iter().all(|tap| tap + offset < self.values.len()));
        let n = self.rows * self.columns * self.channels;
        assert_eq!(self.vectors.len(), n);
        assert!(self.activation == Activation::Identity || self.output.len() == n);
        assert!(self.sums.as_ref().is_none_or(|sums| sums.len() == self.channels));
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
            // Two vectors for each broadcast value, if a tile of taps is not mostly empty.
            let pairs = S::REGISTERS >= 32 || self.taps.len() > 9;
            while pairs && v + 1 < whole {
                if S::REGISTERS >= 32 {
                    self.taps::<S, UNIT, false, 2, 9>(s, v * S::LANES);
                } else {
                    self.taps::<S, UNIT, false, 2, 6>(s, v * S::LANES);
                }
                v += 2;
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
                self.taps::<S, UNIT, PART, 1, 18>(s, k);
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
        let derive = self.activation != Activation::Identity;
        if self.taps.len() > T {
            // SAFETY: the caller's.
            let packed = unsafe {
                match derive {
                    true => self.pack::<S, PART, V, true>(s, k),
                    false => self.pack::<S, PART, V, false>(s, k),
                }
            };
            let (from, pixel) = (packed.as_ptr(), V * S::LANES);
            for t in (0..self.taps.len()).step_by(T) {
                // SAFETY: the caller's; `t` is a tap, and `packed` has whole vectors of every pixel.
                unsafe {
                    self.tile::<S, UNIT, false, V, T, false, false>(s, (from, pixel), k, t);
                }
            }
            return;
        }
        // SAFETY: `k` is a channel of the first pixel, and the caller's.
        unsafe {
            let vectors = (self.vectors.as_ptr().add(k), self.channels);
            match (derive, self.sums.is_some()) {
                (false, false) => self.tile::<S, UNIT, PART, V, T, false, false>(s, vectors, k, 0),
                (false, true) => self.tile::<S, UNIT, PART, V, T, false, true>(s, vectors, k, 0),
                (true, false) => self.tile::<S, UNIT, PART, V, T, true, false>(s, vectors, k, 0),
                (true, true) => self.tile::<S, UNIT, PART, V, T, true, true>(s, vectors, k, 0),
            }
        }
    }

    /// The vectors from channel `k` on, `[rows, columns, V * LANES]`, multiplied with the derivative;
    /// adds them to the sums, if these are wanted.
    ///
    /// # Safety
    /// As for [`Outer::taps`].
    #[inline(always)]
    unsafe fn pack<S: Simd, const PART: bool, const V: usize, const DERIVE: bool>(
        &mut self,
        s: S,
        k: usize,
    ) -> Vec<f32> {
        let n = V * S::LANES;
        let mut packed = vec![0.0; self.rows * self.columns * n];
        let mut total = [s.splat(0.0); V];
        for (pixel, packed) in packed.chunks_exact_mut(n).enumerate() {
            for (v, packed) in packed.chunks_exact_mut(S::LANES).enumerate() {
                let at = pixel * self.channels + k + v * S::LANES;
                // SAFETY: `check` covers the last vector of every pixel; where fewer channels than
                // a vector's are left, only those are read. `packed` is as long as a vector.
                unsafe {
                    let from = self.vectors.as_ptr().add(at);
                    let vector = self.derived::<S, PART, DERIVE>(s, from, at, self.channels - k);
                    total[v] = s.add(total[v], vector);
                    s.store(packed.as_mut_ptr(), vector);
                }
            }
        }
        self.add_to_sums(s, total, k);
        packed
    }

    /// The vector that lies from `from` on, or the `part` of it that there is; with `DERIVE` multiplied
    /// with the derivative, of the output from `at` on.
    ///
    /// # Safety
    /// As for [`load`], of the vector and, with `DERIVE`, of the output.
    #[inline(always)]
    unsafe fn derived<S: Simd, const PART: bool, const DERIVE: bool>(
        &self,
        s: S,
        from: *const f32,
        at: usize,
        part: usize,
    ) -> S::V {
        // SAFETY: the caller's.
        unsafe {
            let vector = load::<S, PART>(s, from, part);
            if !DERIVE {
                return vector;
            }
            let y = load::<S, PART>(s, self.output.as_ptr().add(at), part);
            derive(s, self.activation, vector, y)
        }
    }

    /// Adds `total` to the sums from channel `k` on, if these are wanted.
    #[inline(always)]
    fn add_to_sums<S: Simd, const V: usize>(&mut self, s: S, total: [S::V; V], k: usize) {
        let Some(sums) = self.sums.as_deref_mut() else { return };
        for (v, &total) in total.iter().enumerate() {
            let at = k + v * S::LANES;
            let n = S::LANES.min(self.channels - at);
            let sums = sums[at..at + n].as_mut_ptr();
            // SAFETY: `sums` is `n` floats long.
            unsafe { s.store_part(sums, s.add(s.load_part(sums, n), total), n) }
        }
    }

    /// The sums of `T` taps from `t` on with the vectors that lie from `vectors` on, so many numbers
    /// from one pixel to the next.
    ///
    /// # Safety
    /// As for [`Outer::taps`]; `t` is a tap, every pixel has its vectors.
    #[inline(always)]
    unsafe fn tile<
        S: Simd,
        const UNIT: bool,
        const PART: bool,
        const V: usize,
        const T: usize,
        const DERIVE: bool,
        const SUM: bool,
    >(
        &mut self,
        s: S,
        (vectors, stride): (*const f32, usize),
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
        let mut total = [s.splat(0.0); V];
        for r in 0..self.rows {
            // SAFETY: `check` covers the corner pixel of every tap, the caller the vectors and, for
            // the derivative, that they are the image's own; where fewer channels than a vector's
            // are left, only those are read.
            unsafe {
                let from = r * self.columns;
                let values = self.values.as_ptr().add(r * self.row);
                for p in 0..self.columns {
                    let mut vector = [s.splat(0.0); V];
                    for v in 0..V {
                        let at = (from + p) * stride + v * S::LANES;
                        vector[v] =
                            self.derived::<S, PART, DERIVE>(s, vectors.add(at), k + at, part);
                        if SUM {
                            total[v] = s.add(total[v], vector[v]);
                        }
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
        if SUM {
            self.add_to_sums(s, total, k);
        }
    }
}

/// Reads a vector, or the `part` of one that there is.
///
/// # Safety
/// As for [`Simd::load`] or [`Simd::load_part`].
#[inline(always)]
unsafe fn load<S: Simd, const PART: bool>(s: S, from: *const f32, part: usize) -> S::V {
    // SAFETY: the caller's.
    unsafe { if PART { s.load_part(from, part) } else { s.load(from) } }
}

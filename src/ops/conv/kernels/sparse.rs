//! The backward pass from a [`CsrMatrix`] gradient, a matrix G:
//!
//! `out[r * block + i * row + j] += Σ_c G[r][c] * x[c * block' + i * row' + j]`,
//! 0 <= i < `rows`, 0 <= j < `n`.
//!
//! i is a row of the kernel, under which lie n neighbours in memory, kernel columns times channels.
//! With r an output channel, c a pixel and x the padded image this is the weight gradient; with r a
//! pixel, c an output channel and x the weights it is the gradient of the padded image. Sums of a part of a kernel
//! row (of several rows, if they are short) stay in registers while all entries of a row are added; the
//! part is the outermost loop, so that what it reads of the weights stays in the first cache.
//!
//! The last vector may reach beyond the n floats: `x` and `out` have [`MAX_LANES`] floats more than
//! they need, or rows padded to a multiple of it. Zero gradients are skipped, so that
//! 0 · inf is not NaN here, unlike in the dense backward pass; conversely a gradient that is not finite may become
//! NaN in neighbouring lanes, where the padded weights are zero.

use crate::ops::conv::csr::CsrMatrix;
use crate::ops::simd::{Kernel, MAX_LANES, Simd};

/// One image.
pub(crate) struct SparseSums<'a> {
    pub matrix: &'a CsrMatrix,
    /// Rows of the kernel.
    pub rows: usize,
    /// Kernel columns times channels.
    pub n: usize,
    pub x: &'a [f32],
    pub x_steps: Steps,
    pub out: &'a mut [f32],
    pub out_steps: Steps,
}

/// Distances in memory, in floats.
#[derive(Clone, Copy)]
pub(crate) struct Steps {
    /// From one row or column of the matrix to the next.
    pub block: usize,
    /// From one row of the kernel to the next.
    pub row: usize,
}

impl Kernel for SparseSums<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.check();
        let vectors = self.n.div_ceil(S::LANES);
        let mut i = 0;
        while i < self.rows {
            // SAFETY: checked above; no more than the rows that are left, and a row's vectors.
            i += unsafe {
                match vectors {
                    1 => self.short::<S, 1>(s, i),
                    2 => self.short::<S, 2>(s, i),
                    3 => self.short::<S, 3>(s, i),
                    _ => self.long(s, i, vectors),
                }
            };
        }
    }

    fn plain(self) {
        self.check();
        let Self { matrix, rows, n, x, x_steps, out, out_steps } = self;
        for (r, columns, entries) in matrix.rows() {
            for (&c, g) in columns.iter().zip(entries) {
                for i in 0..rows {
                    let out = &mut out[r * out_steps.block + i * out_steps.row..][..n];
                    let values = &x[c as usize * x_steps.block + i * x_steps.row..][..n];
                    out.iter_mut().zip(values).for_each(|(sum, value)| *sum += g * value);
                }
            }
        }
    }
}

impl SparseSums<'_> {
    /// # Panics
    /// If a vector could reach outside of `x` or `out`.
    fn check(&self) {
        let [r, c] = self.matrix.last();
        let (rows, pitch) = (self.rows, self.n.next_multiple_of(MAX_LANES));
        assert!(rows > 0 && pitch > 0 && (rows == 1 || self.n <= self.out_steps.row));
        let ends = |last: usize, Steps { block, row }| last * block + (rows - 1) * row + pitch;
        assert!(ends(r, self.out_steps) <= self.out.len());
        assert!(ends(c, self.x_steps) <= self.x.len());
    }

    /// Up to five rows of `V` vectors; returns how many.
    ///
    /// # Safety
    /// `check` has passed, and row `i` of the kernel has `V` vectors.
    #[inline(always)]
    unsafe fn short<S: Simd, const V: usize>(&mut self, s: S, i: usize) -> usize {
        // SAFETY: no more rows than are left.
        unsafe {
            match self.rows - i {
                1 => self.tile::<S, 1, V>(s, i, 0),
                2 => self.tile::<S, 2, V>(s, i, 0),
                3 => self.tile::<S, 3, V>(s, i, 0),
                4 => self.tile::<S, 4, V>(s, i, 0),
                _ => self.tile::<S, 5, V>(s, i, 0),
            }
        }
        (self.rows - i).min(5)
    }

    /// A row of `V` vectors; returns 1.
    ///
    /// # Safety
    /// `check` has passed, and row `i` of the kernel has so many vectors.
    #[inline(always)]
    unsafe fn long<S: Simd>(&mut self, s: S, i: usize, vectors: usize) -> usize {
        let mut v = 0;
        while v < vectors {
            // SAFETY: no more vectors than are left.
            v += unsafe {
                match vectors - v {
                    12.. => self.wide_tile::<S, 12>(s, i, v),
                    10.. => self.wide_tile::<S, 10>(s, i, v),
                    8.. => self.wide_tile::<S, 8>(s, i, v),
                    4.. => self.wide_tile::<S, 4>(s, i, v),
                    2.. => self.wide_tile::<S, 2>(s, i, v),
                    _ => self.wide_tile::<S, 1>(s, i, v),
                }
            };
        }
        1
    }

    /// `V` vectors of row `i` from vector `v` on; returns V.
    ///
    /// # Safety
    /// As for [`SparseSums::tile`].
    #[inline(always)]
    unsafe fn wide_tile<S: Simd, const V: usize>(&mut self, s: S, i: usize, v: usize) -> usize {
        // SAFETY: the caller's.
        unsafe { self.tile::<S, 1, V>(s, i, v * S::LANES) };
        V
    }

    /// All sums of `R` kernel rows from `i` on and of `V` vectors from float `at` on.
    ///
    /// # Safety
    /// `check` has passed, and these rows and vectors are the kernel's.
    #[inline(always)]
    unsafe fn tile<S: Simd, const R: usize, const V: usize>(&mut self, s: S, i: usize, at: usize) {
        let (x_steps, out_steps) = (self.x_steps, self.out_steps);
        let mut sums = [[s.splat(0.0); V]; R];
        // SAFETY: `check` covers the last row and vector of the last row and column of the matrix.
        unsafe {
            let x = self.x.as_ptr().add(i * x_steps.row + at);
            let out = self.out.as_mut_ptr().add(i * out_steps.row + at);
            for (number, columns, entries) in self.matrix.rows() {
                let out = out.add(number * out_steps.block);
                for r in 0..R {
                    for v in 0..V {
                        sums[r][v] = s.load(out.add(r * out_steps.row + v * S::LANES));
                    }
                }
                for (&c, &g) in columns.iter().zip(entries) {
                    let (g, x) = (s.splat(g), x.add(c as usize * x_steps.block));
                    for r in 0..R {
                        for v in 0..V {
                            let value = s.load(x.add(r * x_steps.row + v * S::LANES));
                            sums[r][v] = s.fma(g, value, sums[r][v]);
                        }
                    }
                }
                // In this order: what the last vector has too much is a part of the next row.
                for r in 0..R {
                    for v in 0..V {
                        s.store(out.add(r * out_steps.row + v * S::LANES), sums[r][v]);
                    }
                }
            }
        }
    }
}

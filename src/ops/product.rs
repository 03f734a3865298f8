//! The product of two matrices that lie where other kernels have put them: nothing is copied together first.
//!
//! ```text
//! out[r][o] = Σ_i a[r][i] b[i][o],  or  out[r][o] += ...        a [rows, inner], b [inner, columns]
//! ```
//!
//! A tile of the sums stays in registers for all of `inner`, so each is one sum in the order of i, whatever the sizes of
//! tiles are; what is in `out` already is added at the end. a is read number by number, with any strides; b in vectors, whose rows lie together in panels
//! of [`PANEL`] columns, or in whole rows.
//!
//! 105 to 113 of the 117 GFLOP/s that a core of an EPYC (Zen 4) has for registers alone, for 64 to 512 rows, inner and
//! columns.
#![allow(unsafe_code)]
// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

use crate::ops::simd::{Kernel, MAX_LANES, Simd};

/// Columns of b that may lie together: two of the widest vectors.
pub(crate) const PANEL: usize = 2 * MAX_LANES;

/// From one row of so many numbers to the next, in a matrix that a [`Product`] reads or writes: whole vectors, and a cache
/// line more, since rows that are a power of two apart fall on the same few lines of the cache.
#[inline(always)]
pub(crate) const fn pitch(columns: usize) -> usize {
    columns.next_multiple_of(MAX_LANES) + MAX_LANES
}

/// Numbers of a matrix of such rows, a cache line apart from the next.
#[inline(always)]
pub(crate) const fn matrix_pitch(rows: usize, columns: usize) -> usize {
    rows * pitch(columns) + MAX_LANES
}

/// Numbers of a matrix in panels `[columns / PANEL, rows, PANEL]`, a cache line apart from the next.
#[inline(always)]
pub(crate) const fn panels_pitch(rows: usize, columns: usize) -> usize {
    columns.next_multiple_of(PANEL) * rows + MAX_LANES
}

/// Numbers some way apart.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    values: &'a [f32],
    /// From one row (of b: panel) to the next, and from one i to the next.
    strides: [usize; 2],
}

impl<'a> Strided<'a> {
    /// A left factor whose rows are those of `values` in the [`pitch`] of `inner`.
    pub(crate) fn rows(values: &'a [f32], inner: usize) -> Self {
        Self::rows_apart(values, pitch(inner))
    }

    /// A left factor whose rows are those of `values`, so far apart.
    pub(crate) fn rows_apart(values: &'a [f32], row: usize) -> Self {
        Self { values, strides: [row, 1] }
    }

    /// A left factor whose columns are rows of so many numbers, in their [`pitch`].
    pub(crate) fn columns(values: &'a [f32], rows: usize) -> Self {
        Self::columns_apart(values, pitch(rows))
    }

    /// A left factor whose columns are rows so far apart.
    pub(crate) fn columns_apart(values: &'a [f32], column: usize) -> Self {
        Self { values, strides: [1, column] }
    }

    /// A right factor of rows in the [`pitch`] of `columns`.
    pub(crate) fn wide_rows(values: &'a [f32], columns: usize) -> Self {
        Self::wide_rows_apart(values, pitch(columns))
    }

    /// A right factor of rows so far apart.
    pub(crate) fn wide_rows_apart(values: &'a [f32], row: usize) -> Self {
        Self { values, strides: [PANEL, row] }
    }

    /// A right factor in panels `[columns / PANEL, inner, PANEL]`.
    pub(crate) fn panels(values: &'a [f32], inner: usize) -> Self {
        Self { values, strides: [inner * PANEL, PANEL] }
    }
}

/// The product of the module above. Where the columns are no whole vectors of [`MAX_LANES`], `out` has the sums of what is
/// in `b` beyond them after each row.
pub(crate) struct Product<'a> {
    /// Rows, inner, columns.
    pub shape: [usize; 3],
    pub a: Strided<'a>,
    pub b: Strided<'a>,
    pub out: &'a mut [f32],
    /// From one row of `out` to the next: as many numbers as there are columns if these are whole vectors, or more.
    pub out_row: usize,
    /// Adds to what is in `out`.
    pub adds: bool,
}

impl Product<'_> {
    /// Whether all that is read and written is there.
    fn check(&self) {
        let [rows, inner, columns] = self.shape;
        assert!(rows > 0 && inner > 0 && columns > 0, "a product of nothing");
        let columns = columns.next_multiple_of(MAX_LANES);
        let [row, one] = self.a.strides;
        assert!((rows - 1) * row + (inner - 1) * one < self.a.values.len(), "a");
        let ([panel, one], last) = (self.b.strides, (columns - 1) / PANEL);
        let end = last * panel + (inner - 1) * one + columns - last * PANEL;
        assert!(end <= self.b.values.len(), "b");
        assert!(columns <= self.out_row, "rows of out");
        assert!((rows - 1) * self.out_row + columns <= self.out.len(), "out");
    }

    /// `V` vectors of columns from `o` on, of all rows.
    ///
    /// # Safety
    /// The product has passed [`Product::check`], and has these columns.
    #[inline(always)]
    unsafe fn columns<S: Simd, const V: usize>(&mut self, s: S, o: usize) {
        let rows = self.shape[0];
        let mut r = 0;
        // SAFETY: rows that there are.
        unsafe {
            while r < rows {
                let rest = rows - r;
                r += match S::REGISTERS {
                    32.. if rest >= 12 && rest != 16 => self.tile::<S, V, 12>(s, r, o),
                    32.. if rest >= 8 => self.tile::<S, V, 8>(s, r, o),
                    0..32 if rest >= 6 && rest != 8 => self.tile::<S, V, 6>(s, r, o),
                    _ if rest >= 4 => self.tile::<S, V, 4>(s, r, o),
                    _ => self.tile::<S, V, 1>(s, r, o),
                };
            }
        }
    }

    /// `R` rows from `r` on, of `V` vectors of columns from `o` on; returns R.
    ///
    /// # Safety
    /// As for [`Product::columns`].
    #[inline(always)]
    unsafe fn tile<S: Simd, const V: usize, const R: usize>(
        &mut self,
        s: S,
        r: usize,
        o: usize,
    ) -> usize {
        let ([row, a_one], [panel, b_one]) = (self.a.strides, self.b.strides);
        let pitch = self.out_row;
        let mut sums = [[s.splat(0.0); V]; R];
        // SAFETY: the caller's, and what `check` has compared.
        unsafe {
            let out = self.out.as_mut_ptr().add(r * pitch + o);
            let mut a = self.a.values.as_ptr().add(r * row);
            let mut b = self.b.values.as_ptr().add(o / PANEL * panel + o % PANEL);
            for _ in 0..self.shape[1] {
                let mut vectors = [s.splat(0.0); V];
                for v in 0..V {
                    vectors[v] = s.load(b.add(v * S::LANES));
                }
                for i in 0..R {
                    let value = s.splat(*a.add(i * row));
                    for v in 0..V {
                        sums[i][v] = s.fma(vectors[v], value, sums[i][v]);
                    }
                }
                (a, b) = (a.wrapping_add(a_one), b.wrapping_add(b_one));
            }
            for i in 0..R {
                for v in 0..V {
                    let to = out.add(i * pitch + v * S::LANES);
                    let sum = if self.adds { s.add(s.load(to), sums[i][v]) } else { sums[i][v] };
                    s.store(to, sum);
                }
            }
        }
        R
    }
}

impl Kernel for Product<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.check();
        let columns = self.shape[2].next_multiple_of(MAX_LANES);
        let mut o = 0;
        // SAFETY: checked above; vectors of columns that there are.
        unsafe {
            while o + 2 * S::LANES <= columns {
                self.columns::<S, 2>(s, o);
                o += 2 * S::LANES;
            }
            if o < columns {
                self.columns::<S, 1>(s, o);
            }
        }
    }

    fn plain(self) {
        self.check();
        let ([rows, inner, columns], pitch) = (self.shape, self.out_row);
        let ([row, a_one], [panel, b_one]) = (self.a.strides, self.b.strides);
        for (r, out) in self.out.chunks_mut(pitch).take(rows).enumerate() {
            for (o, out) in out.iter_mut().take(columns).enumerate() {
                let sum = (0..inner).fold(0.0, |sum, i| {
                    let a = self.a.values[r * row + i * a_one];
                    sum + a * self.b.values[o / PANEL * panel + o % PANEL + i * b_one]
                });
                *out = if self.adds { *out + sum } else { sum };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::simd::SimdLevel;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 + seed * 11) % 23) as f32 / 23.0 - 0.5).collect()
    }

    /// Against sums in 64 bits, of all ways the factors may lie, written and added to.
    #[test]
    fn products_are_those_of_sums() {
        for [rows, inner, columns] in
            [[1, 1, 1], [3, 5, 7], [16, 33, 17], [70, 40, 129], [5, 300, 32], [29, 64, 48]]
        {
            let a = numbers(matrix_pitch(rows, inner).max(matrix_pitch(inner, rows)), 1);
            let b = numbers(matrix_pitch(inner, columns).max(panels_pitch(inner, columns)), 2);
            for way in 0..4 {
                let (a, a_at) = match way % 2 {
                    0 => (Strided::rows(&a, inner), [pitch(inner), 1]),
                    _ => (Strided::columns(&a, rows), [1, pitch(rows)]),
                };
                let (b, b_at) = match way / 2 {
                    0 => (Strided::wide_rows(&b, columns), [PANEL, pitch(columns)]),
                    _ => (Strided::panels(&b, inner), [inner * PANEL, PANEL]),
                };
                for level in SimdLevel::available() {
                    let mut out = vec![f32::NAN; matrix_pitch(rows, columns)];
                    for adds in [false, true] {
                        let shape = [rows, inner, columns];
                        let out_row = pitch(columns);
                        level.run(Product { shape, a, b, out: &mut out, out_row, adds });
                    }
                    for r in 0..rows {
                        for o in 0..columns {
                            let of = |i: usize| {
                                let a = a.values[r * a_at[0] + i * a_at[1]];
                                let at = o / PANEL * b_at[0] + o % PANEL + i * b_at[1];
                                f64::from(a) * f64::from(b.values[at])
                            };
                            let sum = 2.0 * (0..inner).map(of).sum::<f64>();
                            let got = f64::from(out[r * pitch(columns) + o]);
                            assert!((got - sum).abs() < 1e-4, "{rows} {inner} {columns} {way}");
                        }
                    }
                }
            }
        }
    }
}

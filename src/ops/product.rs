//! Products of matrices, many of one shape, in memory that the caller has.
//!
//! ```text
//! out[p] = a[p] b[p],  or  out[p] += a[p] b[p]        a [rows, inner], b [inner, columns]
//! ```
//!
//! burn's own product makes new memory for each result, whose pages the system clears: that takes as long as some of the
//! products.
#![allow(unsafe_code)]

use gemm::Parallelism;

use crate::ops::simd::MAX_LANES;

/// From one matrix of `len` numbers to the next. They are a cache line apart: the same number of each would otherwise
/// fall on the same lines of the cache, as the lengths are often powers of two.
pub(crate) const fn pitch(len: usize) -> usize {
    len + MAX_LANES
}

/// Matrices of one shape, each row by row, one after the other in this [`pitch`].
#[derive(Clone, Copy)]
pub(crate) struct Matrices<'a> {
    values: &'a [f32],
    /// Rows and columns as they are stored.
    shape: [usize; 2],
    is_transposed: bool,
}

impl<'a> Matrices<'a> {
    /// As many of `shape` as `values` holds.
    pub(crate) fn new(values: &'a [f32], shape: [usize; 2]) -> Self {
        Self { values, shape, is_transposed: false }
    }

    /// Their transposes.
    pub(crate) fn transposed(self) -> Self {
        Self { is_transposed: !self.is_transposed, ..self }
    }

    /// Rows and columns.
    fn shape(self) -> [usize; 2] {
        let [rows, columns] = self.shape;
        if self.is_transposed { [columns, rows] } else { [rows, columns] }
    }

    /// From one row, and from one column, to the next.
    fn strides(self) -> [isize; 2] {
        let columns = self.shape[1] as isize;
        if self.is_transposed { [1, columns] } else { [columns, 1] }
    }

    /// Numbers in one of them.
    fn len(self) -> usize {
        self.shape[0] * self.shape[1]
    }
}

/// Writes to `out` the products of the matrices of `a` and `b`, or adds them to it where `adds`; on this thread.
///
/// # Panics
/// When the shapes do not fit together.
pub(crate) fn products(a: Matrices, b: Matrices, out: &mut [f32], adds: bool) {
    let ([rows, inner], [of, columns]) = (a.shape(), b.shape());
    assert_eq!(inner, of, "columns of a and rows of b");
    let (a_len, b_len, len) = (a.len(), b.len(), rows * columns);
    assert!(a_len > 0 && b_len > 0, "a product of nothing");
    let count = out.len() / pitch(len);
    let lengths = [a.values.len(), b.values.len(), out.len()];
    assert_eq!(lengths, [a_len, b_len, len].map(|len| count * pitch(len)), "as many of each");
    let ([a_row, a_column], [b_row, b_column]) = (a.strides(), b.strides());
    for p in 0..count {
        let out = &mut out[p * pitch(len)..][..len];
        let a = &a.values[p * pitch(a_len)..][..a_len];
        let b = &b.values[p * pitch(b_len)..][..b_len];
        // SAFETY: `a`, `b` and `out` are slices of as many numbers as their rows and columns are, which these strides
        // go through, and `out` is none of the others.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                inner,
                out.as_mut_ptr(),
                1,
                columns as isize,
                adds,
                a.as_ptr(),
                a_column,
                a_row,
                b.as_ptr(),
                b_column,
                b_row,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 + seed * 11) % 23) as f32 / 23.0 - 0.5).collect()
    }

    /// The sum in the order of `inner`, in 64 bits.
    fn plain(a: Matrices, b: Matrices, p: usize, row: usize, column: usize) -> f64 {
        let at = |m: Matrices, row, column| {
            let [by_row, by_column] = m.strides().map(|stride| stride as usize);
            f64::from(m.values[p * pitch(m.len()) + row * by_row + column * by_column])
        };
        (0..a.shape()[1]).map(|i| at(a, row, i) * at(b, i, column)).sum()
    }

    #[test]
    fn products_are_those_of_sums() {
        for (number, [rows, inner, columns]) in
            [[1, 1, 1], [3, 5, 7], [16, 33, 17], [70, 40, 129], [5, 300, 2]].into_iter().enumerate()
        {
            let count = 1 + number % 3;
            let a_values = numbers(count * pitch(rows * inner), 1);
            let b_values = numbers(count * pitch(inner * columns), 2);
            for transposes in 0..4 {
                let a = match transposes % 2 {
                    0 => Matrices::new(&a_values, [rows, inner]),
                    _ => Matrices::new(&a_values, [inner, rows]).transposed(),
                };
                let b = match transposes / 2 {
                    0 => Matrices::new(&b_values, [inner, columns]),
                    _ => Matrices::new(&b_values, [columns, inner]).transposed(),
                };
                let mut out = vec![f32::NAN; count * pitch(rows * columns)];
                products(a, b, &mut out, false);
                products(a, b, &mut out, true);
                for (p, out) in out.chunks_exact(pitch(rows * columns)).enumerate() {
                    for (at, value) in out[..rows * columns].iter().enumerate() {
                        let sum = 2.0 * plain(a, b, p, at / columns, at % columns);
                        assert!((f64::from(*value) - sum).abs() < 1e-4, "{rows} {inner} {columns}");
                    }
                }
            }
        }
    }
}

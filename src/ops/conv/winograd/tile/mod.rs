//! The transforms of one row of a tile, for a vector of channels at a time.
//!
//! F(m, r) computes m outputs of a filter of r weights g from m + r - 1 inputs d with as many products,
//!
//! ```text
//! y = Aᵀ [(G g) ⊙ (Bᵀ d)]
//! ```
//!
//! and tiles of m x m outputs by the same from both sides. The matrices are Lavin and Gray's ("Fast Algorithms for
//! Convolutional Neural Networks", CVPR 2016, section 4): [F(2, 3)](Four) interpolates at 0, 1, -1, [F(4, 2)](Five) at
//! 0, 1, -1, 2, [F(4, 3)](Six) at 0, 1, -1, 2, -2, and [F(4, 5)](Eight) at 0, 1, -1, 2, -2, 1/2, -1/2, and ∞ each.

mod eight;
mod five;
mod four;
mod six;

pub(super) use eight::Eight;
pub(super) use five::Five;
pub(super) use four::Four;
pub(super) use six::Six;

use crate::ops::conv::op::Packing;
use crate::ops::simd::Simd;

/// The transforms of `IN` x `IN` inputs, in one direction: those of the points that are interpolated at.
pub(in crate::ops::conv) trait Points<const IN: usize>: Copy + Sync {
    /// Bᵀ d.
    fn input<S: Simd>(s: S, d: [S::V; IN]) -> [S::V; IN];
    /// B v.
    fn input_adjoint<S: Simd>(s: S, v: [S::V; IN]) -> [S::V; IN];
}

/// The transforms of tiles of `OUT` x `OUT` outputs and `IN` x `IN` inputs of kernels of `K` x `K`, in one direction.
pub(in crate::ops::conv) trait Tile<const IN: usize, const OUT: usize, const K: usize>:
    Points<IN>
{
    /// Under which its weights are kept, as they are and transposed.
    const PACKINGS: [Packing; 2];

    /// Aᵀ p.
    fn output<S: Simd>(s: S, p: [S::V; IN]) -> [S::V; OUT];
    /// A y.
    fn output_adjoint<S: Simd>(s: S, y: [S::V; OUT]) -> [S::V; IN];
    /// G g.
    fn weight<S: Simd>(s: S, g: [S::V; K]) -> [S::V; IN];
    /// Gᵀ u.
    fn weight_adjoint<S: Simd>(s: S, u: [S::V; IN]) -> [S::V; K];
}

/// `a * factor + b`, and `b - a * factor`.
#[inline(always)]
fn scaled_and<S: Simd>(s: S, a: S::V, factor: f32, b: S::V) -> [S::V; 2] {
    let factor = s.splat(factor);
    [s.fma(a, factor, b), s.fnma(a, factor, b)]
}

/// `a * factor`.
#[inline(always)]
fn times<S: Simd>(s: S, a: S::V, factor: f32) -> S::V {
    s.mul(a, s.splat(factor))
}

/// `-a`.
#[inline(always)]
fn minus<S: Simd>(s: S, a: S::V) -> S::V {
    s.sub(s.splat(0.0), a)
}

/// `a + b` and `a - b`.
#[inline(always)]
fn both<S: Simd>(s: S, a: S::V, b: S::V) -> [S::V; 2] {
    [s.add(a, b), s.sub(a, b)]
}

/// `(a + b) * factor` and `(a - b) * factor`.
#[inline(always)]
fn both_times<S: Simd>(s: S, a: S::V, b: S::V, factor: f32) -> [S::V; 2] {
    [times(s, s.add(a, b), factor), times(s, s.sub(a, b), factor)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::simd::Scalar;

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    /// y is the filter's, and each adjoint has the products of what it belongs to: <M a, b> = <a, Mᵀ b>.
    fn check<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>() {
        fn numbers<const N: usize>(seed: f32) -> [f32; N] {
            std::array::from_fn(|i| (seed + 3.7 * i as f32).sin())
        }
        let (d, g) = (numbers::<IN>(1.0), numbers::<K>(2.0));
        let (v, u) = (F::input(Scalar, d), F::weight(Scalar, g));
        let products = std::array::from_fn(|i| v[i] * u[i]);
        let y = F::output(Scalar, products);
        for (i, y) in y.iter().enumerate() {
            assert!((y - dot(&d[i..i + K], &g)).abs() < 1e-5, "output {i}");
        }
        let (in_, out) = (numbers::<IN>(3.0), numbers::<OUT>(4.0));
        for (one, other) in [
            (dot(&v, &in_), dot(&d, &F::input_adjoint(Scalar, in_))),
            (dot(&u, &in_), dot(&g, &F::weight_adjoint(Scalar, in_))),
            (dot(&y, &out), dot(&products, &F::output_adjoint(Scalar, out))),
        ] {
            assert!((one - other).abs() < 1e-5, "{one} and {other}");
        }
    }

    #[test]
    fn outputs_are_the_filters() {
        check::<Four, 4, 2, 3>();
        check::<Five, 5, 4, 2>();
        check::<Six, 6, 4, 3>();
        check::<Eight, 8, 4, 5>();
    }
}

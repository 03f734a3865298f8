//! The transforms of one row of a tile, for a vector of channels at a time.
//!
//! F(m, r) computes m outputs of a filter of r weights g from m + r - 1 inputs d with as many products,
//!
//! ```text
//! y = Aᵀ [(G g) ⊙ (Bᵀ d)]
//! ```
//!
//! and tiles of m x m outputs by the same from both sides. The matrices are Lavin and Gray's ("Fast Algorithms for
//! Convolutional Neural Networks", CVPR 2016, section 4): F(2, 3) interpolates at 0, 1, -1 and F(4, 3) at 0, 1, -1, 2,
//! -2, and ∞ each. F(2, 5) has the points of F(4, 3), and so its B; row p of its G is (1, p, p², p³, p⁴) with that one's
//! factors, and column p of its Aᵀ (1, p).

use crate::ops::conv::op::Packing;
use crate::ops::simd::Simd;

/// The transforms of `IN` x `IN` inputs, in one direction: those of the points that are interpolated at.
pub(super) trait Points<const IN: usize>: Copy + Sync {
    /// Bᵀ d.
    fn input<S: Simd>(s: S, d: [S::V; IN]) -> [S::V; IN];
    /// B v.
    fn input_adjoint<S: Simd>(s: S, v: [S::V; IN]) -> [S::V; IN];
}

/// The transforms of tiles of `OUT` x `OUT` outputs and `IN` x `IN` inputs of kernels of `K` x `K`, in one direction.
pub(super) trait Tile<const IN: usize, const OUT: usize, const K: usize>:
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

/// 0, 1, -1 and ∞.
#[derive(Clone, Copy)]
pub(super) struct Four;

impl Points<4> for Four {
    #[inline(always)]
    fn input<S: Simd>(s: S, [d0, d1, d2, d3]: [S::V; 4]) -> [S::V; 4] {
        [s.sub(d0, d2), s.add(d1, d2), s.sub(d2, d1), s.sub(d1, d3)]
    }

    #[inline(always)]
    fn input_adjoint<S: Simd>(s: S, [v0, v1, v2, v3]: [S::V; 4]) -> [S::V; 4] {
        let [sum, difference] = both(s, v1, v2);
        [v0, s.add(difference, v3), s.sub(sum, v0), minus(s, v3)]
    }
}

/// F(2x2, 3x3): 16 products for 4 outputs, instead of 36.
impl Tile<4, 2, 3> for Four {
    const PACKINGS: [Packing; 2] = [Packing::SmallTiles, Packing::SmallTilesTransposed];

    #[inline(always)]
    fn output<S: Simd>(s: S, [p0, p1, p2, p3]: [S::V; 4]) -> [S::V; 2] {
        let [sum, difference] = both(s, p1, p2);
        [s.add(p0, sum), s.sub(difference, p3)]
    }

    #[inline(always)]
    fn output_adjoint<S: Simd>(s: S, [y0, y1]: [S::V; 2]) -> [S::V; 4] {
        let [sum, difference] = both(s, y0, y1);
        [y0, sum, difference, minus(s, y1)]
    }

    #[inline(always)]
    fn weight<S: Simd>(s: S, [g0, g1, g2]: [S::V; 3]) -> [S::V; 4] {
        let outer = times(s, s.add(g0, g2), 0.5);
        let [plus, minus] = scaled_and(s, g1, 0.5, outer);
        [g0, plus, minus, g2]
    }

    #[inline(always)]
    fn weight_adjoint<S: Simd>(s: S, [u0, u1, u2, u3]: [S::V; 4]) -> [S::V; 3] {
        let [sum, difference] = both_times(s, u1, u2, 0.5);
        [s.add(u0, sum), difference, s.add(sum, u3)]
    }
}

/// 0, 1, -1, 2, -2 and ∞.
#[derive(Clone, Copy)]
pub(super) struct Six;

impl Points<6> for Six {
    #[inline(always)]
    fn input<S: Simd>(s: S, [d0, d1, d2, d3, d4, d5]: [S::V; 6]) -> [S::V; 6] {
        let four = s.splat(4.0);
        let (even, odd) = (s.fnma(d2, four, d4), s.fnma(d1, four, d3));
        let (even2, odd2) = (s.sub(d4, d2), times(s, s.sub(d3, d1), 2.0));
        let five = s.splat(-5.0);
        [
            s.fma(d0, four, s.fma(d2, five, d4)),
            s.add(even, odd),
            s.sub(even, odd),
            s.add(even2, odd2),
            s.sub(even2, odd2),
            s.fma(d1, four, s.fma(d3, five, d5)),
        ]
    }

    #[inline(always)]
    fn input_adjoint<S: Simd>(s: S, [v0, v1, v2, v3, v4, v5]: [S::V; 6]) -> [S::V; 6] {
        let ([sum, difference], [sum2, difference2]) = (both(s, v1, v2), both(s, v3, v4));
        let (four, five, two) = (s.splat(4.0), s.splat(-5.0), s.splat(2.0));
        [
            s.mul(v0, four),
            s.fnma(difference2, two, s.mul(s.sub(v5, difference), four)),
            s.fma(v0, five, s.fnma(sum, four, minus(s, sum2))),
            s.fma(v5, five, s.fma(difference2, two, difference)),
            s.add(v0, s.add(sum, sum2)),
            v5,
        ]
    }
}

/// F(4x4, 3x3): 36 products for 16 outputs, instead of 144.
impl Tile<6, 4, 3> for Six {
    const PACKINGS: [Packing; 2] = [Packing::Tiles, Packing::TilesTransposed];

    #[inline(always)]
    fn output<S: Simd>(s: S, [p0, p1, p2, p3, p4, p5]: [S::V; 6]) -> [S::V; 4] {
        let ([sum, difference], [sum2, difference2]) = (both(s, p1, p2), both(s, p3, p4));
        [
            s.add(s.add(p0, sum), sum2),
            s.fma(difference2, s.splat(2.0), difference),
            s.fma(sum2, s.splat(4.0), sum),
            s.fma(difference2, s.splat(8.0), s.add(difference, p5)),
        ]
    }

    #[inline(always)]
    fn output_adjoint<S: Simd>(s: S, [y0, y1, y2, y3]: [S::V; 4]) -> [S::V; 6] {
        let [plus, minus] = both(s, s.add(y0, y2), s.add(y1, y3));
        let even = s.fma(y2, s.splat(4.0), y0);
        let odd = s.fma(y3, s.splat(8.0), times(s, y1, 2.0));
        let [plus2, minus2] = both(s, even, odd);
        [y0, plus, minus, plus2, minus2, y3]
    }

    #[inline(always)]
    fn weight<S: Simd>(s: S, [g0, g1, g2]: [S::V; 3]) -> [S::V; 6] {
        let outer = times(s, s.add(g0, g2), -1.0 / 6.0);
        let [minus, plus] = scaled_and(s, g1, 1.0 / 6.0, outer);
        let outer2 = s.fma(g0, s.splat(1.0 / 24.0), times(s, g2, 1.0 / 6.0));
        let [plus2, minus2] = scaled_and(s, g1, 1.0 / 12.0, outer2);
        [times(s, g0, 0.25), plus, minus, plus2, minus2, g2]
    }

    #[inline(always)]
    fn weight_adjoint<S: Simd>(s: S, [u0, u1, u2, u3, u4, u5]: [S::V; 6]) -> [S::V; 3] {
        let sixth = s.splat(1.0 / 6.0);
        let ([sum, difference], [sum2, difference2]) = (both(s, u1, u2), both(s, u3, u4));
        let sum = s.mul(sum, sixth);
        [
            s.fma(u0, s.splat(0.25), s.fma(sum2, s.splat(1.0 / 24.0), minus(s, sum))),
            s.fnma(difference, sixth, times(s, difference2, 1.0 / 12.0)),
            s.fma(sum2, sixth, s.sub(u5, sum)),
        ]
    }
}

/// F(2x2, 5x5): 36 products for 4 outputs, instead of 100.
impl Tile<6, 2, 5> for Six {
    const PACKINGS: [Packing; 2] = [Packing::WideTiles, Packing::WideTilesTransposed];

    #[inline(always)]
    fn output<S: Simd>(s: S, [p0, p1, p2, p3, p4, p5]: [S::V; 6]) -> [S::V; 2] {
        let ([sum, difference], [sum2, difference2]) = (both(s, p1, p2), both(s, p3, p4));
        [s.add(s.add(p0, sum), sum2), s.fma(difference2, s.splat(2.0), s.add(difference, p5))]
    }

    #[inline(always)]
    fn output_adjoint<S: Simd>(s: S, [y0, y1]: [S::V; 2]) -> [S::V; 6] {
        let [plus, minus] = both(s, y0, y1);
        let [plus2, minus2] = scaled_and(s, y1, 2.0, y0);
        [y0, plus, minus, plus2, minus2, y1]
    }

    #[inline(always)]
    fn weight<S: Simd>(s: S, [g0, g1, g2, g3, g4]: [S::V; 5]) -> [S::V; 6] {
        let even = times(s, s.add(s.add(g0, g2), g4), -1.0 / 6.0);
        let [minus, plus] = scaled_and(s, s.add(g1, g3), 1.0 / 6.0, even);
        let even2 = s.fma(g4, s.splat(16.0), s.fma(g2, s.splat(4.0), g0));
        let odd2 = s.fma(g3, s.splat(8.0), times(s, g1, 2.0));
        let [plus2, minus2] = both_times(s, even2, odd2, 1.0 / 24.0);
        [times(s, g0, 0.25), plus, minus, plus2, minus2, g4]
    }

    #[inline(always)]
    fn weight_adjoint<S: Simd>(s: S, [u0, u1, u2, u3, u4, u5]: [S::V; 6]) -> [S::V; 5] {
        let [sum, difference] = both_times(s, u1, u2, 1.0 / 6.0);
        let [sum2, difference2] = both_times(s, u3, u4, 1.0 / 24.0);
        [
            s.fma(u0, s.splat(0.25), s.sub(sum2, sum)),
            s.fma(difference2, s.splat(2.0), minus(s, difference)),
            s.fma(sum2, s.splat(4.0), minus(s, sum)),
            s.fma(difference2, s.splat(8.0), minus(s, difference)),
            s.fma(sum2, s.splat(16.0), s.sub(u5, sum)),
        ]
    }
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
        check::<Six, 6, 4, 3>();
        check::<Six, 6, 2, 5>();
    }
}

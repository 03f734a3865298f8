//! The transforms of one row of a tile, for sixteen channels at a time.
//!
//! F(m, 3) computes m outputs of a filter of three weights g from m + 2 inputs d with as many products,
//!
//! ```text
//! y = Aᵀ [(G g) ⊙ (Bᵀ d)]
//! ```
//!
//! and tiles of m x m outputs by the same from both sides. The matrices are Lavin and Gray's ("Fast Algorithms for
//! Convolutional Neural Networks", CVPR 2016, section 4): F(2, 3) interpolates at 0, 1, -1 and F(4, 3) at 0, 1, -1, 2,
//! -2, and ∞ each.

use crate::ops::conv::op::Packing;
use crate::ops::simd::Lanes;

/// The transforms of tiles of `OUT` x `OUT` outputs and `IN` x `IN` inputs, in one direction.
pub(super) trait Tile<const IN: usize, const OUT: usize>: Copy + Sync {
    /// Under which its weights are kept.
    const PACKING: Packing;

    /// Bᵀ d.
    fn input(d: [Lanes; IN]) -> [Lanes; IN];
    /// B v.
    fn input_adjoint(v: [Lanes; IN]) -> [Lanes; IN];
    /// Aᵀ p.
    fn output(p: [Lanes; IN]) -> [Lanes; OUT];
    /// A y.
    fn output_adjoint(y: [Lanes; OUT]) -> [Lanes; IN];
    /// G g.
    fn weight(g: [Lanes; 3]) -> [Lanes; IN];
    /// Gᵀ u.
    fn weight_adjoint(u: [Lanes; IN]) -> [Lanes; 3];
}

/// F(2x2, 3x3): 16 products for 4 outputs, instead of 36.
#[derive(Clone, Copy)]
pub(super) struct F2;

impl Tile<4, 2> for F2 {
    const PACKING: Packing = Packing::SmallTiles;

    #[inline(always)]
    fn input([d0, d1, d2, d3]: [Lanes; 4]) -> [Lanes; 4] {
        [d0 - d2, d1 + d2, d2 - d1, d1 - d3]
    }

    #[inline(always)]
    fn input_adjoint([v0, v1, v2, v3]: [Lanes; 4]) -> [Lanes; 4] {
        [v0, v1 - v2 + v3, v1 + v2 - v0, Lanes::ZERO - v3]
    }

    #[inline(always)]
    fn output([p0, p1, p2, p3]: [Lanes; 4]) -> [Lanes; 2] {
        [p0 + p1 + p2, p1 - p2 - p3]
    }

    #[inline(always)]
    fn output_adjoint([y0, y1]: [Lanes; 2]) -> [Lanes; 4] {
        [y0, y0 + y1, y0 - y1, Lanes::ZERO - y1]
    }

    #[inline(always)]
    fn weight([g0, g1, g2]: [Lanes; 3]) -> [Lanes; 4] {
        let (outer, middle) = ((g0 + g2) * 0.5, g1 * 0.5);
        [g0, outer + middle, outer - middle, g2]
    }

    #[inline(always)]
    fn weight_adjoint([u0, u1, u2, u3]: [Lanes; 4]) -> [Lanes; 3] {
        let sum = (u1 + u2) * 0.5;
        [u0 + sum, (u1 - u2) * 0.5, sum + u3]
    }
}

/// F(4x4, 3x3): 36 products for 16 outputs, instead of 144.
#[derive(Clone, Copy)]
pub(super) struct F4;

impl Tile<6, 4> for F4 {
    const PACKING: Packing = Packing::Tiles;

    #[inline(always)]
    fn input([d0, d1, d2, d3, d4, d5]: [Lanes; 6]) -> [Lanes; 6] {
        let (even, odd) = (d4 - d2 * 4.0, d3 - d1 * 4.0);
        let (even2, odd2) = (d4 - d2, (d3 - d1) * 2.0);
        [
            d0 * 4.0 - d2 * 5.0 + d4,
            even + odd,
            even - odd,
            even2 + odd2,
            even2 - odd2,
            d1 * 4.0 - d3 * 5.0 + d5,
        ]
    }

    #[inline(always)]
    fn input_adjoint([v0, v1, v2, v3, v4, v5]: [Lanes; 6]) -> [Lanes; 6] {
        let (sum, difference) = (v1 + v2, v1 - v2);
        let (sum2, difference2) = (v3 + v4, (v3 - v4) * 2.0);
        [
            v0 * 4.0,
            v5 * 4.0 - difference * 4.0 - difference2,
            Lanes::ZERO - v0 * 5.0 - sum * 4.0 - sum2,
            difference + difference2 - v5 * 5.0,
            v0 + sum + sum2,
            v5,
        ]
    }

    #[inline(always)]
    fn output([p0, p1, p2, p3, p4, p5]: [Lanes; 6]) -> [Lanes; 4] {
        let (sum, difference) = (p1 + p2, p1 - p2);
        let (sum2, difference2) = (p3 + p4, p3 - p4);
        [
            p0 + sum + sum2,
            difference + difference2 * 2.0,
            sum + sum2 * 4.0,
            difference + difference2 * 8.0 + p5,
        ]
    }

    #[inline(always)]
    fn output_adjoint([y0, y1, y2, y3]: [Lanes; 4]) -> [Lanes; 6] {
        let (even, odd) = (y0 + y2, y1 + y3);
        let (even2, odd2) = (y0 + y2 * 4.0, y1 * 2.0 + y3 * 8.0);
        [y0, even + odd, even - odd, even2 + odd2, even2 - odd2, y3]
    }

    #[inline(always)]
    fn weight([g0, g1, g2]: [Lanes; 3]) -> [Lanes; 6] {
        let (outer, middle) = ((g0 + g2) * (-1.0 / 6.0), g1 * (1.0 / 6.0));
        let (outer2, middle2) = (g0 * (1.0 / 24.0) + g2 * (1.0 / 6.0), g1 * (1.0 / 12.0));
        [g0 * 0.25, outer - middle, outer + middle, outer2 + middle2, outer2 - middle2, g2]
    }

    #[inline(always)]
    fn weight_adjoint([u0, u1, u2, u3, u4, u5]: [Lanes; 6]) -> [Lanes; 3] {
        let sixth = 1.0 / 6.0;
        let (sum, difference) = ((u1 + u2) * sixth, (u2 - u1) * sixth);
        let (sum2, difference2) = (u3 + u4, (u3 - u4) * (1.0 / 12.0));
        [u0 * 0.25 - sum + sum2 * (1.0 / 24.0), difference + difference2, sum2 * sixth - sum + u5]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::simd::LANES;

    /// One number in all lanes.
    fn all<const N: usize>(values: [f32; N]) -> [Lanes; N] {
        values.map(|value| Lanes([value; LANES]))
    }

    fn first<const N: usize>(lanes: [Lanes; N]) -> [f32; N] {
        lanes.map(|lanes| lanes.0[0])
    }

    fn dot(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    /// y is the filter's, and each adjoint has the products of what it belongs to: <M a, b> = <a, Mᵀ b>.
    fn check<F: Tile<IN, OUT>, const IN: usize, const OUT: usize>() {
        let numbers = |seed: f32| std::array::from_fn::<_, 6, _>(|i| (seed + 3.7 * i as f32).sin());
        let (d, g) = (numbers(1.0), numbers(2.0));
        let d: [f32; IN] = std::array::from_fn(|i| d[i]);
        let [v, u] = [first(F::input(all(d))), first(F::weight(all([g[0], g[1], g[2]])))];
        let products = std::array::from_fn(|i| v[i] * u[i]);
        let y = first(F::output(all(products)));
        for (i, y) in y.iter().enumerate() {
            assert!((y - dot(&d[i..i + 3], &g[..3])).abs() < 1e-5, "output {i}");
        }
        let (in_, out) = (numbers(3.0), numbers(4.0));
        let in_: [f32; IN] = std::array::from_fn(|i| in_[i]);
        let out: [f32; OUT] = std::array::from_fn(|i| out[i]);
        for (one, other) in [
            (dot(&v, &in_), dot(&d, &first(F::input_adjoint(all(in_))))),
            (dot(&u, &in_), dot(&g[..3], &first(F::weight_adjoint(all(in_))))),
            (dot(&y, &out), dot(&products, &first(F::output_adjoint(all(out))))),
        ] {
            assert!((one - other).abs() < 1e-5, "{one} and {other}");
        }
    }

    #[test]
    fn outputs_are_the_filters() {
        check::<F2, 4, 2>();
        check::<F4, 6, 4>();
    }
}

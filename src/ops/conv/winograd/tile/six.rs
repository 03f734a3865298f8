//! F(4x4, 3x3).

use super::{Points, Tile, both, minus, scaled_and, times};
use crate::ops::conv::op::Packing;
use crate::ops::simd::Simd;

/// 0, 1, -1, 2, -2 and ∞.
#[derive(Clone, Copy)]
pub(in crate::ops::conv::winograd) struct Six;

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

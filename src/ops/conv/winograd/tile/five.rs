//! F(4x4, 2x2).

use super::{Points, Tile, both, minus, scaled_and, times};
use crate::ops::conv::op::Packing;
use crate::ops::simd::Simd;

/// 0, 1, -1, 2 and ∞.
#[derive(Clone, Copy)]
pub(in crate::ops::conv::winograd) struct Five;

impl Points<5> for Five {
    #[inline(always)]
    fn input<S: Simd>(s: S, [d0, d1, d2, d3, d4]: [S::V; 5]) -> [S::V; 5] {
        let (two, odd) = (s.splat(2.0), s.sub(d3, d1));
        [
            s.fma(s.sub(d0, d2), two, odd),
            s.sub(odd, s.add(d1, d2)),
            s.fma(s.sub(d1, d2), s.splat(3.0), odd),
            odd,
            s.fnma(odd, two, s.sub(d4, d2)),
        ]
    }

    #[inline(always)]
    fn input_adjoint<S: Simd>(s: S, [v0, v1, v2, v3, v4]: [S::V; 5]) -> [S::V; 5] {
        let (two, three) = (s.splat(2.0), s.splat(3.0));
        let odd = s.fnma(v4, two, s.add(s.add(v0, v1), s.add(v2, v3)));
        let rest = s.fma(v0, two, s.add(v1, v4));
        [
            s.mul(v0, two),
            s.fma(v2, three, minus(s, s.add(odd, v1))),
            s.fnma(v2, three, minus(s, rest)),
            odd,
            v4,
        ]
    }
}

/// F(4x4, 2x2): 25 products for 16 outputs, instead of 64.
impl Tile<5, 4, 2> for Five {
    const PACKINGS: [Packing; 2] = [Packing::TilesOfTwo, Packing::TilesOfTwoTransposed];

    #[inline(always)]
    fn output<S: Simd>(s: S, [p0, p1, p2, p3, p4]: [S::V; 5]) -> [S::V; 4] {
        let [sum, difference] = both(s, p1, p2);
        [
            s.add(p0, s.add(sum, p3)),
            s.fma(p3, s.splat(2.0), difference),
            s.fma(p3, s.splat(4.0), sum),
            s.fma(p3, s.splat(8.0), s.add(difference, p4)),
        ]
    }

    #[inline(always)]
    fn output_adjoint<S: Simd>(s: S, [y0, y1, y2, y3]: [S::V; 4]) -> [S::V; 5] {
        let [plus, minus] = both(s, s.add(y0, y2), s.add(y1, y3));
        let even = s.fma(y2, s.splat(4.0), y0);
        let odd = s.fma(y3, s.splat(4.0), y1);
        [y0, plus, minus, s.fma(odd, s.splat(2.0), even), y3]
    }

    #[inline(always)]
    fn weight<S: Simd>(s: S, [g0, g1]: [S::V; 2]) -> [S::V; 5] {
        let sixth = times(s, g0, 1.0 / 6.0);
        let [plus, minus] = scaled_and(s, g1, 1.0 / 6.0, sixth);
        [
            times(s, g0, 0.5),
            times(s, s.add(g0, g1), -0.5),
            s.sub(s.splat(0.0), minus),
            s.fma(g1, s.splat(1.0 / 6.0), plus),
            g1,
        ]
    }

    #[inline(always)]
    fn weight_adjoint<S: Simd>(s: S, [u0, u1, u2, u3, u4]: [S::V; 5]) -> [S::V; 2] {
        let sixth = s.splat(1.0 / 6.0);
        [
            s.fma(s.sub(u3, u2), sixth, times(s, s.sub(u0, u1), 0.5)),
            s.fma(s.fma(u3, s.splat(2.0), u2), sixth, s.fnma(u1, s.splat(0.5), u4)),
        ]
    }
}

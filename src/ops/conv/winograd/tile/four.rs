//! F(2x2, 3x3).

use super::{Points, Tile, both, both_times, minus, scaled_and, times};
use crate::ops::conv::op::Packing;
use crate::ops::simd::Simd;

/// 0, 1, -1 and ∞.
#[derive(Clone, Copy)]
pub(in crate::ops::conv::winograd) struct Four;

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

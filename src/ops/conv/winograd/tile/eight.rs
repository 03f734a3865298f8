//! F(4x4, 5x5): that of the points of F(6, 3), whose B it has.
//!
//! Row p of G is f (1, p, p², p³, p⁴), and f 1 for p = 0, -2/9 for 1 and -1, 1/90 for 2 and -2, 32/45 for 1/2 and -1/2, as
//! Lavin and Gray's F(6, 3) has them; column p of Aᵀ is (1, p, p², p³).

use super::{Points, Tile, both, both_times, times};
use crate::ops::conv::op::Packing;
use crate::ops::simd::Simd;

/// 0, 1, -1, 2, -2, 1/2, -1/2 and ∞.
#[derive(Clone, Copy)]
pub(in crate::ops::conv::winograd) struct Eight;

/// A sum of products with constants, from the left.
macro_rules! sum {
    ($s:ident, $first:expr, $($value:expr, $factor:expr),+) => {{
        let mut sum = $first;
        $(sum = $s.fma($value, $s.splat($factor), sum);)+
        sum
    }};
}

impl Points<8> for Eight {
    #[inline(always)]
    fn input<S: Simd>(s: S, [d0, d1, d2, d3, d4, d5, d6, d7]: [S::V; 8]) -> [S::V; 8] {
        let [v1, v2] =
            both(s, sum!(s, s.add(d2, d6), d4, -4.25), sum!(s, s.add(d1, d5), d3, -4.25));
        let [d1_half, d5_half] = [times(s, d1, 0.5), times(s, d5, 0.5)];
        let [v3, v4] =
            both(s, sum!(s, d6, d2, 0.25, d4, -1.25), sum!(s, d1_half, d3, -2.5, d5, 2.0));
        let [v5, v6] = both(s, sum!(s, d6, d2, 4.0, d4, -5.0), sum!(s, d5_half, d3, -2.5, d1, 2.0));
        [
            sum!(s, s.sub(d0, d6), s.sub(d4, d2), 5.25),
            v1,
            v2,
            v3,
            v4,
            v5,
            v6,
            sum!(s, s.sub(d7, d1), s.sub(d3, d5), 5.25),
        ]
    }

    #[inline(always)]
    fn input_adjoint<S: Simd>(s: S, [v0, v1, v2, v3, v4, v5, v6, v7]: [S::V; 8]) -> [S::V; 8] {
        let [even1, odd1] = both(s, v1, v2);
        let [even2, odd2] = both(s, v3, v4);
        let [even3, odd3] = both(s, v5, v6);
        let (odd, odd23) = (sum!(s, odd1, odd2, 0.5, odd3, 2.0), s.add(odd2, odd3));
        [
            v0,
            s.sub(odd, v7),
            sum!(s, even1, even2, 0.25, even3, 4.0, v0, -5.25),
            sum!(s, times(s, v7, 5.25), odd1, -4.25, odd23, -2.5),
            sum!(s, times(s, v0, 5.25), even1, -4.25, even2, -1.25, even3, -5.0),
            sum!(s, odd1, odd2, 2.0, odd3, 0.5, v7, -5.25),
            s.sub(s.add(even1, s.add(even2, even3)), v0),
            v7,
        ]
    }
}

/// F(4x4, 5x5): 64 products for 16 outputs, instead of 400.
impl Tile<8, 4, 5> for Eight {
    const PACKINGS: [Packing; 2] = [Packing::WideTiles, Packing::WideTilesTransposed];

    #[inline(always)]
    fn output<S: Simd>(s: S, [p0, p1, p2, p3, p4, p5, p6, p7]: [S::V; 8]) -> [S::V; 4] {
        let [even1, odd1] = both(s, p1, p2);
        let [even2, odd2] = both(s, p3, p4);
        let [even3, odd3] = both(s, p5, p6);
        [
            s.add(s.add(p0, even1), s.add(even2, even3)),
            sum!(s, odd1, odd2, 2.0, odd3, 0.5),
            sum!(s, even1, even2, 4.0, even3, 0.25),
            sum!(s, s.add(odd1, p7), odd2, 8.0, odd3, 0.125),
        ]
    }

    #[inline(always)]
    fn output_adjoint<S: Simd>(s: S, [y0, y1, y2, y3]: [S::V; 4]) -> [S::V; 8] {
        let [p1, p2] = both(s, s.add(y0, y2), s.add(y1, y3));
        let [p3, p4] = both(s, sum!(s, y0, y2, 4.0), sum!(s, times(s, y1, 2.0), y3, 8.0));
        let [p5, p6] = both(s, sum!(s, y0, y2, 0.25), sum!(s, times(s, y1, 0.5), y3, 0.125));
        [y0, p1, p2, p3, p4, p5, p6, y3]
    }

    #[inline(always)]
    fn weight<S: Simd>(s: S, [g0, g1, g2, g3, g4]: [S::V; 5]) -> [S::V; 8] {
        let [u1, u2] = both_times(s, s.add(s.add(g0, g2), g4), s.add(g1, g3), -2.0 / 9.0);
        let (even2, odd2) = (sum!(s, g0, g2, 4.0, g4, 16.0), sum!(s, times(s, g1, 2.0), g3, 8.0));
        let [u3, u4] = both_times(s, even2, odd2, 1.0 / 90.0);
        let (even3, odd3) = (sum!(s, g4, g2, 4.0, g0, 16.0), sum!(s, times(s, g3, 2.0), g1, 8.0));
        let [u5, u6] = both_times(s, even3, odd3, 2.0 / 45.0);
        [g0, u1, u2, u3, u4, u5, u6, g4]
    }

    #[inline(always)]
    fn weight_adjoint<S: Simd>(s: S, [u0, u1, u2, u3, u4, u5, u6, u7]: [S::V; 8]) -> [S::V; 5] {
        let [even1, odd1] = both_times(s, u1, u2, -2.0 / 9.0);
        let [even2, odd2] = both_times(s, u3, u4, 1.0 / 90.0);
        let [even3, odd3] = both_times(s, u5, u6, 2.0 / 45.0);
        [
            sum!(s, s.add(u0, s.add(even1, even2)), even3, 16.0),
            sum!(s, odd1, odd2, 2.0, odd3, 8.0),
            sum!(s, even1, even2, 4.0, even3, 4.0),
            sum!(s, odd1, odd2, 8.0, odd3, 2.0),
            sum!(s, s.add(even1, s.add(even3, u7)), even2, 16.0),
        ]
    }
}

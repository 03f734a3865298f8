//! One side of a product in shared memory, and in the registers of a unit.
//!
//! In shared memory there are blocks of [`INNER`] = 16 places of the inner dimension, as the tensor cores take them: in the
//! half `h` the unit `4g + t` of a plane has the places 4t + 2h and 4t + 2h + 1, of the rows g and 8 + g on the left (four
//! numbers, one vector), of the row g on the right (two vectors are four numbers of two rows, or of both halves). Where
//! the numbers of a column lie together, the rows of a unit are four in a row instead ([`row_of_group`]). So a unit reads
//! what it multiplies with as whole vectors, from all banks, and writes them so.

use cubecl::prelude::*;

use super::operand::{GROUP, PLANE, Part, Together};
use crate::ops::cube::tensor::VECTOR;

/// What numbers are multiplied with for the tensor cores, which cut 13 bits off: that takes half of the last bit that is
/// left on average, ln 2 / 2048 of a number whose logarithm is uniform, and this gives it back. (Rounding each to the nearest
/// was 4 instructions, a third of all between two products: NaN must stay NaN.)
const ROUNDED: f32 = 1.0 + std::f32::consts::LN_2 / 2048.0;

/// Where among the 32 vectors of a plane that of the unit `4g + t` is. (Turned by t, so that eight neighbours write and
/// read from all banks, where those that write have the same t.)
#[cube]
pub(super) fn lane(g: usize, t: usize, #[comptime] together: Together) -> usize {
    if comptime!(together == Together::Inner) { 4 * g + t } else { GROUP * t + (g ^ (2 * t)) }
}

/// Writes the pairs that `unit` has brought into shared memory, from `base` on.
#[cube]
pub(super) fn put(
    own: &Array<Vector<f32, Const<VECTOR>>>,
    turn: usize,
    are_there: u32,
    shared: &mut Shared<[Vector<f32, Const<VECTOR>>]>,
    base: usize,
    unit: usize,
    #[comptime] part: Part,
) {
    let in_line = comptime!(part.pairs_in_line());
    let by_row = comptime!(part.operand.together == Together::Inner);
    #[unroll]
    for n in 0..comptime!(part.each()) {
        let pair = comptime!(n * part.units) + unit;
        let at = turn * comptime!(2 * part.each()) + comptime!(2 * n);
        let x = scaled(own[at], are_there, comptime!(2 * n), part.is_rounded);
        let y = scaled(own[at + 1], are_there, comptime!(2 * n + 1), part.is_rounded);
        let (across, down) = (pair % in_line, pair / in_line);
        if comptime!(part.pairs().is_multiple_of(part.units)) || pair < comptime!(part.pairs()) {
            if by_row {
                let lane = lane(down % GROUP, across % 4, Together::Inner);
                let block = across / 4 * comptime!(part.block());
                let first = base + block + down / GROUP * (2 * PLANE) + lane;
                if comptime!(part.is_left) {
                    shared[first] = of_four(x, y, 0usize, 0usize, 1usize, 1usize, true);
                    shared[first + PLANE] = of_four(x, y, 2usize, 2usize, 3usize, 3usize, true);
                } else {
                    shared[first] = x;
                    shared[first + PLANE] = y;
                }
            } else {
                let lane = lane(across % GROUP, down % 4, Together::Rows);
                let block = down / GROUP * comptime!(part.block());
                let first = base + block + (across / GROUP * 4 + down / 4 % 2) * PLANE + lane;
                if comptime!(part.is_left) {
                    shared[first] = of_four(x, y, 0usize, 1usize, 0usize, 1usize, false);
                    shared[first + 2 * PLANE] =
                        of_four(x, y, 2usize, 3usize, 2usize, 3usize, false);
                } else {
                    shared[first] = of_four(x, y, 0usize, 0usize, 1usize, 1usize, true);
                    shared[first + 2 * PLANE] = of_four(x, y, 2usize, 2usize, 3usize, 3usize, true);
                }
            }
        }
    }
}

/// Of two vectors: x, y, x, y where they are `by_turns`, else x, x, y, y.
#[cube]
fn of_four(
    x: Vector<f32, Const<VECTOR>>,
    y: Vector<f32, Const<VECTOR>>,
    #[comptime] first: usize,
    #[comptime] second: usize,
    #[comptime] third: usize,
    #[comptime] fourth: usize,
    #[comptime] by_turns: bool,
) -> Vector<f32, Const<VECTOR>> {
    let mut four = Vector::<f32, Const<VECTOR>>::empty();
    four.insert(0usize, x.extract(first));
    four.insert(3usize, y.extract(fourth));
    if by_turns {
        four.insert(1usize, y.extract(second));
        four.insert(2usize, x.extract(third));
    } else {
        four.insert(1usize, x.extract(second));
        four.insert(2usize, y.extract(third));
    }
    four
}

/// What the units multiply, zeros where it is not there. (On tensor cores these are 0 times the first number in memory: NaN
/// where that is not finite, and the run has diverged. A choice would be one more instruction
/// for each number.)
#[cube]
fn scaled(
    vector: Vector<f32, Const<VECTOR>>,
    are_there: u32,
    #[comptime] bit: usize,
    #[comptime] is_rounded: bool,
) -> Vector<f32, Const<VECTOR>> {
    let is_there = are_there & comptime!(1u32 << bit as u32) != 0;
    if is_rounded {
        vector * Vector::new(select(is_there, ROUNDED, 0.0f32))
    } else {
        select(is_there, vector, Vector::new(0.0f32))
    }
}

/// `groups` vectors from shared memory, for the groups of rows from `first` on: of the left side those of a fragment are one
/// for each half, and [`pair_of`] has those of the right.
#[cube]
pub(super) fn take(
    own: &mut Array<Vector<f32, Const<VECTOR>>>,
    shared: &Shared<[Vector<f32, Const<VECTOR>>]>,
    base: usize,
    first: usize,
    lane: usize,
    #[comptime] groups: usize,
) {
    #[unroll]
    for n in 0..groups {
        own[n] = shared[base + (first / GROUP + n) * PLANE + lane];
    }
}

/// Of the vectors of the right side, that with the numbers of a group in a half, and where they begin in it.
pub(super) fn pair_of(group: usize, half: usize, together: Together) -> (usize, usize) {
    match together {
        Together::Inner => (group, 2 * half),
        Together::Rows => (group / 2 * 2 + half, group % 2 * 2),
    }
}

/// Which row of a side, from the `first` on, is that of `row` in a group.
#[cube]
pub(super) fn row_of_group(
    first: usize,
    row: usize,
    #[comptime] group: usize,
    #[comptime] together: Together,
) -> usize {
    if comptime!(together == Together::Inner) {
        first + comptime!(GROUP * group) + row
    } else {
        first + comptime!(4 * GROUP * (group / 4) + group % 4) + 4 * row
    }
}

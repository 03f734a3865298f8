//! Sums over the rows of a matrix on a GPU, in an order that its size alone decides: two runs are equal to the last bit.
//!
//! `sums[c] = Σ_r x[r][c]`. A unit adds every g-th of [`ROWS`] rows, where g groups have all of them; the sums of the
//! groups are added likewise, until one row is left. (burn's own sum of all values adds with atomic operations, in the
//! order in which the units come to an end.)

use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::tensor::{buffer, cubes, empty_beside};

/// Rows that one unit adds up.
const ROWS: usize = 64;
/// Rows that it reads before it adds them: it waits for the memory once.
const AHEAD: usize = 8;

/// The sum `[1]` of all values of `x`.
pub(crate) fn of_all(x: CubeTensor) -> CubeTensor {
    over_rows(into_contiguous(x), 1)
}

/// The sums `[columns]` over the rows of `x` `[rows, columns]`, which lies in this order.
pub(crate) fn over_rows(x: CubeTensor, columns: usize) -> CubeTensor {
    let mut rows = x.meta.shape().num_elements() / columns;
    let mut sums = reshape(x, [rows * columns].into());
    while rows > 1 {
        let groups = rows.div_ceil(ROWS);
        let next = empty_beside(&sums, [groups * columns]);
        let (count, size) = cubes(&sums, groups * columns);
        let (from, to) = (buffer(&sums), buffer(&next));
        add_rows::launch(&sums.client, count, size, from, to, rows, groups, columns);
        (sums, rows) = (next, groups);
    }
    sums
}

/// Sums `[groups, columns]` of `x` `[rows, columns]`.
#[cube(launch)]
fn add_rows(x: &[f32], sums: &mut [f32], rows: usize, groups: usize, columns: usize) {
    if ABSOLUTE_POS >= groups * columns {
        terminate!();
    }
    let group = ABSOLUTE_POS / columns;
    let column = ABSOLUTE_POS % columns;
    let mut sum = 0.0f32;
    for ahead in range_stepped(group, rows, groups * AHEAD) {
        let mut values = Array::<f32>::new(AHEAD);
        #[unroll]
        for n in 0..AHEAD {
            let row = ahead + n * groups;
            let inside = row < rows;
            let at = select(inside, row * columns + column, 0usize);
            values[n] = select(inside, x[at], 0.0f32);
        }
        #[unroll]
        for n in 0..AHEAD {
            sum += values[n];
        }
    }
    sums[ABSOLUTE_POS] = sum;
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::{any, assemble_for_cards};

    #[test]
    fn cards() {
        assemble_for_cards!("sums of rows", add_rows::AddRows, any(), any(), (), (), ());
    }
}

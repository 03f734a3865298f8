//! The products of one step on the tensor cores, by planes of 32 units (`mma.m16n8k8`, TF32).
//!
//! A plane has some rows and columns of the output, in fragments of 16 x 8. In a fragment the unit 4g + t has the rows g
//! and 8 + g and the columns 2t and 2t + 1.

use cubecl::cmma::MmaDefinition;
use cubecl::prelude::*;

use super::operand::{GROUP, PLANE, Together};
use super::output::{Output, put_pair};
use super::plan::Plan;
use super::shared::{lane, pair_of, row_of_group, take};
use super::{Shares, Sums};
use crate::ops::cube::tensor::VECTOR;

/// The unit 4g + t of a plane, and where the plane's rows and columns begin in those of its cube.
#[derive(CubeType)]
struct Own {
    g: usize,
    t: usize,
    row: usize,
    column: usize,
}

#[cube]
fn own(#[comptime] plan: Plan) -> Own {
    let (plane, across) = (UNIT_POS as usize / PLANE, comptime!(plan.tile.across));
    let (rows, columns) = comptime!(plan.each());
    Own {
        g: UNIT_POS_PLANE as usize / 4,
        t: UNIT_POS_PLANE as usize % 4,
        row: plane / across * rows,
        column: plane % across * columns,
    }
}

/// Adds the products of what is in shared memory.
#[cube]
pub(super) fn add(
    sums: &mut Sums,
    shares: &Shares,
    at_left: usize,
    at_right: usize,
    #[comptime] plan: Plan,
) {
    let (rows, columns) = comptime!(plan.each());
    let own = own(plan);
    let (by_row, by_column) = comptime!((plan.left.together, plan.right.together));
    let groups = comptime!(columns / GROUP);
    let mut b = Array::<Vector<f32, Const<VECTOR>>>::new(groups);
    take(&mut b, &shares.right, at_right, own.column, lane(own.g, own.t, by_column), groups);

    let product = MmaDefinition::<tf32, tf32, f32>::new(16usize, 8usize, 8usize);
    #[unroll]
    for m in 0..comptime!(rows / (2 * GROUP)) {
        let mut a = Array::<Vector<f32, Const<VECTOR>>>::new(2usize);
        let from = own.row + comptime!(2 * GROUP * m);
        take(&mut a, &shares.left, at_left, from, lane(own.g, own.t, by_row), 2usize);
        #[unroll]
        for half in 0..2usize {
            let mut of_a = Array::<Vector<tf32, Const<1>>>::new(4usize);
            #[unroll]
            for n in 0..4usize {
                of_a[n] = Vector::new(<tf32 as Reinterpret>::reinterpret(a[half].extract(n)));
            }
            #[unroll]
            for n in 0..groups {
                let (vector, first) = comptime!(pair_of(n, half, by_column));
                let mut of_b = Array::<Vector<tf32, Const<1>>>::new(2usize);
                of_b[0] = Vector::new(<tf32 as Reinterpret>::reinterpret(b[vector].extract(first)));
                of_b[1] = Vector::new(<tf32 as Reinterpret>::reinterpret(
                    b[vector].extract(comptime!(first + 1)),
                ));
                product.execute_inplace(&of_a, &of_b, sums.index_mut(comptime!(m * groups + n)));
            }
        }
    }
}

/// Writes the sums.
#[cube]
pub(super) fn put<P: Size>(
    sums: &Sums,
    y: &mut [Vector<f32, P>],
    bias: &[f32],
    output: &Output,
    #[comptime] plan: Plan,
) {
    let (rows, columns) = comptime!(plan.each());
    let own = own(plan);
    let (by_row, by_column) = comptime!((plan.left.together, plan.right.together));
    let groups = comptime!(columns / GROUP);
    #[unroll]
    for group in 0..comptime!(rows / GROUP) {
        let row = row_of_group(output.row + own.row, own.g, group, by_row);
        #[unroll]
        for n in 0..groups {
            // Of this fragment the columns lie together, or of this one and the next.
            let first = comptime!(group / 2 * groups + n / 2 * 2);
            let (turn, mine) = comptime!((n % 2, group % 2));
            let column = output.column + own.column;
            if comptime!(by_column == Together::Inner) {
                let pair = sums.index(comptime!(first + turn))[mine];
                let (x0, x1) = (pair.extract(0usize), pair.extract(1usize));
                let column = row_of_group(column, 2 * own.t, n, by_column);
                put_pair(x0, x1, row, column, y, bias, output, plan);
            } else {
                let x0 = sums.index(first)[mine].extract(turn);
                let x1 = sums.index(comptime!(first + 1))[mine].extract(turn);
                let column =
                    row_of_group(column, 2 * own.t + turn, comptime!(n / 2 * 2), by_column);
                put_pair(x0, x1, row, column, y, bias, output, plan);
            }
        }
    }
}

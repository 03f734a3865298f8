//! The products of one step unit by unit, where there are no tensor cores or 32 bits are asked for.
//!
//! 64 units, or twice as many, share the rows g and 8 + g of all fragments and the columns g of all groups.

use cubecl::prelude::*;

use super::Shares;
use super::operand::{GROUP, PLANE};
use super::output::{Output, put_number};
use super::plan::Plan;
use super::shared::{lane, pair_of, row_of_group, take};
use crate::ops::cube::tensor::VECTOR;

/// Units that have the same rows, or columns, of other groups.
const SET: usize = GROUP * GROUP;

/// Fragments of rows and groups of columns of a unit.
fn each(plan: Plan) -> (usize, usize) {
    (plan.tile.rows / (2 * GROUP) / (plan.tile.units / SET), plan.tile.columns / GROUP)
}

/// Adds the products of what is in shared memory to the sums of `unit`, from `first` on.
#[cube]
pub(super) fn add(
    sums: &mut Array<f32>,
    first: usize,
    shares: &Shares,
    at_left: usize,
    at_right: usize,
    unit: usize,
    #[comptime] plan: Plan,
) {
    let (fragments, groups) = comptime!(each(plan));
    let (row, column) = (unit % GROUP, unit / GROUP % GROUP);
    let from = unit / SET * comptime!(fragments * 2 * GROUP);
    let (by_row, by_column) = comptime!((plan.left.together, plan.right.together));
    for t in 0..VECTOR {
        let mut a = Array::<Vector<f32, Const<VECTOR>>>::new(comptime!(2 * fragments));
        let mut b = Array::<Vector<f32, Const<VECTOR>>>::new(groups);
        take(&mut a, &shares.left, at_left, from, lane(row, t, by_row), comptime!(2 * fragments));
        take(&mut b, &shares.right, at_right, 0usize, lane(column, t, by_column), groups);
        #[unroll]
        for place in 0..4usize {
            #[unroll]
            for n in 0..comptime!(2 * fragments) {
                let vector = comptime!(n / 2 * 2 + place / 2);
                let x = a[vector].extract(comptime!(place % 2 * 2 + n % 2));
                #[unroll]
                for group in 0..groups {
                    let (vector, begin) = comptime!(pair_of(group, place / 2, by_column));
                    let y = b[vector].extract(comptime!(begin + place % 2));
                    sums[first + comptime!(n * groups + group)] += x * y;
                }
            }
        }
    }
}

/// Writes the sums of `unit`.
#[cube]
pub(super) fn put<P: Size>(
    sums: &Array<f32>,
    first: usize,
    unit: usize,
    y: &mut [Vector<f32, P>],
    bias: &[f32],
    output: &Output,
    #[comptime] plan: Plan,
) {
    let (fragments, groups) = comptime!(each(plan));
    let (row, column) = (unit % GROUP, unit / GROUP % GROUP);
    let from = output.row + unit / SET * comptime!(fragments * 2 * GROUP);
    let (by_row, by_column) = comptime!((plan.left.together, plan.right.together));
    #[unroll]
    for n in 0..comptime!(2 * fragments) {
        let row = row_of_group(from, row, n, by_row);
        #[unroll]
        for group in 0..groups {
            let column = row_of_group(output.column, column, group, by_column);
            let sum = sums[first + comptime!(n * groups + group)];
            put_number(sum, row, column, y, bias, output, plan);
        }
    }
}

/// Sums of a unit.
pub(super) fn sums(plan: Plan) -> usize {
    let (fragments, groups) = each(plan);
    2 * fragments * groups
}

const _: () = assert!(PLANE == GROUP * VECTOR);

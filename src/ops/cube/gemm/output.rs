//! What becomes of the sums of a product.

use cubecl::prelude::*;

use super::plan::Plan;
use crate::ops::Activation;
use crate::ops::cube::activation::activated;

/// Where a cube of units writes.
#[derive(CubeType)]
pub(super) struct Output {
    /// Its first row.
    pub row: usize,
    /// Its first column.
    pub column: usize,
    /// All rows.
    pub rows: usize,
    /// All columns.
    pub columns: usize,
    /// Rows of other parts of the sum before this one's.
    pub before: usize,
}

/// Writes two numbers beside each other, where they are in the matrix, with bias and activation.
#[cube]
pub(super) fn put_pair<P: Size>(
    left: f32,
    right: f32,
    row: usize,
    column: usize,
    y: &mut [Vector<f32, P>],
    bias: &[f32],
    output: &Output,
    #[comptime] plan: Plan,
) {
    if comptime!(plan.pairs) {
        if row < output.rows && column < output.columns {
            let mut pair = Vector::<f32, P>::empty();
            pair.insert(0usize, finished(left, column, bias, plan));
            pair.insert(1usize, finished(right, column + 1, bias, plan));
            y[((output.before + row) * output.columns + column) / 2] = pair;
        }
    } else {
        put_number(left, row, column, y, bias, output, plan);
        put_number(right, row, column + 1, y, bias, output, plan);
    }
}

/// Writes one number, where it is in the matrix.
#[cube]
pub(super) fn put_number<P: Size>(
    number: f32,
    row: usize,
    column: usize,
    y: &mut [Vector<f32, P>],
    bias: &[f32],
    output: &Output,
    #[comptime] plan: Plan,
) {
    if row < output.rows && column < output.columns {
        let number = finished(number, column, bias, plan);
        y[(output.before + row) * output.columns + column] = Vector::new(number);
    }
}

#[cube]
fn finished(number: f32, column: usize, bias: &[f32], #[comptime] plan: Plan) -> f32 {
    if comptime!(plan.has_bias) {
        activated(number + bias[column], plan.activation)
    } else {
        number
    }
}

/// Adds up the `parts` of a product, and does what comes after it.
#[cube(launch)]
pub(super) fn finish<N: Size>(
    sums: &[Vector<f32, N>],
    bias: &[Vector<f32, N>],
    y: &mut [Vector<f32, N>],
    parts: usize,
    columns: usize,
    #[comptime] has_bias: bool,
    #[comptime] activation: Activation,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let mut sum = sums[ABSOLUTE_POS];
    for part in 1..parts {
        sum += sums[part * y.len() + ABSOLUTE_POS];
    }
    if has_bias {
        sum += bias[ABSOLUTE_POS % (columns / N::value())];
        #[unroll]
        for e in 0..N::value() {
            sum.insert(e, activated(sum.extract(e), activation));
        }
    }
    y[ABSOLUTE_POS] = sum;
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::{any, assemble_for_cards};

    #[test]
    fn cards() {
        assemble_for_cards!(
            "sum of parts",
            finish::Finish,
            any(),
            any(),
            any(),
            (),
            (),
            4,
            true,
            Activation::Relu
        );
    }
}

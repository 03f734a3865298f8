//! Products of matrices on a GPU, of which one or both may be the windows of images: convolutions without the columns.
//!
//! ```text
//! y[m][n] = activation(Σ_k left[m][k] right[n][k] + bias[n])
//! ```
//!
//! A cube of units has a tile of y. It goes along k in steps of 16 or 32: while it multiplies what is in one half of the
//! shared memory it reads what comes next, and leaves it in the other half. Where y has too few tiles for a GPU, k is in parts
//! that cubes of their own sum up, and these sums are added in their order. The sizes and the kind of device decide all of
//! this, so that two runs on one are equal to the last bit.
//!
//! On tensor cores ([`planes`]) both sides are rounded to TF32 (ten bits), to within 0.7 of the last bit and without bias
//! ([`shared`]); without ([`units`]) they are not.

#[cfg(all(test, feature = "cuda"))]
mod cards;
mod operand;
mod output;
mod plan;
mod planes;
mod shared;
mod side;
mod units;

use std::sync::LazyLock;

use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::features::MmaConfig;
use cubecl::ir::{ElemType, FloatKind};
use cubecl::prelude::*;

pub(crate) use self::operand::Together;
use self::operand::{INNER, Range, fetch};
use self::output::{Output, finish};
use self::plan::{Plan, Tile};
use self::shared::put;
pub(crate) use self::side::Side;
use super::tensor::{VECTOR, at_once, buffer, cubes, empty_beside};
use crate::ops::Activation;

/// The shortest sum that is worth a part of its own.
const LEAST: usize = 64;

/// Both sides in shared memory, twice.
#[derive(CubeType)]
struct Shares {
    left: Shared<[Vector<f32, Const<VECTOR>>]>,
    right: Shared<[Vector<f32, Const<VECTOR>>]>,
}

/// Sums of a unit, in pairs of columns.
type Sums = Sequence<Array<Vector<f32, Const<2>>>>;

/// The sizes of a product.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Rows of the left side, and of y.
    pub rows: usize,
    /// Rows of the right side, columns of y.
    pub columns: usize,
    /// What is summed over.
    pub inner: usize,
}

/// Whether the device of `tensor` has tensor cores for these products, which may be used.
fn has_cores(tensor: &CubeTensor) -> bool {
    static EXACT: LazyLock<bool> =
        LazyLock::new(|| std::env::var("NVIDIA_TF32_OVERRIDE").is_ok_and(|value| value == "0"));
    let (tf32, f32) = (ElemType::Float(FloatKind::TF32), ElemType::Float(FloatKind::F32));
    let product = MmaConfig { a_type: tf32, b_type: tf32, cd_type: f32, m: 16, n: 8, k: 8 };
    let properties = tensor.client.properties();
    let has_planes = properties.hardware.plane_size_min == 32;
    !*EXACT && has_planes && properties.features.matmul.mma.contains(&product)
}

/// The product `[rows, columns]`, in one row, `then` with bias and activation.
pub(crate) fn multiply(
    left: Side,
    right: Side,
    sizes: Sizes,
    then: Option<(&CubeTensor, Activation)>,
) -> CubeTensor {
    let (sums, parts) = in_parts(left, right, sizes, then);
    if parts == 1 {
        return sums;
    }
    let Sizes { rows, columns, .. } = sizes;
    let y = empty_beside(&sums, [rows * columns]);
    let at_once = at_once(columns);
    let (count, size) = cubes(&y, rows * columns / at_once);
    let (bias, activation) = then.unwrap_or((&sums, Activation::Identity));
    let [from, bias, to] = [&sums, bias, &y].map(buffer);
    let has_bias = then.is_some();
    let client = &sums.client;
    finish::launch(
        client, count, size, at_once, from, bias, to, parts, columns, has_bias, activation,
    );
    y
}

/// As many parts as are to be added up for the product, `[parts, rows, columns]` in one row; `then` is done where there is
/// only one.
pub(crate) fn in_parts(
    left: Side,
    right: Side,
    Sizes { rows, columns, inner }: Sizes,
    then: Option<(&CubeTensor, Activation)>,
) -> (CubeTensor, usize) {
    let client = left.memory.client.clone();
    let has_cores = has_cores(&left.memory);
    let tile = match has_cores {
        true => Tile::of_planes(columns),
        false => Tile::of_units(&client.properties().hardware),
    };
    let tiles = rows.div_ceil(tile.rows) * columns.div_ceil(tile.columns);
    let parts = (tile.wanted / tiles).min(inner / LEAST).max(1);
    let each = inner.div_ceil(parts).next_multiple_of(tile.blocks * INNER);
    let parts = inner.div_ceil(each);
    let at_once = if parts == 1 { then } else { None };
    let pairs = has_cores && columns.is_multiple_of(2);
    let plan = Plan {
        left: left.operand,
        right: right.operand,
        tile,
        has_cores,
        has_bias: at_once.is_some(),
        activation: at_once.map_or(Activation::Identity, |(_, activation)| activation),
        pairs,
    };
    let y = empty_beside(&left.memory, [parts * rows * columns]);
    let bias = at_once.map_or(&left.memory, |(bias, _)| bias);
    kernel::launch(
        &client,
        grid(tiles as u32, parts as u32, client.properties().hardware.max_cube_count.0),
        CubeDim::new_1d((tile.units / tile.turns) as u32),
        plan.left.at_once,
        plan.right.at_once,
        plan.written_at_once(),
        buffer(&left.memory),
        buffer(&right.memory),
        buffer(bias),
        buffer(&y),
        rows,
        columns,
        inner,
        each,
        left.apart,
        right.apart,
        plan,
    );
    (y, parts)
}

/// As many cubes as there are tiles, and some more where a device has no `most` that is as large, for each of the parts.
fn grid(tiles: u32, parts: u32, most: u32) -> CubeCount {
    let across = tiles.min(most);
    CubeCount::new_3d(across, parts, tiles.div_ceil(across))
}

/// The unit whose turn it is.
#[cube]
fn unit_of(turn: usize, #[comptime] tile: Tile) -> usize {
    turn * comptime!(tile.units / tile.turns) + UNIT_POS as usize
}

#[cube(launch)]
fn kernel<L: Size, R: Size, P: Size>(
    left: &[Vector<f32, L>],
    right: &[Vector<f32, R>],
    bias: &[f32],
    y: &mut [Vector<f32, P>],
    rows: usize,
    columns: usize,
    inner: usize,
    each: usize,
    left_apart: usize,
    right_apart: usize,
    #[comptime] plan: Plan,
) {
    let (tile, ours, theirs) = comptime!((plan.tile, plan.left(), plan.right()));
    let turns = comptime!(tile.turns);
    let across = columns.div_ceil(comptime!(tile.columns));
    let part = CUBE_POS_Y as usize;
    let number = CUBE_POS_Z as usize * CUBE_COUNT_X as usize + CUBE_POS_X as usize;
    // The whole cube of units, before any waits for the others.
    if number >= rows.div_ceil(comptime!(tile.rows)) * across {
        terminate!();
    }
    let row = number / across * comptime!(tile.rows);
    let column = number % across * comptime!(tile.columns);
    let begin = part * each;
    let end = min(begin + each, inner);
    let of_left = Range { row, rows, end, apart: left_apart };
    let of_right = Range { row: column, rows: columns, end, apart: right_apart };

    let mut of_planes = Sequence::new();
    #[unroll]
    for _ in 0..comptime!(plan.fragments()) {
        let mut own = Array::<Vector<f32, Const<2>>>::new(2usize);
        own[0] = Vector::new(0.0f32);
        own[1] = Vector::new(0.0f32);
        of_planes.push(own);
    }
    let many = comptime!(if plan.has_cores { 0 } else { units::sums(plan) });
    let mut of_units = Array::<f32>::new(comptime!((many * turns).max(1)));
    #[unroll(turns == 1)]
    for place in 0..comptime!(many * turns) {
        of_units[place] = 0.0f32;
    }
    let mut shares = Shares {
        left: Shared::new_aligned_slice(comptime!(2 * ours.size()), 16usize),
        right: Shared::new_aligned_slice(comptime!(2 * theirs.size()), 16usize),
    };
    let mut own_left = Array::<Vector<f32, Const<VECTOR>>>::new(comptime!(2 * ours.each() * turns));
    let mut own_right =
        Array::<Vector<f32, Const<VECTOR>>>::new(comptime!(2 * theirs.each() * turns));
    let mut are_left = Array::<u32>::new(turns);
    let mut are_right = Array::<u32>::new(turns);

    let of_step = comptime!(tile.blocks * INNER);
    let steps = (end - begin).div_ceil(of_step);
    // Before the first step there is nothing to multiply, and after the last nothing to read.
    for step in 0..steps + 1 {
        let (half, other) = (1 - step % 2, step % 2);
        let place = begin + step * of_step;
        #[unroll(turns == 1)]
        for turn in 0..turns {
            let unit = unit_of(turn, tile);
            are_left[turn] = fetch(&mut own_left, turn, left, unit, place, &of_left, ours);
            are_right[turn] = fetch(&mut own_right, turn, right, unit, place, &of_right, theirs);
        }
        if step > 0 {
            #[unroll]
            for block in 0..comptime!(tile.blocks) {
                let at_left = half * comptime!(ours.size()) + comptime!(block * ours.block());
                let at_right = half * comptime!(theirs.size()) + comptime!(block * theirs.block());
                if comptime!(plan.has_cores) {
                    planes::add(&mut of_planes, &shares, at_left, at_right, plan);
                } else {
                    #[unroll(turns == 1)]
                    for turn in 0..turns {
                        let unit = unit_of(turn, tile);
                        let first = turn * many;
                        units::add(&mut of_units, first, &shares, at_left, at_right, unit, plan);
                    }
                }
            }
        }
        #[unroll(turns == 1)]
        for turn in 0..turns {
            let unit = unit_of(turn, tile);
            let (at_left, at_right) =
                (other * comptime!(ours.size()), other * comptime!(theirs.size()));
            put(&own_left, turn, are_left[turn], &mut shares.left, at_left, unit, ours);
            put(&own_right, turn, are_right[turn], &mut shares.right, at_right, unit, theirs);
        }
        sync_cube();
    }
    let output = Output { row, column, rows, columns, before: part * rows };
    if comptime!(plan.has_cores) {
        planes::put(&of_planes, y, bias, &output, plan);
    } else {
        #[unroll(turns == 1)]
        for turn in 0..turns {
            let unit = unit_of(turn, tile);
            units::put(&of_units, turn * many, unit, y, bias, &output, plan);
        }
    }
}

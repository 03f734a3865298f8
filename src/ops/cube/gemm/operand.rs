//! One side of a product: where its numbers are in memory, and how units bring them.
//!
//! A side has rows `[rows, inner]`. Its memory is lines: a line is a row where the numbers of a row lie together, and one
//! place of the inner dimension where those of a column do. The images of a convolution are a side whose lines are the
//! pixels of its output, and whose numbers are the windows' `[kh, kw, channels]` (im2col), which are nowhere in memory.

use cubecl::prelude::*;

use crate::ops::cube::geometry::{Geometry, place_of};
use crate::ops::cube::tensor::{VECTOR, at_once};

/// Places of the inner dimension that are multiplied at a time.
pub(super) const INNER: usize = 16;
/// Rows of a group, of which each unit of four has one.
pub(super) const GROUP: usize = 8;
/// Units of a plane.
pub(super) const PLANE: usize = 32;

/// Which numbers lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Together {
    /// Those of a row.
    Inner,
    /// Those of a column.
    Rows,
}

/// What a kernel knows of one side of a product when it is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Operand {
    /// Which numbers lie together.
    pub together: Together,
    /// That its memory is images, whose windows it is.
    pub windows: Option<Geometry>,
    /// Numbers that are read at once: [`VECTOR`] or one.
    pub at_once: usize,
}

impl Operand {
    /// A matrix whose lines have `line` numbers and begin `apart`.
    pub fn matrix(together: Together, line: usize, apart: usize) -> Self {
        let at_once = at_once(line).min(at_once(apart));
        Self { together, windows: None, at_once }
    }

    /// The windows of images.
    pub fn windows(together: Together, geometry: Geometry) -> Self {
        Self { together, windows: Some(geometry), at_once: at_once(geometry.inputs) }
    }
}

/// Rows of a side that a cube of units works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Part {
    /// Of what.
    pub operand: Operand,
    /// How many rows.
    pub rows: usize,
    /// Blocks of [`INNER`] places that are in shared memory at a time.
    pub blocks: usize,
    /// Units that share them.
    pub units: usize,
    /// Whether it is the left side.
    pub is_left: bool,
    /// Whether the tensor cores are to have the numbers.
    pub is_rounded: bool,
}

impl Part {
    /// Pairs of vectors: of two rows or of two places.
    pub fn pairs(self) -> usize {
        self.blocks * self.rows * INNER / (2 * VECTOR)
    }

    /// Pairs that a unit brings.
    pub fn each(self) -> usize {
        self.pairs().div_ceil(self.units)
    }

    /// Vectors in shared memory from one block to the next: half of the banks further.
    pub fn block(self) -> usize {
        self.rows * INNER / VECTOR + if self.blocks > 1 { VECTOR } else { 0 }
    }

    /// Vectors in shared memory.
    pub fn size(self) -> usize {
        self.blocks * self.block()
    }

    /// Pairs of vectors with the same places, or with the same rows.
    pub fn pairs_in_line(self) -> usize {
        match self.operand.together {
            Together::Inner => self.blocks * INNER / VECTOR,
            Together::Rows => self.rows / VECTOR,
        }
    }
}

/// Where in a side the cube of units is, and how much there is of it.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Range {
    /// The first row.
    pub row: usize,
    /// All rows.
    pub rows: usize,
    /// Behind the last place of the inner dimension.
    pub end: usize,
    /// From one line of the memory to the next.
    pub apart: usize,
}

/// Reads the pairs of vectors that `unit` brings, from `place` of the inner dimension on. Which of the vectors are there are
/// the bits of what is returned: [`put`] takes zeros for the others, so that nothing waits for the memory here.
#[cube]
pub(super) fn fetch<N: Size>(
    own: &mut Array<Vector<f32, Const<VECTOR>>>,
    turn: usize,
    memory: &[Vector<f32, N>],
    unit: usize,
    place: usize,
    range: &Range,
    #[comptime] part: Part,
) -> u32 {
    let in_line = comptime!(part.pairs_in_line());
    let by_row = comptime!(part.operand.together == Together::Inner);
    let mut are_there = 0u32;
    #[unroll]
    for n in 0..comptime!(part.each()) {
        let pair = comptime!(n * part.units) + unit;
        let (across, down) = (pair % in_line, pair / in_line);
        #[unroll]
        for second in 0..2usize {
            // Places 4t + 2h and one more, or rows g and 8 + g.
            let of_block = down / GROUP * INNER + down % 4 * 4 + down / 4 % 2 * 2;
            let (mut line, mut number) = (place + of_block + second, range.row + VECTOR * across);
            let (mut lines, mut numbers) = (range.end, range.rows);
            if by_row {
                line = range.row + down / GROUP * (2 * GROUP) + down % GROUP + GROUP * second;
                number = place + VECTOR * across;
                lines = range.rows;
                numbers = range.end;
            }
            let mut read = Vector::<f32, Const<VECTOR>>::empty();
            if comptime!(part.operand.at_once == VECTOR) {
                let is_there = line < lines && number < numbers;
                let (inside, at) = address(line, number, range.apart, is_there, part.operand);
                let vector = memory[at / VECTOR];
                #[unroll]
                for e in 0..VECTOR {
                    read.insert(e, vector.extract(e));
                }
                are_there |= u32::cast_from(inside) << comptime!((2 * n + second) as u32);
            } else {
                #[unroll]
                for e in 0..VECTOR {
                    let is_there = line < lines && number + e < numbers;
                    let (inside, at) =
                        address(line, number + e, range.apart, is_there, part.operand);
                    read.insert(e, select(inside, memory[at].extract(0usize), 0.0f32));
                }
                are_there |= comptime!(1u32 << (2 * n + second) as u32);
            }
            own[turn * comptime!(2 * part.each()) + comptime!(2 * n + second)] = read;
        }
    }
    are_there
}

/// Whether a number of a line is in the memory, and where; 0 where it is not.
#[cube]
fn address(
    line: usize,
    number: usize,
    apart: usize,
    is_there: bool,
    #[comptime] operand: Operand,
) -> (bool, usize) {
    if comptime!(operand.windows.is_some()) {
        let g = comptime!(operand.windows.unwrap());
        let channels = comptime!(g.inputs);
        let (c, tap) = (number % channels, number / channels);
        let (i, j) = (tap / comptime!(g.columns), tap % comptime!(g.columns));
        let (p, row) = (line % comptime!(g.out_width), line / comptime!(g.out_width));
        let (r, image) = (row % comptime!(g.out_height), row / comptime!(g.out_height));
        let (inside, at) = place_of(image, r + i, p + j, c, channels.runtime(), g);
        let inside = inside && is_there;
        (inside, select(inside, at, 0usize))
    } else {
        (is_there, select(is_there, line * apart + number, 0usize))
    }
}

//! What a kernel for a product is compiled for: the tile of a cube of units, and who multiplies.

use super::operand::{Operand, PLANE, Part};
use crate::ops::Activation;

/// Rows and columns of y that a cube of units has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tile {
    /// Rows of y.
    pub rows: usize,
    /// Columns of y.
    pub columns: usize,
    /// Of 16 places of the inner dimension.
    pub blocks: usize,
    pub units: usize,
    /// How often a unit takes its turn, where a device has not as many.
    pub turns: usize,
    /// Planes beside each other.
    pub across: usize,
    /// Tiles that there are to be at least: as many as the largest GPUs have room for (132 multiprocessors).
    pub wanted: usize,
}

impl Tile {
    /// For so many columns, on planes: the fastest of those that were tried for LeNet and VGG on an H100 (docs/gpu.md).
    pub fn of_planes(columns: usize) -> Self {
        let (columns, blocks, across, wanted) = match columns {
            ..=32 => (32, 2, 1, 396),
            33..=64 => (64, 1, 2, 396),
            _ => (128, 1, 2, 264),
        };
        Self { rows: 128, columns, blocks, units: 128, turns: 1, across, wanted }
    }

    /// For units without tensor cores, of which there can be so `many` in a cube.
    pub fn of_units(many: usize) -> Self {
        match many >= 128 {
            true => Self {
                rows: 128,
                columns: 64,
                blocks: 1,
                units: 128,
                turns: 1,
                across: 1,
                wanted: 264,
            },
            false => Self {
                rows: 32,
                columns: 32,
                blocks: 2,
                units: 64,
                turns: 64,
                across: 1,
                wanted: 64,
            },
        }
    }
}

/// What a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub left: Operand,
    pub right: Operand,
    pub tile: Tile,
    pub has_cores: bool,
    pub has_bias: bool,
    pub activation: Activation,
    /// Whether two numbers are written at once.
    pub pairs: bool,
}

impl Plan {
    pub fn left(self) -> Part {
        let Tile { rows, blocks, units, .. } = self.tile;
        Part { operand: self.left, rows, blocks, units, is_left: true, is_rounded: self.has_cores }
    }

    pub fn right(self) -> Part {
        let Tile { columns: rows, blocks, units, .. } = self.tile;
        Part {
            operand: self.right,
            rows,
            blocks,
            units,
            is_left: false,
            is_rounded: self.has_cores,
        }
    }

    /// Rows and columns of a plane.
    pub fn each(self) -> (usize, usize) {
        let Tile { rows, columns, units, across, .. } = self.tile;
        (rows / (units / PLANE / across), columns / across)
    }

    /// Fragments of a plane, which has the sums of two rows and two columns in each unit.
    pub fn fragments(self) -> usize {
        let (rows, columns) = self.each();
        if self.has_cores { rows / 16 * (columns / 8) } else { 0 }
    }
}

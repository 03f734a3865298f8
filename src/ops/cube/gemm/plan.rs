//! What a kernel for a product is compiled for: the tile of a cube of units, and who multiplies.

use cubecl::ir::HardwareProperties;

use super::operand::{GROUP, Operand, PLANE, Part};
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
    /// How many tiles a product that has fewer is cut into at most: the largest GPUs have room for them (132
    /// multiprocessors).
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

    /// For units without tensor cores: as many as share what a cube of this hardware can keep, or, on a processor, one that
    /// has everybody's turn.
    pub fn of_units(hardware: &HardwareProperties) -> Self {
        let (many, memory) = (hardware.max_units_per_cube, hardware.max_shared_memory_size);
        let (rows, columns, blocks, units, turns) = match many {
            128.. if memory >= 24_576 => (128, 64, 1, 128, 1),
            64.. => (64, 64, 1, 64, 1),
            _ => (32, 32, 2, 64, 64),
        };
        Self {
            rows,
            columns,
            blocks,
            units,
            turns,
            across: 1,
            wanted: if turns > 1 { 64 } else { 264 },
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

    /// How many numbers are written at once.
    pub fn written_at_once(self) -> usize {
        if self.pairs { 2 } else { 1 }
    }

    /// Fragments of a plane, which has the sums of two rows and two columns in each unit.
    pub fn fragments(self) -> usize {
        let (rows, columns) = self.each();
        if self.has_cores { rows / (2 * GROUP) * (columns / GROUP) } else { 0 }
    }
}

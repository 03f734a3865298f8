//! From images to the transformed domain and back, tile by tile.
//!
//! ```text
//! Input         V[p][t][c] = (Bᵀ d Bᵀᵀ)[p]     d the IN x IN pixels of tile t of the padded image
//! InputAdjoint  d += B v B^T                   the gradient of d, where tiles overlap the sum
//! Output        y = Aᵀ P[·][t][k] A            OUT x OUT pixels, those that the image has
//! OutputAdjoint P[p][t][k] = (A y Aᵀ)[p]       y 0 where the image has ended
//! ```
//!
//! p counts the IN x IN places of a tile. The channels of a pixel lie together (NHWC), and are transformed
//! [`LANES`] at a time.

// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

use std::marker::PhantomData;

use super::tile::Tile;
use crate::ops::layout::Size;
use crate::ops::simd::{Kernel, LANES, Lanes, Simd};

/// Where the tiles of an image are among those of the others.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Rows and columns of tiles in the image.
    pub grid: [usize; 2],
    /// The number of its first tile.
    pub first: usize,
    /// From one place of the tiles to the next.
    pub pitch: usize,
}

/// The image's pixels to V.
pub(super) struct Input<'a, F, const IN: usize, const OUT: usize> {
    pub tile: PhantomData<F>,
    pub tiles: Tiles,
    /// With as much padding as the tiles reach.
    pub image: &'a [f32],
    pub size: Size,
    /// `[IN * IN, tiles, channels]`.
    pub out: &'a mut [f32],
}

/// The gradient of V to that of the image's pixels, which is added to.
pub(super) struct InputAdjoint<'a, F, const IN: usize, const OUT: usize> {
    pub tile: PhantomData<F>,
    pub tiles: Tiles,
    /// `[IN * IN, tiles, channels]`.
    pub gradient: &'a [f32],
    pub image: &'a mut [f32],
    pub size: Size,
}

/// P to the image's pixels.
pub(super) struct Output<'a, F, const IN: usize, const OUT: usize> {
    pub tile: PhantomData<F>,
    pub tiles: Tiles,
    /// `[IN * IN, tiles, channels]`.
    pub products: &'a [f32],
    pub image: &'a mut [f32],
    pub size: Size,
}

/// The gradient of the image's pixels to that of P.
pub(super) struct OutputAdjoint<'a, F, const IN: usize, const OUT: usize> {
    pub tile: PhantomData<F>,
    pub tiles: Tiles,
    pub image: &'a [f32],
    pub size: Size,
    /// `[IN * IN, tiles, channels]`.
    pub out: &'a mut [f32],
}

/// Calls `body` for each tile and each [`LANES`] of its channels: a macro, as a closure might not be compiled for the
/// vector unit of its caller.
macro_rules! for_tiles {
    ($tiles:expr, $channels:expr, |$row:ident, $column:ident, $tile:ident, $c:ident, $n:ident| $body:block) => {
        for $row in 0..$tiles.grid[0] {
            for $column in 0..$tiles.grid[1] {
                let $tile = $tiles.first + $row * $tiles.grid[1] + $column;
                for $c in (0..$channels).step_by(LANES) {
                    let $n = LANES.min($channels - $c);
                    $body
                }
            }
        }
    };
}

/// `transform` of the columns of `from`, then of the rows of what that gives.
macro_rules! both_ways {
    ($transform:expr, $from:ident: $rows:ident -> $to:ident) => {{
        let mut half = [[Lanes::ZERO; $rows]; $to];
        for j in 0..$rows {
            let mut column = [Lanes::ZERO; $rows];
            for i in 0..$rows {
                column[i] = $from[i][j];
            }
            let column = $transform(column);
            for i in 0..$to {
                half[i][j] = column[i];
            }
        }
        let mut both = [[Lanes::ZERO; $to]; $to];
        for i in 0..$to {
            both[i] = $transform(half[i]);
        }
        both
    }};
}

/// Implements [`Kernel`] for a transform by its method `lanes`.
macro_rules! kernel {
    ($($name:ident),*) => {$(
        impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> Kernel for $name<'_, F, IN, OUT> {
            // Compiled for each vector unit; the vectors are the compiler's.
            #[inline(always)]
            fn run<S: Simd>(self, _: S) {
                self.lanes();
            }

            fn plain(self) {
                self.lanes();
            }
        }
    )*};
}
pub(super) use kernel;
kernel!(Input, InputAdjoint, Output, OutputAdjoint);

impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> Input<'_, F, IN, OUT> {
    #[inline(always)]
    fn lanes(self) {
        let Self { tiles, image, size: Size { channels, columns, .. }, out, .. } = self;
        for_tiles!(tiles, channels, |row, column, tile, c, n| {
            let corner = (row * OUT * columns + column * OUT) * channels + c;
            let mut d = [[Lanes::ZERO; IN]; IN];
            for i in 0..IN {
                for j in 0..IN {
                    d[i][j] = Lanes::read(&image[corner + (i * columns + j) * channels..][..n]);
                }
            }
            let v = both_ways!(F::input, d: IN -> IN);
            for i in 0..IN {
                for j in 0..IN {
                    let at = (i * IN + j) * tiles.pitch + tile * channels + c;
                    v[i][j].write(&mut out[at..][..n]);
                }
            }
        });
    }
}

impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> InputAdjoint<'_, F, IN, OUT> {
    #[inline(always)]
    fn lanes(self) {
        let Self { tiles, gradient, image, size: Size { channels, columns, .. }, .. } = self;
        for_tiles!(tiles, channels, |row, column, tile, c, n| {
            let mut v = [[Lanes::ZERO; IN]; IN];
            for i in 0..IN {
                for j in 0..IN {
                    let at = (i * IN + j) * tiles.pitch + tile * channels + c;
                    v[i][j] = Lanes::read(&gradient[at..][..n]);
                }
            }
            let d = both_ways!(F::input_adjoint, v: IN -> IN);
            let corner = (row * OUT * columns + column * OUT) * channels + c;
            for i in 0..IN {
                for j in 0..IN {
                    let pixel = &mut image[corner + (i * columns + j) * channels..][..n];
                    (Lanes::read(pixel) + d[i][j]).write(pixel);
                }
            }
        });
    }
}

impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> Output<'_, F, IN, OUT> {
    #[inline(always)]
    fn lanes(self) {
        let Self { tiles, products, image, size: Size { channels, rows, columns }, .. } = self;
        for_tiles!(tiles, channels, |row, column, tile, c, n| {
            let mut p = [[Lanes::ZERO; IN]; IN];
            for i in 0..IN {
                for j in 0..IN {
                    let at = (i * IN + j) * tiles.pitch + tile * channels + c;
                    p[i][j] = Lanes::read(&products[at..][..n]);
                }
            }
            let y = both_ways!(F::output, p: IN -> OUT);
            for i in 0..OUT.min(rows - row * OUT) {
                for j in 0..OUT.min(columns - column * OUT) {
                    let at = ((row * OUT + i) * columns + column * OUT + j) * channels + c;
                    y[i][j].write(&mut image[at..][..n]);
                }
            }
        });
    }
}

impl<F: Tile<IN, OUT>, const IN: usize, const OUT: usize> OutputAdjoint<'_, F, IN, OUT> {
    #[inline(always)]
    fn lanes(self) {
        let Self { tiles, image, size: Size { channels, rows, columns }, out, .. } = self;
        for_tiles!(tiles, channels, |row, column, tile, c, n| {
            let mut y = [[Lanes::ZERO; OUT]; OUT];
            for i in 0..OUT.min(rows - row * OUT) {
                for j in 0..OUT.min(columns - column * OUT) {
                    let at = ((row * OUT + i) * columns + column * OUT + j) * channels + c;
                    y[i][j] = Lanes::read(&image[at..][..n]);
                }
            }
            let p = both_ways!(F::output_adjoint, y: OUT -> IN);
            for i in 0..IN {
                for j in 0..IN {
                    let at = (i * IN + j) * tiles.pitch + tile * channels + c;
                    p[i][j].write(&mut out[at..][..n]);
                }
            }
        });
    }
}

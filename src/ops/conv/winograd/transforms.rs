//! From images to the transformed domain and back, tile by tile.
//!
//! ```text
//! Input         V[p][t][c] = (Bᵀ d Bᵀᵀ)[p]     d the IN x IN pixels under tile t, 0 outside of the image
//! InputAdjoint  d += B v Bᵀ                     the gradient of d, where tiles overlap the sum
//! Output        y = Aᵀ P[·][t][k] A             OUT x OUT pixels, those that the image has
//! OutputAdjoint P[p][t][k] = (A y Aᵀ)[p]       y 0 where the image has ended
//! ```
//!
//! p counts the IN x IN places of a tile. The channels of a pixel lie together (NHWC), and are transformed a vector at a
//! time; V and P are matrices whose rows lie in the [`pitch`](crate::ops::product::pitch) of their channels.

// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

use std::marker::PhantomData;
use std::ops::Range;

use super::tile::Tile;
use crate::ops::layout::Size;
use crate::ops::product::{matrix_pitch, pitch};
use crate::ops::simd::{Kernel, Scalar, Simd};

/// Some rows of the tiles of images that lie one after the other.
#[derive(Clone)]
pub(super) struct Tiles {
    /// Rows and columns of tiles in an image.
    pub grid: [usize; 2],
    /// Which, counted through all images.
    pub rows: Range<usize>,
    /// Row and column of the first pixel under an image's first tile: none or less, where there is padding.
    pub corner: [isize; 2],
}

impl Tiles {
    /// How many tiles.
    pub fn len(&self) -> usize {
        self.rows.len() * self.grid[1]
    }
}

/// The pixels of images to V.
pub(super) struct Input<'a, F, const IN: usize, const OUT: usize, const K: usize> {
    pub tile: PhantomData<F>,
    pub tiles: &'a Tiles,
    pub images: &'a [f32],
    pub size: Size,
    pub out: &'a mut [f32],
}

/// The gradient of V to that of the images' pixels, which is added to.
pub(super) struct InputAdjoint<'a, F, const IN: usize, const OUT: usize, const K: usize> {
    pub tile: PhantomData<F>,
    pub tiles: &'a Tiles,
    pub gradient: &'a [f32],
    pub images: &'a mut [f32],
    pub size: Size,
}

/// P to the images' pixels.
pub(super) struct Output<'a, F, const IN: usize, const OUT: usize, const K: usize> {
    pub tile: PhantomData<F>,
    pub tiles: &'a Tiles,
    pub products: &'a [f32],
    pub images: &'a mut [f32],
    pub size: Size,
}

/// The gradient of the images' pixels to that of P.
pub(super) struct OutputAdjoint<'a, F, const IN: usize, const OUT: usize, const K: usize> {
    pub tile: PhantomData<F>,
    pub tiles: &'a Tiles,
    pub images: &'a [f32],
    pub size: Size,
    pub out: &'a mut [f32],
}

/// A tile among the pixels: where its image begins, and its first row and column there.
#[derive(Clone, Copy)]
struct Place {
    image: usize,
    row: isize,
    column: isize,
    size: Size,
}

impl Place {
    /// Where the channels of pixel `i`, `j` of the tile begin; `None` outside of the image.
    #[inline(always)]
    fn pixel(self, i: usize, j: usize) -> Option<usize> {
        let Size { channels, rows, columns } = self.size;
        // Less than none is more than any.
        let (row, column) = ((self.row + i as isize) as usize, (self.column + j as isize) as usize);
        let inside = row < rows && column < columns;
        inside.then(|| self.image + (row * columns + column) * channels)
    }
}

/// Calls `body` for each tile, with its number, its place, and the first of each vector of channels: a macro, as a closure
/// might not be compiled for the vector unit of its caller.
macro_rules! for_tiles {
    ($s:ident, $tiles:expr, $corner:expr, $size:expr, |$t:ident, $place:ident, $c:ident| $body:block) => {
        for (number, row) in $tiles.rows.clone().enumerate() {
            let [rows, columns] = $tiles.grid;
            let image = row / rows * $size.len();
            for column in 0..columns {
                let $t = number * columns + column;
                let $place = Place {
                    image,
                    row: (row % rows * OUT) as isize + $corner[0],
                    column: (column * OUT) as isize + $corner[1],
                    size: $size,
                };
                for $c in (0..$size.channels).step_by(S::LANES) $body
            }
        }
    };
}

/// `transform` of the columns of `from`, then of the rows of what that gives, each of which goes `to` where it belongs: of
/// all that is in between only half-transformed columns are kept, more than there are registers.
macro_rules! both_ways {
    ($s:ident, $transform:expr, $rows:ident -> $results:ident, from |$i:ident, $j:ident| $from:expr, to |$k:ident, $l:ident, $value:ident| $to:expr) => {{
        let mut half = [[$s.splat(0.0); $rows]; $results];
        for $j in 0..$rows {
            let mut column = [$s.splat(0.0); $rows];
            for $i in 0..$rows {
                column[$i] = $from;
            }
            let column = $transform($s, column);
            for i in 0..$results {
                half[i][$j] = column[i];
            }
        }
        for $k in 0..$results {
            let row = $transform($s, half[$k]);
            for $l in 0..$results {
                let $value = row[$l];
                $to;
            }
        }
    }};
}
pub(super) use both_ways;

/// Implements [`Kernel`] for a transform by its method `transform`.
macro_rules! kernel {
    ($($name:ident),*) => {$(
        impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize> Kernel
            for $name<'_, F, IN, OUT, K>
        {
            #[inline(always)]
            fn run<S: Simd>(self, s: S) {
                self.transform(s);
            }

            fn plain(self) {
                self.transform(Scalar);
            }
        }
    )*};
}
pub(super) use kernel;
kernel!(Input, InputAdjoint, Output, OutputAdjoint);

impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    Input<'_, F, IN, OUT, K>
{
    #[inline(always)]
    fn transform<S: Simd>(self, s: S) {
        let Self { tiles, images, size, out, .. } = self;
        let (row, matrix) = (pitch(size.channels), matrix_pitch(tiles.len(), size.channels));
        for_tiles!(s, tiles, tiles.corner, size, |t, place, c| {
            both_ways!(
                s, F::input, IN -> IN,
                from |i, j| match place.pixel(i, j) {
                    Some(at) => s.read(&images[at + c..at + size.channels]),
                    None => s.splat(0.0),
                },
                to |i, j, v| s.write(&mut out[(i * IN + j) * matrix + t * row + c..], v)
            );
        });
    }
}

impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    InputAdjoint<'_, F, IN, OUT, K>
{
    #[inline(always)]
    fn transform<S: Simd>(self, s: S) {
        let Self { tiles, gradient, images, size, .. } = self;
        let (row, matrix) = (pitch(size.channels), matrix_pitch(tiles.len(), size.channels));
        for_tiles!(s, tiles, tiles.corner, size, |t, place, c| {
            both_ways!(
                s, F::input_adjoint, IN -> IN,
                from |i, j| s.read(&gradient[(i * IN + j) * matrix + t * row + c..]),
                to |i, j, d| if let Some(at) = place.pixel(i, j) {
                    let pixel = &mut images[at + c..at + size.channels];
                    let sum = s.add(s.read(pixel), d);
                    s.write(pixel, sum);
                }
            );
        });
    }
}

impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    Output<'_, F, IN, OUT, K>
{
    #[inline(always)]
    fn transform<S: Simd>(self, s: S) {
        let Self { tiles, products, images, size, .. } = self;
        let (row, matrix) = (pitch(size.channels), matrix_pitch(tiles.len(), size.channels));
        for_tiles!(s, tiles, [0, 0], size, |t, place, c| {
            both_ways!(
                s, F::output, IN -> OUT,
                from |i, j| s.read(&products[(i * IN + j) * matrix + t * row + c..]),
                to |i, j, y| if let Some(at) = place.pixel(i, j) {
                    s.write(&mut images[at + c..at + size.channels], y);
                }
            );
        });
    }
}

impl<F: Tile<IN, OUT, K>, const IN: usize, const OUT: usize, const K: usize>
    OutputAdjoint<'_, F, IN, OUT, K>
{
    #[inline(always)]
    fn transform<S: Simd>(self, s: S) {
        let Self { tiles, images, size, out, .. } = self;
        let (row, matrix) = (pitch(size.channels), matrix_pitch(tiles.len(), size.channels));
        for_tiles!(s, tiles, [0, 0], size, |t, place, c| {
            both_ways!(
                s, F::output_adjoint, OUT -> IN,
                from |i, j| match place.pixel(i, j) {
                    Some(at) => s.read(&images[at + c..at + size.channels]),
                    None => s.splat(0.0),
                },
                to |i, j, p| s.write(&mut out[(i * IN + j) * matrix + t * row + c..], p)
            );
        });
    }
}

//! A sprite: images row by row without gaps, in about as many rows as columns, for TensorBoard's Projector.

use anyhow::Result;

use super::limits::reduce;
use super::{Grid, Picture, Range};

/// The most pixels of a side: what WebGL takes for a texture, says TensorBoard.
const MOST_SIDE: usize = 8192;

/// The sprite of `images` `[images, channels, height, width]` in -1..=1, of this `shape` `[channels, height, width]`,
/// and `[height, width]` of an image in it: smaller where it would be larger than 8192x8192 otherwise.
///
/// # Errors
/// When the images cannot be drawn.
pub fn sprite(images: &[f32], shape: [usize; 3]) -> Result<(Picture, [usize; 2])> {
    let [channels, height, width] = shape;
    let count = images.len() / (channels * height * width).max(1);
    let columns = (count as f64).sqrt().ceil() as usize;
    let fits = |by: &usize| {
        let side = columns * height.div_ceil(*by).max(width.div_ceil(*by));
        side <= MOST_SIDE
    };
    let by = (1..=height.max(width).max(1)).find(fits).unwrap_or(height.max(width).max(1));
    let whole = [count, channels, height, width];
    super::grid::check(images, whole)?;
    let (images, small) = reduce(images, whole, by);
    let picture = Grid { columns, padding: 0, enlarge: 1 }.draw(&images, small, Range::SIGNED)?;
    Ok((picture, [small[2], small[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_row_by_row() {
        let images: Vec<f32> = (0..5).flat_map(|at| [at as f32 / 2.0 - 1.0; 6]).collect();
        let (picture, size) = sprite(&images, [1, 2, 3]).unwrap();
        assert_eq!((size, picture.width(), picture.height()), ([2, 3], 9, 4));
        assert_eq!(
            [(0, 0), (3, 1), (0, 2), (3, 3)].map(|(x, y)| picture.pixel(x, y)[0]),
            [0, 64, 191, 255]
        );
    }

    #[test]
    fn it_is_no_larger_than_a_texture() {
        let (picture, size) = sprite(&vec![0.0; 9 * 4000 * 10], [1, 4000, 10]).unwrap();
        assert_eq!(size, [2000, 5]);
        assert!(picture.height() <= MOST_SIDE);
        assert!(sprite(&[], [1, 2, 2]).is_err());
    }
}

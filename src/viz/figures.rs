//! The pictures that Dynamic Training Bench shows, each a square of `floor(sqrt(n))^2` images.

use anyhow::Result;

use super::limits::{IMAGES, fit, reduce};
use super::{Grid, Picture, Range, grid::check};

/// Black columns between two grids.
const GAP: usize = 10;

/// Filters are drawn at least this many pixels wide and high.
const CELL: usize = 16;

/// Images in rows are drawn at least this many pixels wide or high, where there is room.
const ROW: usize = 56;

/// The greatest square of the first images, one black pixel between them.
fn square(images: &[f32], shape: [usize; 4], enlarge: usize, range: Range) -> Result<Picture> {
    check(images, shape)?;
    let columns = shape[0].isqrt();
    draw(images, shape, columns, enlarge, range)
}

/// A square of `columns`² of the first images.
fn draw(
    images: &[f32],
    [_, channels, height, width]: [usize; 4],
    columns: usize,
    enlarge: usize,
    range: Range,
) -> Result<Picture> {
    let shown = [columns * columns, channels, height, width];
    let values: usize = shown.iter().product();
    Grid { columns, padding: 1, enlarge }.draw(&images[..values], shown, range)
}

/// A square of images that has `pixels` or fewer: see [`fit`].
fn bounded(
    images: &[f32],
    shape: [usize; 4],
    range: Range,
    pixels: usize,
    rather_smaller: bool,
) -> Result<Picture> {
    check(images, shape)?;
    let [count, channels, height, width] = shape;
    let (columns, by) = fit(count, [height, width], pixels, rather_smaller);
    let shown = [columns * columns, channels, height, width];
    let (reduced, shape) = reduce(&images[..shown.iter().product()], shown, by);
    draw(&reduced, shape, columns, 1, range)
}

/// `inputs` beside their reconstructions `outputs`, both `[batch, channels, height, width]`, ten
/// black columns between; [`IMAGES`] pixels or fewer.
///
/// -1 is black and 1 white in both: a reconstruction that is too dark looks dark. (Dynamic Training
/// Bench scaled each grid by its own least and greatest value.)
///
/// # Errors
/// When one does not have `shape`, or its channels are no colours.
pub fn input_output(inputs: &[f32], outputs: &[f32], shape: [usize; 4]) -> Result<Picture> {
    let draw = |images| bounded(images, shape, Range::SIGNED, IMAGES / 2, false);
    Ok(draw(inputs)?.beside(&draw(outputs)?, GAP))
}

/// A square of `images` `[batch, channels, height, width]`; -1 is black and 1 white. It has half of
/// [`IMAGES`] pixels or fewer.
///
/// # Errors
/// When they do not have `shape`, or their channels are no colours.
pub fn inputs(images: &[f32], shape: [usize; 4]) -> Result<Picture> {
    bounded(images, shape, Range::SIGNED, IMAGES / 2, false)
}

/// `images` `[images, channels, height, width]` in rows of `columns`, one black pixel between; -1 is black and 1 white.
/// Images of less than 56 pixels are enlarged by whole pixels, where there is room; large ones are reduced until the picture has [`IMAGES`]
/// pixels or fewer, without those between.
///
/// # Errors
/// When they do not have `shape`, or their channels are no colours.
pub fn rows(images: &[f32], shape: [usize; 4], columns: usize) -> Result<Picture> {
    check(images, shape)?;
    let [count, _, height, width] = shape;
    let cells = count.next_multiple_of(columns.max(1));
    let pixels = |by: usize| height.div_ceil(by).saturating_mul(width.div_ceil(by));
    let by = (1..height.max(width)).find(|by| pixels(*by).saturating_mul(cells) <= IMAGES);
    let (reduced, shape) = reduce(images, shape, by.unwrap_or(height.max(width)));
    let enlarge = ROW.div_ceil(shape[2].max(shape[3]));
    let fits = shape[2] * shape[3] * enlarge * enlarge * cells <= IMAGES;
    let enlarge = if fits { enlarge } else { 1 };
    Grid { columns, padding: 1, enlarge }.draw(&reduced, shape, Range::SIGNED)
}

/// The filters of a convolution's `weights` `[out, in, height, width]`, 25 of 32 in a 5x5 grid: the
/// least of all weights is black, the greatest white. Filters of less than 16 pixels are enlarged by
/// whole pixels.
///
/// Of four input channels the first three are drawn, as red, green and blue: a fourth as opacity
/// would hide the filters where it is small. `None` for another number than 1, 3 and 4.
///
/// # Errors
/// When `weights` do not have `shape`.
pub fn filters(weights: &[f32], shape: [usize; 4]) -> Result<Option<Picture>> {
    if ![1, 3, 4].contains(&shape[1]) {
        return Ok(None);
    }
    let side = shape[2].min(shape[3]).max(1);
    square(weights, shape, CELL.div_ceil(side), Range::of(weights)).map(Some)
}

/// The maps `[maps, height, width]` of one image before and after the activation, ten black columns
/// between, each grid scaled by its own least and greatest value. It has so many `pixels` or fewer,
/// which are [`MAPS`](super::MAPS) in a run: larger maps are drawn smaller.
///
/// # Errors
/// When one does not have `shape`.
pub fn pre_post_activation(
    pre: &[f32],
    post: &[f32],
    shape: [usize; 3],
    pixels: usize,
) -> Result<Picture> {
    let [maps, height, width] = shape;
    let draw =
        |values| bounded(values, [maps, 1, height, width], Range::of(values), pixels / 2, true);
    Ok(draw(pre)?.beside(&draw(post)?, GAP))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small images are enlarged, large ones reduced, and the last row may be part full.
    #[test]
    fn rows_are_readable_and_bounded() {
        for (side, drawn) in [(8, 56), (28, 56), (64, 64), (800, 200)] {
            let images = vec![1.0; 17 * side * side];
            let picture = rows(&images, [17, 1, side, side], 8).unwrap();
            let gaps = [7, 2];
            assert_eq!(
                [picture.width(), picture.height()],
                [8 * drawn + gaps[0], 3 * drawn + gaps[1]]
            );
            assert!(24 * drawn * drawn <= IMAGES);
            let last = [picture.width() - 1, picture.height() - 1];
            assert_eq!(
                (picture.pixel(0, last[1])[0], picture.pixel(last[0], last[1])[0]),
                (255, 0)
            );
        }
        assert!(rows(&[0.0; 3], [4, 1, 1, 1], 2).is_err());
    }

    fn size(picture: &Picture) -> [usize; 3] {
        [picture.width(), picture.height(), picture.channels()]
    }

    #[test]
    fn input_output_of_a_batch() {
        // floor(sqrt(128)) = 11
        let shape = [128, 3, 4, 5];
        let values = vec![1.0; 128 * 60];
        let picture = input_output(&values, &vec![-1.0; 128 * 60], shape).unwrap();
        let grid = 11 * 5 + 10;
        assert_eq!(size(&picture), [grid + 10 + grid, 11 * 4 + 10, 3]);
        assert_eq!(picture.pixel(grid - 1, 0), [255; 3]);
        for x in grid..picture.width() {
            assert_eq!(picture.pixel(x, 0), [0; 3]);
        }
        let picture = input_output(&values, &values, shape).unwrap();
        assert_eq!(picture.pixel(grid + 9, 0), [0; 3]);
        assert_eq!(picture.pixel(grid + 10, 0), [255; 3]);
    }

    #[test]
    fn filters_can_be_seen() {
        // 25 of 32, 3x3 drawn 6 times as large: 18 pixels each.
        let weights: Vec<f32> = (0..32 * 9).map(|at| at as f32).collect();
        let picture = filters(&weights, [32, 1, 3, 3]).unwrap().unwrap();
        assert_eq!(size(&picture), [5 * 18 + 4, 5 * 18 + 4, 1]);
        assert_eq!(picture.pixel(0, 0), [0]);
        // The seven that are not shown take part in the scale.
        let last = (255.0_f32 * (25.0 * 9.0 - 1.0) / (32.0 * 9.0 - 1.0)).round() as u8;
        assert_eq!(picture.pixel(93, 93), [last]);
        assert_eq!(size(&filters(&[0.0; 17 * 17], [1, 1, 17, 17]).unwrap().unwrap()), [17, 17, 1]);
    }

    #[test]
    fn filters_of_colours() {
        for (channels, drawn) in [(1, Some(1)), (2, None), (3, Some(3)), (4, Some(3)), (9, None)] {
            let picture = filters(&vec![0.5; 4 * channels * 9], [4, channels, 3, 3]).unwrap();
            assert_eq!(picture.map(|picture| picture.channels()), drawn);
        }
    }

    #[test]
    fn constant_and_unset_tensors_are_black() {
        for value in [3.0, f32::NAN, f32::INFINITY] {
            let picture = filters(&[value; 4 * 9], [4, 1, 3, 3]).unwrap().unwrap();
            assert!(picture.bytes().iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn activations_have_their_own_scales() {
        let (pre, post) = ([-5.0, 5.0, 0.0, 0.0], [0.0, 5.0, 0.0, 2.5]);
        let picture = pre_post_activation(&pre, &post, [1, 2, 2], 8).unwrap();
        let gap = [0; 10];
        let rows = [&[0, 255][..], &gap, &[0, 255], &[128, 128], &gap, &[0, 128]].concat();
        assert_eq!(picture.bytes(), rows);
    }

    /// Of images and maps that are too large fewer or smaller ones.
    #[test]
    fn large_ones_are_bounded() {
        let values = vec![0.5; 9 * 300 * 300];
        let picture = input_output(&values, &values, [9, 1, 300, 300]).unwrap();
        assert_eq!(size(&picture), [2 * 601 + 10, 601, 1]);
        let picture = inputs(&values, [1, 1, 900, 900]).unwrap();
        assert_eq!(size(&picture), [450, 450, 1]);
        let picture = pre_post_activation(&values, &values, [9, 300, 300], 1 << 17).unwrap();
        // Three by three of 75 pixels each.
        assert_eq!(size(&picture), [2 * (3 * 75 + 2) + 10, 3 * 75 + 2, 1]);
        let whole = pre_post_activation(&values, &values, [9, 300, 300], usize::MAX).unwrap();
        assert_eq!(size(&whole), [2 * 902 + 10, 902, 1]);
    }

    #[test]
    fn shapes_must_fit() {
        assert!(input_output(&[0.0; 4], &[0.0; 3], [1, 1, 2, 2]).is_err());
        assert!(filters(&[0.0; 4], [1, 1, 3, 3]).is_err());
        assert!(pre_post_activation(&[], &[], [0, 2, 2], 8).is_err());
    }
}

//! How large the pictures of a run may be. A run writes up to fifty sets of them (see `--images_every`),
//! and a set is one picture of images, one of maps for each convolution, and three of a code, where there is one:
//!
//! | | pixels, without gaps | PNG at the most |
//! |---|---|---|
//! | [`IMAGES`], `input_output` or `inputs` | 2^20, nine pairs of 224x224 | 1 MB grey, 3 MB in colours |
//! | [`IMAGES`], each of the three of a code | 2^20, fewer images or smaller ones where they are large | the same |
//! | [`MAPS`], `pre_post_activation` | 2^17, 64 pairs of 32x32 | 0.13 MB |
//!
//! So the event files of a run have 165 MB or fewer with two convolutions and 235 MB with VGG's
//! thirteen, however large the images are (and three times that of images with a code); 256 images of 32x32, the most that are shown, are half of
//! it. Of larger images fewer are shown, of larger maps each
//! smaller, and of an image that is too large itself one, smaller.

/// Pixels of a picture of images and their reconstructions.
pub const IMAGES: usize = 1 << 20;
/// Pixels of a picture of maps before and after an activation.
pub const MAPS: usize = 1 << 17;
/// Images in a picture, at the most.
const MAX_IMAGES: usize = 256;
/// Maps are rather made smaller than that fewer of them are shown.
const SHOWN_MAPS: usize = 16;

/// How many images of `shape` `[channels, height, width]` a run shows in a picture, beside their
/// reconstructions: 256, a square number where fewer fit, one at the least.
///
/// ```
/// use dytb::viz::shown;
///
/// assert_eq!([shown([1, 28, 28]), shown([3, 224, 224]), shown([3, 4096, 4096])], [256, 9, 1]);
/// ```
pub fn shown([_, height, width]: [usize; 3]) -> usize {
    let most = IMAGES / 2 / height.saturating_mul(width).max(1);
    most.isqrt().pow(2).clamp(1, MAX_IMAGES)
}

/// The columns of a square of `count` images of `[height, width]` in so many `pixels`, and by what
/// factor the sides of each are reduced. Of maps (`rather_smaller`) sixteen are shown, if there are as
/// many.
pub(super) fn fit(
    count: usize,
    [height, width]: [usize; 2],
    pixels: usize,
    rather_smaller: bool,
) -> (usize, usize) {
    let wanted = if rather_smaller { count.min(SHOWN_MAPS) } else { 1 };
    let wanted = wanted.isqrt().pow(2).max(1);
    let size = |by: usize| height.div_ceil(by).saturating_mul(width.div_ceil(by)).max(1);
    let fits = |by: &usize| size(*by).saturating_mul(wanted) <= pixels;
    let reduced = (1..=height.max(width).max(1)).find(fits).unwrap_or(height.max(width).max(1));
    let columns = count.isqrt().min((pixels / size(reduced)).isqrt()).max(1);
    (columns, reduced)
}

/// `images` `[images, channels, height, width]` with sides `by` times as small: the means of squares of
/// `by` pixels, of what there is of them at the right and below.
pub(super) fn reduce(images: &[f32], shape: [usize; 4], by: usize) -> (Vec<f32>, [usize; 4]) {
    let [count, channels, height, width] = shape;
    let small = [height.div_ceil(by), width.div_ceil(by)];
    let mut reduced = Vec::with_capacity(count * channels * small[0] * small[1]);
    for plane in images.chunks_exact(height * width) {
        for y in (0..height).step_by(by) {
            for x in (0..width).step_by(by) {
                let (bottom, right) = ((y + by).min(height), (x + by).min(width));
                let rows = (y..bottom).map(|y| &plane[y * width + x..y * width + right]);
                let sum: f32 = rows.map(|row| row.iter().sum::<f32>()).sum();
                reduced.push(sum / ((bottom - y) * (right - x)) as f32);
            }
        }
    }
    (reduced, [count, channels, small[0], small[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_a_run_are_bounded() {
        for side in [1, 8, 28, 32, 33, 64, 112, 224, 362, 513, 1024, 5000] {
            for count in [1, 2, 9, 25, 64, 256, 512] {
                for (pixels, maps) in [(IMAGES / 2, false), (MAPS / 2, true)] {
                    let (columns, by) = fit(count, [side, side], pixels, maps);
                    let drawn = columns * columns * side.div_ceil(by) * side.div_ceil(by);
                    assert!(columns > 0 && columns * columns <= count && drawn <= pixels, "{side}");
                    if maps {
                        assert!(columns >= count.min(SHOWN_MAPS).isqrt(), "{side} {count}");
                    }
                }
            }
            let count = shown([3, side, side]);
            assert!(fit(count, [side, side], IMAGES / 2, false).0.pow(2) == count, "{side}");
        }
        // As many as ever of the usual images.
        assert_eq!([8, 28, 32].map(|side| shown([3, side, side])), [256; 3]);
        assert_eq!(fit(256, [32, 32], IMAGES / 2, false), (16, 1));
        assert_eq!(fit(64, [32, 32], MAPS / 2, true), (8, 1));
        // What a forged shape may say.
        assert_eq!(shown([1, usize::MAX, usize::MAX]), 1);
        assert_eq!(shown([1, 0, 0]), 256);
    }

    #[test]
    fn means_of_squares() {
        let image = [1.0, 3.0, 10.0, 5.0, 7.0, 20.0, 2.0, 4.0, 8.0];
        let (reduced, shape) = reduce(&image, [1, 1, 3, 3], 2);
        assert_eq!((reduced, shape), (vec![4.0, 15.0, 3.0, 8.0], [1, 1, 2, 2]));
        assert_eq!(reduce(&image, [1, 3, 1, 3], 1), (image.to_vec(), [1, 3, 1, 3]));
    }
}

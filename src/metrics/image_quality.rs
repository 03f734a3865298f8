//! How near an autoencoder's reconstructions y are to the images x, pixels in [-1, 1]: a range L = 2.
//!
//! MSE = mean (x - y)², MAE = mean |x - y|, PSNR = 10 log10(L² / MSE) in dB, and
//!
//! SSIM = mean over windows of (2 μx μy + C1) (2 σxy + C2) / ((μx² + μy² + C1) (σx² + σy² + C2)),
//! C1 = (0.01 L)², C2 = (0.03 L)²
//!
//! with Gaussian weights w (σ 1.5, 11 x 11, of sum 1) in a window: μx = Σ w x, σx² = Σ w x² - μx²,
//! σxy = Σ w x y - μx μy. Wang, Bovik, Sheikh and Simoncelli 2004, "Image Quality Assessment: From Error
//! Visibility to Structural Similarity"; the same numbers as of scikit-image's `structural_similarity` with
//! `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`. The mean of torchmetrics 1.9 takes in
//! windows over the edge too, on mirrored pixels: another number for the same map.

use crate::util::parallel::map_items;

/// The length of the interval of pixels.
const RANGE: f64 = 2.0;
/// The standard deviation of SSIM's window, in pixels.
const SIGMA: f64 = 1.5;
/// The side of SSIM's window, in pixels.
const WINDOW: usize = 11;
/// They keep SSIM's quotients from 0 / 0.
pub(crate) const C1: f64 = (0.01 * RANGE) * (0.01 * RANGE);
/// See [`C1`].
pub(crate) const C2: f64 = (0.03 * RANGE) * (0.03 * RANGE);

/// How far a reconstruction is from its image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageError {
    /// The mean squared difference of a pixel, 0..=4.
    pub mse: f64,
    /// The mean absolute difference of a pixel, 0..=2.
    pub mae: f64,
}

/// Of each image: `[images, pixels]` both, summed in 64 bits from the first pixel to the last.
///
/// A NaN gives NaN for its image.
///
/// # Panics
/// Where the two have different lengths, or these are no multiple of `pixels`.
pub fn image_errors(images: &[f32], reconstructions: &[f32], pixels: usize) -> Vec<ImageError> {
    assert_eq!(images.len(), reconstructions.len());
    assert!(images.len().is_multiple_of(pixels), "{} values, {pixels} an image", images.len());
    let pixels = pixels.max(1);
    let pairs = images.chunks_exact(pixels).zip(reconstructions.chunks_exact(pixels));
    map_items(pairs, |_, (image, reconstruction)| error(image, reconstruction))
}

fn error(image: &[f32], reconstruction: &[f32]) -> ImageError {
    let (mut squared, mut absolute) = (0.0, 0.0);
    for (&x, &y) in image.iter().zip(reconstruction) {
        let difference = f64::from(x) - f64::from(y);
        squared += difference * difference;
        absolute += difference.abs();
    }
    let pixels = image.len() as f64;
    ImageError { mse: squared / pixels, mae: absolute / pixels }
}

/// The peak signal-to-noise ratio in dB of a mean squared error; infinite for 0.
///
/// Of many images it is that of their common error, as of torchmetrics' `PeakSignalNoiseRatio`: the
/// mean of the images' ratios is another number, infinite with one perfect image.
pub fn psnr(mse: f64) -> f64 {
    10.0 * (RANGE * RANGE / mse).log10()
}

/// The structural similarity of an image and its reconstruction, `[channels, height, width]` both: 1
/// where they are the same, near 0 where they have nothing in common, below it where one is the
/// other's negative.
///
/// The mean over the channels and over the windows wholly inside the image. Where a side is below 11
/// the window is the largest square of an odd side that fits, its weights again of sum 1. NaN for an
/// image without pixels or with a NaN.
///
/// # Panics
/// Where a length is not that of `shape`.
pub fn ssim(image: &[f32], reconstruction: &[f32], shape: [usize; 3]) -> f64 {
    let [channels, height, width] = shape;
    let pixels = height * width;
    assert_eq!([image.len(), reconstruction.len()], [channels * pixels; 2], "not {shape:?}");
    if image.is_empty() {
        return f64::NAN;
    }
    let weights = window([height, width]);
    let pairs = image.chunks_exact(pixels).zip(reconstruction.chunks_exact(pixels));
    let sum: f64 = pairs.map(|(x, y)| channel_ssim(x, y, width, &weights)).sum();
    sum / channels as f64
}

fn channel_ssim(image: &[f32], reconstruction: &[f32], width: usize, weights: &[f64]) -> f64 {
    // The mean in each window of the product of two images; of one image where the other is all 1.
    let mean = |factors: &dyn Fn(f64, f64) -> f64| {
        let pairs = image.iter().zip(reconstruction);
        let products: Vec<f64> = pairs.map(|(&x, &y)| factors(x.into(), y.into())).collect();
        window_means(&products, width, weights)
    };
    let (x, y) = (mean(&|x, _| x), mean(&|_, y| y));
    let (xx, yy, xy) = (mean(&|x, _| x * x), mean(&|_, y| y * y), mean(&|x, y| x * y));
    let windows = (0..x.len()).map(|i| {
        let (mu_xx, mu_yy, mu_xy) = (x[i] * x[i], y[i] * y[i], x[i] * y[i]);
        let (variances, covariance) = (xx[i] - mu_xx + yy[i] - mu_yy, xy[i] - mu_xy);
        (2.0 * mu_xy + C1) * (2.0 * covariance + C2) / ((mu_xx + mu_yy + C1) * (variances + C2))
    });
    windows.sum::<f64>() / x.len() as f64
}

/// The weights of SSIM's window along a side, for images of `[height, width]`, one pixel or more each.
pub(crate) fn window([height, width]: [usize; 2]) -> Vec<f64> {
    let fits = WINDOW.min(height).min(width);
    gaussian(fits - (1 - fits % 2))
}

/// Weights ∝ exp(-d² / 2σ²) at the distances d from the middle of a window with an odd `side`.
fn gaussian(side: usize) -> Vec<f64> {
    let middle = (side / 2) as f64;
    let weight = |i| (-0.5 * ((i as f64 - middle) / SIGMA).powi(2)).exp();
    let sum: f64 = (0..side).map(weight).sum();
    (0..side).map(|i| weight(i) / sum).collect()
}

/// `[height, width]` to `[height - side + 1, width - side + 1]`: the weighted mean in each window inside.
///
/// First down the columns, then along the rows: the window is the product of the two.
fn window_means(values: &[f64], width: usize, weights: &[f64]) -> Vec<f64> {
    let margin = weights.len() - 1;
    let (rows, columns) = (values.len() / width - margin, width - margin);
    let mut means = vec![0.0; rows * columns];
    let mut down = vec![0.0; width];
    for (row, means) in means.chunks_exact_mut(columns).enumerate() {
        down.fill(0.0);
        for (i, weight) in weights.iter().enumerate() {
            add(&mut down, *weight, &values[(row + i) * width..]);
        }
        for (i, weight) in weights.iter().enumerate() {
            add(means, *weight, &down[i..]);
        }
    }
    means
}

/// sum += weight · values, as far as `sum` goes: a loop that the compiler turns into vectors.
fn add(sum: &mut [f64], weight: f64, values: &[f64]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += weight * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(pixels: usize) -> Vec<f32> {
        (0..pixels).map(|i| (0.7 * i as f32).sin()).collect()
    }

    #[test]
    fn errors_are_of_each_image() {
        let errors = image_errors(&[1.0, -1.0, 0.5, f32::NAN], &[0.0, 1.0, 0.5, 0.0], 2);
        assert_eq!(errors[0], ImageError { mse: 2.5, mae: 1.5 });
        assert!(errors[1].mse.is_nan() && errors[1].mae.is_nan());
        assert_eq!(image_errors(&[], &[], 784), []);
        assert_eq!(image_errors(&[], &[], 0), []);
    }

    #[test]
    fn decibels() {
        assert_eq!(psnr(0.0), f64::INFINITY);
        assert_eq!([4.0, 0.04].map(psnr), [0.0, 20.0]);
        assert!(psnr(f64::NAN).is_nan());
    }

    #[test]
    fn weights_have_sum_one() {
        for side in [1, 3, 7, 11] {
            let weights = gaussian(side);
            assert_eq!(weights.len(), side);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            assert_eq!(weights[0], weights[side - 1]);
        }
    }

    #[test]
    fn the_same_is_one() {
        for shape in [[1, 28, 28], [3, 11, 12], [2, 8, 30], [1, 2, 2], [1, 1, 5]] {
            let image = image(shape.iter().product());
            assert!((ssim(&image, &image, shape) - 1.0).abs() < 1e-12, "{shape:?}");
            let negative: Vec<f32> = image.iter().map(|pixel| -pixel).collect();
            assert!(ssim(&image, &negative, shape) < 0.9, "{shape:?}");
        }
        assert!((ssim(&[0.3; 144], &[0.3; 144], [1, 12, 12]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_and_nan_have_no_similarity() {
        for shape in [[0, 28, 28], [1, 0, 28], [1, 28, 0], [0, 0, 0]] {
            assert!(ssim(&[], &[], shape).is_nan());
        }
        let whole = image(784);
        let mut broken = whole.clone();
        broken[400] = f32::NAN;
        assert!(ssim(&whole, &broken, [1, 28, 28]).is_nan());
    }
}

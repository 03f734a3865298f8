//! The structural similarity of many reconstructions and their images at once, with a gradient.
//!
//! SSIM = mean over images, channels and windows of
//! (2 μx μy + C1) (2 σxy + C2) / ((μx² + μy² + C1) (σx² + σy² + C2))
//!
//! as [`image_quality`](crate::metrics::image_quality) measures it of one image, with the same Gaussian window, the same
//! constants and the windows wholly inside the image, but of pixels from black, 0, to white, as Wang et al. 2004 have
//! them. Where black is -1, an image and its negative are alike: μx μy and σxy both change their sign, and what is
//! trained for that may learn the negative (as SingleLayerCAE on MNIST does). The weighted means are products with the band matrix B
//! `[size, size - side + 1]` of the window's weights, first along the rows, then along the columns: Bᵀ X B.

use burn::tensor::{Device, Tensor, TensorData};

use crate::metrics::image_quality::{C1, C2, window};
use crate::ops::ordered_sum::ordered_mean;

/// The mean structural similarity `[1]` of `made` and `images`, `[batch, channels, height, width]` both, pixels in
/// -1..=1, which are brought to 0..=2. In 32 bits: within 2e-5 of the metric's number for such pixels.
///
/// # Panics
/// When the two have not the same shape.
pub fn structural_similarity(made: Tensor<4>, images: Tensor<4>) -> Tensor<1> {
    assert_eq!(made.dims(), images.dims(), "reconstructions have the shape of the images");
    let [_, _, height, width] = images.dims();
    let weights = window([height, width]);
    let bands = [height, width].map(|size| band(&weights, size, &images.device()));
    let (made, images) = (made + 1.0, images + 1.0);
    let mean = |values: Tensor<4>| window_means(values, &bands);
    let (x, y) = (mean(images.clone()), mean(made.clone()));
    let squares = mean(images.clone().square()) + mean(made.clone().square());
    let products = mean(images * made);
    let (both, product) = (x.clone().square() + y.clone().square(), x * y);
    let covariance = products - product.clone();
    let variances = squares - both.clone();
    let above = (product * 2.0 + C1) * (covariance * 2.0 + C2);
    ordered_mean(above / ((both + C1) * (variances + C2)))
}

/// B `[size, size - side + 1]`: column i has the weights in the rows i..i + side.
fn band(weights: &[f64], size: usize, device: &Device) -> Tensor<2> {
    let windows = size + 1 - weights.len();
    let mut values = vec![0.0f32; size * windows];
    for column in 0..windows {
        for (row, weight) in weights.iter().enumerate() {
            values[(column + row) * windows + column] = *weight as f32;
        }
    }
    Tensor::from_data(TensorData::new(values, [size, windows]), device)
}

/// The weighted mean in each window of `values`, `[batch · channels, columns, rows]` of windows: nobody asks for their
/// order.
fn window_means(values: Tensor<4>, [rows, columns]: &[Tensor<2>; 2]) -> Tensor<3> {
    let [batch, channels, height, width] = values.dims();
    let images = batch * channels;
    let [_, across] = columns.dims();
    let along = values.reshape([images * height, width]).matmul(columns.clone());
    let along = along.reshape([images, height, across]).swap_dims(1, 2);
    let means = along.reshape([images * across, height]).matmul(rows.clone());
    let [_, down] = means.dims();
    means.reshape([images, across, down])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::image_quality::ssim;

    fn pixels(count: usize, pace: f32) -> Vec<f32> {
        (0..count).map(|i| (pace * i as f32).sin()).collect()
    }

    /// Of pixels from 0, in 64 bits and window by window.
    #[test]
    fn it_is_the_metric() {
        let device = Device::flex();
        for shape in [[1, 28, 28], [3, 11, 12], [2, 8, 30], [1, 2, 2], [1, 1, 5], [3, 32, 40]] {
            let [channels, height, width] = shape;
            let size: usize = shape.iter().product();
            let (images, made) = (pixels(3 * size, 0.7), pixels(3 * size, 0.701));
            let pairs = images.chunks(size).zip(made.chunks(size));
            let from_0 = |pixels: &[f32]| pixels.iter().map(|x| x + 1.0).collect::<Vec<_>>();
            let pairs = pairs.map(|(image, made)| ssim(&from_0(image), &from_0(made), shape));
            let expected = pairs.sum::<f64>() / 3.0;
            let tensor = |values: &[f32]| {
                let data = TensorData::new(values.to_vec(), [3, channels, height, width]);
                Tensor::<4>::from_data(data, &device)
            };
            let own = |made: &[f32]| {
                f64::from(structural_similarity(tensor(made), tensor(&images)).into_scalar::<f32>())
            };
            let found = own(&made);
            assert!((found - expected).abs() < 2e-5, "{shape:?}: {found}, expected {expected}");
            assert!((own(&images) - 1.0).abs() < 1e-5, "{shape:?}");
            if height.min(width) >= 11 {
                // Structure that is turned over.
                let negative: Vec<_> = images.iter().map(|x| -x).collect();
                assert!(own(&negative) < 0.0, "{shape:?}: {}", own(&negative));
            }
        }
    }
}

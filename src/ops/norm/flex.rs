//! Batch normalisation on the CPU, `[batch, channels, h, w]`, image by image.
//!
//! Sums are taken for each image and added in the images' order: the result is the same to the last bit
//! whatever the number of threads.

use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use crate::ops::Activation;
use crate::ops::flex_tensor::{Batch, flat, tensor, values};
use crate::ops::layout::{ImageLayout, Images, Size};
use crate::ops::norm::op::{NormAttributes, Normalising, NormalisingBackward, Saved};
use crate::ops::norm::pooled::{NormalisePool, PooledGradient, PooledSums, Pooling};
use crate::ops::norm::sweeps::{By, Gradient, Image, Moments, Normalise, Sums};
use crate::ops::parallel::of_images;
use crate::ops::simd::SimdLevel;
use crate::ops::sums::add_rows;

impl Normalising for Flex {
    fn batch_statistics(x: FlexTensor) -> FlexTensor {
        let count = x.shape()[0];
        let x = Batch::new(&x);
        let x = x.images();
        let channels = x.size.channels;
        // Of each image its means, then the sums of differences, then those of squares.
        let parts = of_images(count, 3 * channels, |i, scratch, part| {
            let (mean, sums) = part.split_at_mut(channels);
            let (differences, squares) = sums.split_at_mut(channels);
            let image = x.image_in(i, ImageLayout::Nhwc, scratch);
            SimdLevel::best().run(Moments { image, mean, differences, squares });
        });
        let pixels = (x.size.rows * x.size.columns) as f64;
        let statistics = join(&parts, channels, pixels);
        flat(statistics, Layout::contiguous(Shape::from([2, channels])))
    }

    fn normalise_batch(
        x: FlexTensor,
        statistics: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        settings: NormAttributes,
    ) -> FlexTensor {
        let count = x.shape()[0];
        let x = Batch::new(&x);
        let (x, beta) = (x.images(), values(&beta));
        let factors = Factors::new(&values(&statistics), &values(&gamma), settings);
        let (by, beta, size) = (factors.by(), &beta[..], x.size);
        let output = settings.pool.map_or(size, |windows| windows.output(size));
        let out = of_images(count, output.len(), |i, scratch, out| {
            let image = x.image_in(i, ImageLayout::Nhwc, scratch);
            match settings.pool.map(|windows| Pooling { windows, size }) {
                Some(pooling) => {
                    SimdLevel::best().run(NormalisePool { pooling, image, by, beta, out });
                }
                None => SimdLevel::best().run(Normalise { image, by, beta, out }),
            }
        });
        tensor(out, count, output, layout(output))
    }
}

impl NormalisingBackward for Flex {
    fn normalise_batch_backward(
        Saved { x, statistics, gamma, beta, output, settings }: Saved<FlexTensor>,
        gradient: FlexTensor,
    ) -> [FlexTensor; 3] {
        let count = x.shape()[0];
        let (x, y, dy) = (Batch::new(&x), Batch::new(&output), Batch::new(&gradient));
        let images = [x.images(), y.images(), dy.images()];
        let (size, level, beta) = (images[0].size, SimdLevel::best(), values(&beta));
        let pooling = settings.pool.map(|windows| Pooling { windows, size });
        let channels = size.channels;
        let factors = Factors::new(&values(&statistics), &values(&gamma), settings);
        let (by, beta) = (factors.by(), &beta[..]);
        let parts = of_images(count, 2 * channels, |i, scratch, part| {
            let (bias, scaled) = part.split_at_mut(channels);
            let image = image(images, i, scratch);
            match pooling {
                Some(pooling) => {
                    level.run(PooledSums { pooling, image, by, beta, bias, scaled });
                }
                None => level.run(Sums { image, by, bias, scaled }),
            }
        });
        let mut sums = vec![0.0; 2 * channels];
        add_rows(&mut sums, &parts);
        let values_of_channel = (count * size.rows * size.columns) as f32;
        let means: Vec<f32> = sums.iter().map(|sum| sum / values_of_channel).collect();
        let (bias, scaled) = means.split_at(channels);
        let dx = of_images(count, size.len(), |i, scratch, dx| {
            let image = image(images, i, scratch);
            match pooling {
                Some(pooling) => {
                    level.run(PooledGradient { pooling, image, by, beta, bias, scaled, dx });
                }
                None => level.run(Gradient { image, by, bias, scaled, dx }),
            }
        });
        let dgamma = sums.split_off(channels);
        let of_channels = |values| flat(values, Layout::contiguous(Shape::from([channels])));
        [tensor(dx, count, size, layout(size)), of_channels(dgamma), of_channels(sums)]
    }
}

/// Image `i` of x, y and dy.
fn image<'s, 'a: 's>(
    [x, y, dy]: [Images<'a>; 3],
    i: usize,
    scratch: &'s mut [Vec<f32>; 3],
) -> Image<'s> {
    let [a, b, c] = scratch;
    Image {
        x: x.image_in(i, ImageLayout::Nhwc, a),
        y: y.image_in(i, ImageLayout::Nhwc, b),
        dy: dy.image_in(i, ImageLayout::Nhwc, c),
    }
}

/// The order of what is written.
fn layout(size: Size) -> ImageLayout {
    if size.is_flat() { ImageLayout::Nchw } else { ImageLayout::Nhwc }
}

/// The means, then the biased variances, of all images, from the mean of each, the sum of the differences to it and that of
/// their squares, `[images, 3, channels]`, all images of as many `pixels` (Chan, Golub and LeVeque 1983).
fn join(parts: &[f32], channels: usize, pixels: f64) -> Vec<f32> {
    let images = (parts.len() / (3 * channels)) as f64;
    let of = |part: &[f32], c: usize| {
        let [mean, difference, squares] = [0, 1, 2].map(|row| f64::from(part[row * channels + c]));
        let correction = difference * (1.0 / pixels);
        (mean + correction, squares - difference * correction)
    };
    let (mut means, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
    for part in parts.chunks_exact(3 * channels) {
        means.iter_mut().enumerate().for_each(|(c, sum)| *sum += of(part, c).0);
    }
    means.iter_mut().for_each(|sum| *sum /= images);
    for part in parts.chunks_exact(3 * channels) {
        for (c, (sum, all)) in squares.iter_mut().zip(&means).enumerate() {
            let (mean, inside) = of(part, c);
            *sum += inside + (mean - all) * (mean - all) * pixels;
        }
    }
    // Not `max`, which would lose NaN.
    let variance = |sum: f64| if sum < 0.0 { 0.0 } else { (sum / (images * pixels)) as f32 };
    means.iter().map(|&mean| mean as f32).chain(squares.into_iter().map(variance)).collect()
}

/// What follows from the statistics and γ, each `[channels]`.
struct Factors {
    mean: Vec<f32>,
    inverse: Vec<f32>,
    scale: Vec<f32>,
    activation: Activation,
}

impl Factors {
    fn new(
        statistics: &[f32],
        gamma: &[f32],
        NormAttributes { epsilon, activation, .. }: NormAttributes,
    ) -> Self {
        let (mean, variance) = statistics.split_at(gamma.len());
        let inverse: Vec<f32> =
            variance.iter().map(|&variance| (variance + epsilon as f32).sqrt().recip()).collect();
        let scale = inverse.iter().zip(gamma).map(|(inverse, gamma)| inverse * gamma).collect();
        Self { mean: mean.to_vec(), inverse, scale, activation }
    }

    fn by(&self) -> By<'_> {
        let Self { mean, inverse, scale, activation } = self;
        By { mean, inverse, scale, activation: *activation }
    }
}

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
        let mut statistics = vec![0.0; 2 * channels];
        for c in 0..channels {
            let moments = parts.chunks_exact(3 * channels);
            let moments = moments.map(|part| [0, 1, 2].map(|row| part[row * channels + c].into()));
            let [mean, variance] = join(moments, pixels);
            (statistics[c], statistics[channels + c]) = (mean, variance);
        }
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
        let n = x.size.len();
        let out = of_images(count, n, |i, scratch, out| {
            let image = x.image_in(i, ImageLayout::Nhwc, scratch);
            SimdLevel::best().run(Normalise { image, by: factors.by(), beta: &beta, out });
        });
        tensor(out, count, x.size, layout(x.size))
    }
}

impl NormalisingBackward for Flex {
    fn normalise_batch_backward(
        Saved { x, statistics, gamma, output, settings }: Saved<FlexTensor>,
        gradient: FlexTensor,
    ) -> [FlexTensor; 3] {
        let count = x.shape()[0];
        let (x, y, dy) = (Batch::new(&x), Batch::new(&output), Batch::new(&gradient));
        let images = [x.images(), y.images(), dy.images()];
        let size = images[0].size;
        let channels = size.channels;
        let factors = Factors::new(&values(&statistics), &values(&gamma), settings);
        let parts = of_images(count, 2 * channels, |i, scratch, part| {
            let (bias, scaled) = part.split_at_mut(channels);
            let image = image(images, i, scratch);
            SimdLevel::best().run(Sums { image, by: factors.by(), bias, scaled });
        });
        let mut sums = vec![0.0; 2 * channels];
        add_rows(&mut sums, &parts);
        let values_of_channel = (count * size.rows * size.columns) as f32;
        let means: Vec<f32> = sums.iter().map(|sum| sum / values_of_channel).collect();
        let (bias, scaled) = means.split_at(channels);
        let dx = of_images(count, size.len(), |i, scratch, dx| {
            let image = image(images, i, scratch);
            SimdLevel::best().run(Gradient { image, by: factors.by(), bias, scaled, dx });
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

/// The mean and the biased variance of all images from the mean of each, the sum of the differences to
/// it and that of their squares, all images of as many `pixels` (Chan, Golub and LeVeque 1983).
fn join(images: impl Iterator<Item = [f64; 3]>, pixels: f64) -> [f32; 2] {
    let (mut mean, mut squares, mut count) = (0.0, 0.0, 0.0);
    for [other, differences, more] in images {
        let correction = differences / pixels;
        let apart = other + correction - mean;
        squares += more - differences * correction + apart * apart * pixels * count / (count + 1.0);
        count += 1.0;
        mean += apart / count;
    }
    // Not `max`, which would lose NaN.
    let variance = squares / (count * pixels);
    [mean as f32, if variance < 0.0 { 0.0 } else { variance as f32 }]
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
        NormAttributes { epsilon, activation }: NormAttributes,
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

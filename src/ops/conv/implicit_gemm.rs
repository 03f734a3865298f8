//! Implicit GEMM: the convolution as a product of matrices for each place of the kernel, for layers whose weights do not
//! fit into the cache. The direct kernels would read all of them again for each few pixels.
//!
//! Of a microbatch, what is at one pixel of all images lies together: x `[pixels, images, in]`, z `[pixels, images, out]`.
//! Under tap i, j of the kernel lies a pixel of x at each pixel of z but some at the border, and
//!
//! ```text
//! z[r, p] = Σ_ij x[r + i - top, p + j - left] W[i, j]        y = activation(z + b)
//! dx[r + i - top, p + j - left] += dz[r, p] W[i, j]ᵀ         dW[i, j] = Σ_rp x[r + i - top, p + j - left]ᵀ dz[r, p]
//! ```
//!
//! are products of runs of pixels, without the copies of im2col and without what is outside of the image: of 3x3 kernels
//! on 2x2 pixels these are 16 products for each image, not 36. A convolution with pooling is never done so: it needs the
//! feature maps of one image at a time.

use std::ops::Range;

use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use crate::ops::conv::kernel_block::{KernelBlock, blocks, parts_of_panels, places};
use crate::ops::conv::layer::{Layer, LayerGradients, Outputs};
use crate::ops::conv::op::{PackedWeights, Packing};
use crate::ops::flex_tensor::recycled;
use crate::ops::layout::{ImageLayout, Images, Size};
use crate::ops::parallel::{for_microbatches, sum_in_order};
use crate::ops::product::{PANEL, Product, Strided, matrix_pitch, panels_pitch, pitch};
use crate::ops::recycled::Recycled;
use crate::ops::simd::{Activate, MAX_LANES};
use crate::ops::sums::{derived, sums_of_channels};

/// The activated outputs of all images, in NHWC.
pub(super) fn forward(
    layer: &Layer,
    x: Images,
    (weight, packed): (&[f32], &PackedWeights),
    bias: &[f32],
) -> Recycled {
    let (taps, inputs, output) = (taps(layer), x.size.channels, layer.output());
    let each = packed.images_at_a_time(x.count(), weight.len());
    let weights = packed.get_or_pack(Packing::Taps, || panels(layer, weight, packed, false));
    let weights = weights.storage::<f32>();
    let mut out = Recycled::unset(x.count() * output.len());
    for_microbatches(&mut out, each * output.len(), |number, out| {
        let images = out.len() / output.len();
        let first = number * each;
        let x = by_pixel(x, first..first + images);
        let (from, to) = (images * pitch(inputs), images * pitch(layer.outputs));
        let mut z = Recycled::zeros(output.rows * output.columns * to + MAX_LANES);
        for (tap, runs) in taps.iter().enumerate() {
            let b = &weights[tap * panels_pitch(inputs, layer.outputs)..];
            for run in runs {
                layer.level.run(Product {
                    shape: [run.pixels * images, inputs, layer.outputs],
                    a: Strided::rows(&x[run.input * from..], inputs),
                    b: Strided::panels(b, inputs),
                    out: &mut z[run.output * to..],
                    out_row: pitch(layer.outputs),
                    adds: true,
                });
            }
        }
        by_image(&z, output, out);
        let activation = layer.activation;
        layer.level.run(Activate { activation, bias, out });
    });
    out
}

/// The gradients, from that of the activated output `y`.
pub(super) fn backward(
    layer: &Layer,
    x: Images,
    outputs: Outputs,
    (weight, packed): (&[f32], &PackedWeights),
    input_too: bool,
) -> LayerGradients {
    let (taps, output) = (taps(layer), layer.output());
    let dz = derived(layer.level, layer.activation, outputs.y, outputs.gradient);
    let images = x.count();
    let each = packed.images_at_a_time(images, weight.len());
    let pack = || panels(layer, weight, packed, true);
    let weights = input_too.then(|| packed.get_or_pack(Packing::TapsTransposed, pack));
    let weights = weights.as_ref().map(|weights| weights.storage::<f32>());
    let dz = Images { values: &dz, size: output, layout: ImageLayout::Nhwc };
    let bias = sums_of_channels(dz);
    let mut dx = Recycled::unset(if input_too { x.values.len() } else { 0 });
    let mut parts = dx.chunks_mut(each * x.size.len());
    let groups = (0..images)
        .step_by(each)
        .map(|first| (first..images.min(first + each), parts.next().unwrap_or_default()));
    let work = |(range, dx): (Range<usize>, &mut [f32])| {
        let (x, dz) = (by_pixel(x, range.clone()), by_pixel(dz, range.clone()));
        backward_images(layer, &taps, (&x, &dz), range.len(), (weights, dx))
    };
    let sum = sum_in_order(groups, work, |sum: &mut Recycled, part| {
        packed.add(sum, &part);
    });
    let sum = sum.expect("a batch has images");
    let input = input_too.then_some((dx, ImageLayout::Nhwc));
    LayerGradients { input, weight: kernels(layer, &sum, packed), bias }
}

/// Backward through `images` images by pixel: writes the gradient of `dx`, where there are `weights`, and returns that of
/// the weights `[taps, inputs, outputs]`.
fn backward_images(
    layer: &Layer,
    taps: &[Vec<Run>],
    (x, dz): (&[f32], &[f32]),
    images: usize,
    (weights, dx): (Option<&[f32]>, &mut [f32]),
) -> Recycled {
    let (level, inputs, outputs) = (layer.level, layer.input.channels, layer.outputs);
    let (from, to) = (images * pitch(inputs), images * pitch(outputs));
    let mut dw = Recycled::zeros(taps.len() * matrix_pitch(inputs, outputs));
    let mut sums = Recycled::zeros(if weights.is_some() { x.len() } else { 0 });
    for (tap, (runs, out)) in
        taps.iter().zip(dw.chunks_exact_mut(matrix_pitch(inputs, outputs))).enumerate()
    {
        for run in runs {
            let (x, dz) = (&x[run.input * from..], &dz[run.output * to..]);
            let rows = run.pixels * images;
            let (a, b) = (Strided::columns(x, inputs), Strided::wide_rows(dz, outputs));
            let (shape, out_row) = ([inputs, rows, outputs], pitch(outputs));
            level.run(Product { shape, a, b, out: &mut *out, out_row, adds: true });
            if let Some(weights) = weights {
                let b = &weights[tap * panels_pitch(outputs, inputs)..];
                let (a, b) = (Strided::rows(dz, outputs), Strided::panels(b, outputs));
                let out = &mut sums[run.input * from..];
                let (shape, out_row) = ([rows, outputs, inputs], pitch(inputs));
                level.run(Product { shape, a, b, out, out_row, adds: true });
            }
        }
    }
    if weights.is_some() {
        by_image(&sums, layer.input, dx);
    }
    dw
}

/// Pixels one after the other, of which a tap takes each from the input to the output.
#[derive(Debug, PartialEq)]
struct Run {
    input: usize,
    output: usize,
    pixels: usize,
}

/// The runs of each tap of the kernel.
fn taps(layer: &Layer) -> Vec<Vec<Run>> {
    let (input, output, [height, width]) = (layer.input, layer.output(), layer.kernel);
    let [top, _, left, _] = layer.padding;
    // The outputs that have an input under tap `at`.
    let inside = |at: usize, before: usize, inputs: usize, outputs: usize| {
        before.saturating_sub(at)..outputs.min((inputs + before).saturating_sub(at))
    };
    let of_tap = |at: usize| {
        let (i, j) = (at / width, at % width);
        let columns = inside(j, left, input.columns, output.columns);
        let mut runs: Vec<Run> = Vec::new();
        for r in inside(i, top, input.rows, output.rows).filter(|_| !columns.is_empty()) {
            let from = (r + i - top) * input.columns + columns.start + j - left;
            let (to, pixels) = (r * output.columns + columns.start, columns.len());
            match runs.last_mut() {
                Some(run) if [run.input, run.output].map(|at| at + run.pixels) == [from, to] => {
                    run.pixels += pixels;
                }
                _ => runs.push(Run { input: from, output: to, pixels }),
            }
        }
        runs
    };
    (0..height * width).map(of_tap).collect()
}

/// The images of this range, `[pixels, images, channels]` in the [`pitch`] of the channels.
fn by_pixel(x: Images, range: Range<usize>) -> Recycled {
    let (size, images) = (x.size, range.len());
    let row = pitch(size.channels);
    let mut out = Recycled::unset(size.rows * size.columns * images * row + MAX_LANES);
    let mut other = Vec::new();
    for (n, i) in range.enumerate() {
        let image = x.image_in(i, ImageLayout::Nhwc, &mut other);
        for (pixel, values) in image.chunks_exact(size.channels).enumerate() {
            out[(pixel * images + n) * row..][..size.channels].copy_from_slice(values);
        }
    }
    out
}

/// What lies so, as images in NHWC.
fn by_image(values: &[f32], size: Size, out: &mut [f32]) {
    let (images, row) = (out.len() / size.len(), pitch(size.channels));
    for (n, image) in out.chunks_exact_mut(size.len()).enumerate() {
        for (pixel, out) in image.chunks_exact_mut(size.channels).enumerate() {
            out.copy_from_slice(&values[(pixel * images + n) * row..][..size.channels]);
        }
    }
}

/// `[outputs, inputs, kernel rows, kernel columns]` as a matrix `[inputs, outputs]` for each tap, or its transpose, in
/// panels of its columns, for those who share `packed`.
fn panels(layer: &Layer, weight: &[f32], packed: &PackedWeights, transposed: bool) -> FlexTensor {
    let ([rows, columns], strides) = places([layer.outputs, layer.input.channels], transposed);
    let area = layer.kernel[0] * layer.kernel[1];
    let mut out = Recycled::unset(area * panels_pitch(rows, columns));
    let parts = parts_of_panels(&mut out, [rows, columns]);
    packed.for_items(parts, &|_, (columns, mut taps): (Range<usize>, Vec<&mut [f32]>)| {
        let weight = &weight[columns.start * strides[1] * area..];
        let mut kernels = KernelBlock::new(area);
        for block in blocks(rows, columns.len()) {
            kernels.read(&block, weight, strides);
            for (r, row) in block.rows.clone().enumerate() {
                let at = row * PANEL + block.columns.start;
                for (tap, out) in taps.iter_mut().enumerate() {
                    let out = out[at..][..block.columns.len()].iter_mut();
                    out.zip(kernels.under(tap, r)).for_each(|(out, weight)| *out = *weight);
                }
            }
        }
    });
    let shape = Shape::from([out.len()]);
    recycled(out, Layout::contiguous(shape))
}

/// `[taps, inputs, outputs]` as `[outputs, inputs, kernel rows, kernel columns]`, for those who share `packed`.
fn kernels(layer: &Layer, taps: &[f32], packed: &PackedWeights) -> Recycled {
    let (inputs, outputs) = (layer.input.channels, layer.outputs);
    let (area, matrix) = (layer.kernel[0] * layer.kernel[1], matrix_pitch(inputs, outputs));
    let of_output = inputs * area;
    let mut out = Recycled::unset(outputs * of_output);
    packed.for_items(out.chunks_mut(PANEL * of_output), &|number, out: &mut [f32]| {
        let mut kernels = KernelBlock::new(area);
        for block in blocks(inputs, out.len() / of_output) {
            for (r, c) in block.rows.clone().enumerate() {
                for tap in 0..area {
                    let from =
                        tap * matrix + c * pitch(outputs) + number * PANEL + block.columns.start;
                    let values = taps[from..from + block.columns.len()].iter();
                    let places = kernels.under_mut(tap, r);
                    places.zip(values).for_each(|(weight, value)| *weight = *value);
                }
            }
            kernels.write(&block, out, inputs);
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Activation;
    use crate::ops::simd::SimdLevel;

    /// Of 3x3 on 2x2: the middle takes all pixels at once, a side two, a corner one.
    #[test]
    fn taps_take_what_is_inside() {
        let input = Size { channels: 3, rows: 2, columns: 2 };
        let layer = Layer {
            level: SimdLevel::best(),
            activation: Activation::Identity,
            input,
            outputs: 7,
            kernel: [3, 3],
            padding: [1; 4],
            pool: None,
        };
        let taps = taps(&layer);
        assert_eq!(taps[4], [Run { input: 0, output: 0, pixels: 4 }]);
        assert_eq!(taps[0], [Run { input: 0, output: 3, pixels: 1 }]);
        assert_eq!(taps[1], [Run { input: 0, output: 2, pixels: 2 }]);
        let one = |input, output| Run { input, output, pixels: 1 };
        assert_eq!(taps[3], [one(0, 1), one(2, 3)]);
        let products: usize = taps.iter().flatten().map(|run| run.pixels).sum();
        assert_eq!(products, 16);
    }
}

//! im2col: the convolution as a product of matrices, for layers whose weights do not fit into the cache. The
//! direct kernels would read all of them again for each few pixels.
//!
//! columns `[images * pixels, kernel rows * kernel columns * inputs]` holds what lies under the kernel
//! at each pixel of the output, W the weights in the same order, one column per output:
//! z = columns W, y = activation(z + b). Backward pass: dW = columnsᵀ dz, dcolumns = dz Wᵀ, and the gradient
//! of a pixel of x is the sum of its values in dcolumns (col2im; Chellapilla et al. 2006). The products are
//! burn's. A convolution with pooling is never done so: it needs the feature maps of one image at a time.

use burn::backend::Flex;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use crate::ops::conv::layer::{Layer, LayerGradients, Outputs, Scratch};
use crate::ops::conv::op::{PackedWeights, Packing};
use crate::ops::flex_tensor::flat;
use crate::ops::layout::{ImageLayout, Images, Size};
use crate::ops::parallel::{GROUP, for_groups, of_images};
use crate::ops::simd::Activate;
use crate::ops::sums::{derived, sums_of_columns};

/// Numbers in a cache line.
const LINE: usize = 16;
/// The most bytes of columns at a time: the images of a batch are done in parts. (VGG's largest
/// layers have 0.3 MB of columns per image at 32x32, and 14 MB at 224x224.)
const MAX_COLUMN_BYTES: usize = 256 << 20;

/// The activated outputs of all images, in NHWC.
pub(super) fn forward(
    layer: &Layer,
    x: Images,
    weights: (&[f32], &PackedWeights),
    bias: &[f32],
) -> Vec<f32> {
    forward_in(MAX_COLUMN_BYTES, layer, x, weights, bias)
}

fn forward_in(
    most_bytes: usize,
    layer: &Layer,
    x: Images,
    (weight, packed): (&[f32], &PackedWeights),
    bias: &[f32],
) -> Vec<f32> {
    let weights = packed.get_or_pack(Packing::Columns, || weight_matrix(layer, weight));
    let mut out = Vec::with_capacity(images_in(x) * layer.output().len());
    for x in chunks(most_bytes, layer, x) {
        let product = Flex::float_matmul(im2col(layer, x), weights.clone());
        out.extend_from_slice(product.storage::<f32>());
    }
    for_groups(&mut out, GROUP * layer.output().len(), |_, out| {
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
    weights: (&[f32], &PackedWeights),
    input_too: bool,
) -> LayerGradients {
    backward_in(MAX_COLUMN_BYTES, layer, x, outputs, weights, input_too)
}

fn backward_in(
    most_bytes: usize,
    layer: &Layer,
    x: Images,
    outputs: Outputs,
    (weight, packed): (&[f32], &PackedWeights),
    input_too: bool,
) -> LayerGradients {
    let dz = derived(layer.level, layer.activation, outputs.y, outputs.gradient);
    let outputs = layer.outputs;
    let bias = sums_of_columns(&dz, outputs);
    let weights = input_too
        .then(|| transposed(packed.get_or_pack(Packing::Columns, || weight_matrix(layer, weight))));
    let (mut dx, mut dw) = (Vec::new(), None::<FlexTensor>);
    let mut rest = &dz[..];
    for x in chunks(most_bytes, layer, x) {
        let (part, after) = rest.split_at(images_in(x) * layer.output().len());
        rest = after;
        let part = matrix(part.to_vec(), [part.len() / outputs, outputs]);
        let product = Flex::float_matmul(transposed(im2col(layer, x)), part.clone());
        dw = Some(match dw {
            Some(sum) => Flex::float_add(sum, product),
            None => product,
        });
        if let Some(weights) = &weights {
            let dcolumns = Flex::float_matmul(part, weights.clone());
            dx.extend(col2im(layer, dcolumns.storage::<f32>()));
        }
    }
    let dw = dw.expect("a batch has images");
    let input = input_too.then_some((dx, ImageLayout::Nhwc));
    LayerGradients { input, weight: planes(layer, dw.storage::<f32>()), bias }
}

/// The images of `x`, in parts whose columns take no more than `most_bytes`; at least one.
fn chunks<'a>(most_bytes: usize, layer: &Layer, x: Images<'a>) -> impl Iterator<Item = Images<'a>> {
    let output = layer.output();
    let bytes = output.rows * output.columns * width(layer) * size_of::<f32>();
    let images = (most_bytes / bytes).max(1);
    let Images { values, size, layout } = x;
    values.chunks(images * size.len()).map(move |values| Images { values, size, layout })
}

/// How many images there are.
fn images_in(x: Images) -> usize {
    x.values.len() / x.size.len()
}

/// What lies under the kernel at each pixel of the output.
fn im2col(layer: &Layer, x: Images) -> FlexTensor {
    let (padded, output, width) = (layer.padded(), layer.output(), width(layer));
    let pixels = output.rows * output.columns;
    let images = x.values.len() / x.size.len();
    let columns =
        of_images(images, pixels * width, |i, (buffer, scratch): &mut Scratch, columns| {
            let image = layer.pad(x, i, ImageLayout::Nhwc, buffer, scratch);
            for (pixel, patch) in columns.chunks_exact_mut(width).enumerate() {
                for (row, patch) in patch.chunks_exact_mut(width / layer.kernel[0]).enumerate() {
                    let from = at(pixel, row, padded, output);
                    patch.copy_from_slice(&image[from..][..patch.len()]);
                }
            }
        });
    matrix(columns, [images * pixels, width])
}

/// The gradient of the input from that of its columns, in NHWC.
fn col2im(layer: &Layer, columns: &[f32]) -> Vec<f32> {
    let (padded, output, width) = (layer.padded(), layer.output(), width(layer));
    let pixels = output.rows * output.columns;
    let images = columns.len() / (pixels * width);
    of_images(images, layer.input.len(), |i, buffer: &mut Vec<f32>, dx| {
        buffer.clear();
        buffer.resize(padded.len(), 0.0);
        let columns = &columns[i * pixels * width..][..pixels * width];
        for (pixel, patch) in columns.chunks_exact(width).enumerate() {
            for (row, patch) in patch.chunks_exact(width / layer.kernel[0]).enumerate() {
                let to = at(pixel, row, padded, output);
                let buffer = &mut buffer[to..][..patch.len()];
                buffer.iter_mut().zip(patch).for_each(|(sum, value)| *sum += value);
            }
        }
        layer.crop(buffer, dx);
    })
}

/// Where row `row` of the patch of output number `pixel` begins in the padded image.
fn at(pixel: usize, row: usize, padded: Size, output: Size) -> usize {
    let (r, p) = (pixel / output.columns, pixel % output.columns);
    ((r + row) * padded.columns + p) * padded.channels
}

/// Values in a patch.
fn width(layer: &Layer) -> usize {
    layer.kernel[0] * layer.kernel[1] * layer.input.channels
}

/// `[outputs, inputs, kernel rows, kernel columns]` as `[width, outputs]`.
fn weight_matrix(layer: &Layer, weight: &[f32]) -> FlexTensor {
    let (mut values, width) = (vec![0.0; weight.len()], width(layer));
    for (column, outputs, from) in lines(layer) {
        for (k, place) in values[column..][..outputs].iter_mut().enumerate() {
            *place = weight[from + k * width];
        }
    }
    matrix(values, [width, layer.outputs])
}

/// `[width, outputs]` as `[outputs, inputs, kernel rows, kernel columns]`.
fn planes(layer: &Layer, values: &[f32]) -> Vec<f32> {
    let (mut planes, width) = (vec![0.0; values.len()], width(layer));
    for (column, outputs, to) in lines(layer) {
        for (k, value) in values[column..][..outputs].iter().enumerate() {
            planes[to + k * width] = *value;
        }
    }
    planes
}

/// Each cache line of `[width, outputs]`: where it begins, how many outputs are in it, and where the first one's weight
/// lies in `[outputs, inputs, kernel rows, kernel columns]`.
fn lines(layer: &Layer) -> impl Iterator<Item = (usize, usize, usize)> {
    let (inputs, area) = (layer.input.channels, layer.kernel[0] * layer.kernel[1]);
    let (all, width) = (layer.outputs, width(layer));
    (0..all).step_by(LINE).flat_map(move |k| {
        (0..width).map(move |weight| {
            let (c, tap) = (weight / area, weight % area);
            ((tap * inputs + c) * all + k, LINE.min(all - k), k * width + weight)
        })
    })
}

fn matrix(values: Vec<f32>, shape: [usize; 2]) -> FlexTensor {
    flat(values, Layout::contiguous(Shape::from(shape)))
}

fn transposed(matrix: FlexTensor) -> FlexTensor {
    Flex::float_transpose(matrix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Activation;
    use crate::ops::simd::SimdLevel;

    /// The images one, two or all at a time: the same up to rounding, and in their order.
    #[test]
    fn few_images_at_a_time() {
        let input = Size { channels: 3, rows: 5, columns: 4 };
        let layer = Layer {
            level: SimdLevel::best(),
            activation: Activation::Tanh,
            input,
            outputs: 7,
            kernel: [3, 2],
            padding: [1, 1, 0, 1],
            pool: None,
        };
        let noise = |n: usize, seed: usize| -> Vec<f32> {
            (0..n).map(|i| ((i * 37 + seed * 11) % 23) as f32 / 23.0 - 0.5).collect()
        };
        let images = 5;
        let (values, weight) = (noise(images * input.len(), 1), noise(7 * 3 * 6, 2));
        let x = Images { values: &values, size: input, layout: ImageLayout::Nchw };
        let (output, bias) = (layer.output(), noise(7, 3));
        let gradient = noise(images * output.len(), 4);
        let run = |most_bytes: usize| {
            let weights = (&weight[..], &PackedWeights::default());
            let y = forward_in(most_bytes, &layer, x, weights, &bias);
            let of = |values| Images { values, size: output, layout: ImageLayout::Nhwc };
            let outputs = Outputs { y: of(&y), gradient: of(&gradient), argmax: &[] };
            let gradients = backward_in(most_bytes, &layer, x, outputs, weights, true);
            let (dx, layout) = gradients.input.unwrap();
            assert_eq!(layout, ImageLayout::Nhwc);
            [y, dx, gradients.weight, gradients.bias]
        };
        let whole = run(usize::MAX);
        let image = output.rows * output.columns * width(&layer) * size_of::<f32>();
        for most_bytes in [1, image, 2 * image + 1] {
            for (part, whole) in run(most_bytes).iter().zip(&whole) {
                assert_eq!(part.len(), whole.len());
                let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
                assert!(part.iter().zip(whole).all(near), "{most_bytes} bytes");
            }
        }
    }
}

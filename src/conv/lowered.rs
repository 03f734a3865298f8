//! The convolution as a product of matrices, for layers whose weights do not fit into the cache: the
//! direct kernels would read all of them again for each few pixels.
//!
//! patches `[images * pixels, kernel rows * kernel columns * inputs]` holds what lies under the kernel
//! at each pixel of the output, W the weights in the same order, one column an output:
//! z = patches W, y = activation(z + b); backward dW = patchesᵀ dz, dpatches = dz Wᵀ, and the gradient
//! of a pixel of x is the sum of the places where it is in a patch. (Chellapilla et al. 2006.) The
//! products are Burn's. A layer that is lowered has no pooling: it has the maps of all images at once.

use burn::backend::Flex;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::Shape;
use burn_flex::{FlexTensor, Layout};

use super::batch::flat;
use super::groups::{GROUP, for_groups, of_images};
use super::images::{Images, Order, Size};
use super::kernels::{Activate, Derive};
use super::layer::{Layer, LayerGradients, Outputs, Scratch};

/// From so many weights on (a megabyte) a layer is lowered.
const MANY_WEIGHTS: usize = 1 << 18;
/// Numbers in a cache line.
const LINE: usize = 16;

/// Whether a layer with weights of this shape is better off as a product of matrices.
pub(super) fn is_better_for(weight: [usize; 4]) -> bool {
    weight.iter().product::<usize>() >= MANY_WEIGHTS
}

/// The activated outputs of all images, in the order of pixels.
pub(super) fn forward(layer: &Layer, x: Images, weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let product = Flex::float_matmul(patches(layer, x), columns(layer, weight));
    let mut out = product.storage::<f32>().to_vec();
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
    weight: &[f32],
    input_too: bool,
) -> LayerGradients {
    let dz = derived(layer, outputs);
    let (rows, outputs) = (dz.len() / layer.outputs, layer.outputs);
    let mut bias = vec![0.0; outputs];
    for dz in dz.chunks_exact(outputs) {
        bias.iter_mut().zip(dz).for_each(|(sum, dz)| *sum += dz);
    }
    let dz = matrix(dz, [rows, outputs]);
    let patches = patches(layer, x);
    let dw = Flex::float_matmul(transposed(patches), dz.clone());
    let input = input_too.then(|| {
        let dpatches = Flex::float_matmul(dz, transposed(columns(layer, weight)));
        (spread(layer, dpatches.storage::<f32>()), Order::Pixels)
    });
    LayerGradients { input, weight: planes(layer, dw.storage::<f32>()), bias }
}

/// The gradient before the activation, in the order of pixels.
fn derived(layer: &Layer, Outputs { y, gradient, .. }: Outputs) -> Vec<f32> {
    let size = layer.output();
    let images = gradient.values.len() / size.len();
    of_images(images, size.len(), |i, (a, b): &mut Scratch, out| {
        let gradient = gradient.image_in(i, Order::Pixels, a);
        let output = y.image_in(i, Order::Pixels, b);
        let activation = layer.activation;
        layer.level.run(Derive { activation, gradient, output, out });
    })
}

/// What lies under the kernel at each pixel of the output.
fn patches(layer: &Layer, x: Images) -> FlexTensor {
    let (padded, output, width) = (layer.padded(), layer.output(), width(layer));
    let pixels = output.rows * output.columns;
    let images = x.values.len() / x.size.len();
    let patches = of_images(images, pixels * width, |i, (room, scratch): &mut Scratch, patches| {
        let image = layer.pad(x, i, Order::Pixels, room, scratch);
        for (pixel, patch) in patches.chunks_exact_mut(width).enumerate() {
            for (row, patch) in patch.chunks_exact_mut(width / layer.kernel[0]).enumerate() {
                let from = at(pixel, row, padded, output);
                patch.copy_from_slice(&image[from..][..patch.len()]);
            }
        }
    });
    matrix(patches, [images * pixels, width])
}

/// The gradient of the input from that of its patches, in the order of pixels.
fn spread(layer: &Layer, patches: &[f32]) -> Vec<f32> {
    let (padded, output, width) = (layer.padded(), layer.output(), width(layer));
    let pixels = output.rows * output.columns;
    let images = patches.len() / (pixels * width);
    of_images(images, layer.input.len(), |i, room: &mut Vec<f32>, dx| {
        room.clear();
        room.resize(padded.len(), 0.0);
        let patches = &patches[i * pixels * width..][..pixels * width];
        for (pixel, patch) in patches.chunks_exact(width).enumerate() {
            for (row, patch) in patch.chunks_exact(width / layer.kernel[0]).enumerate() {
                let to = at(pixel, row, padded, output);
                let room = &mut room[to..][..patch.len()];
                room.iter_mut().zip(patch).for_each(|(sum, value)| *sum += value);
            }
        }
        layer.crop(room, dx);
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
fn columns(layer: &Layer, weight: &[f32]) -> FlexTensor {
    let mut columns = vec![0.0; weight.len()];
    for_lines(layer, |column, outputs, from| {
        for (k, place) in columns[column..][..outputs].iter_mut().enumerate() {
            *place = weight[from + k * width(layer)];
        }
    });
    matrix(columns, [width(layer), layer.outputs])
}

/// `[width, outputs]` as `[outputs, inputs, kernel rows, kernel columns]`.
fn planes(layer: &Layer, columns: &[f32]) -> Vec<f32> {
    let mut planes = vec![0.0; columns.len()];
    for_lines(layer, |column, outputs, to| {
        for (k, value) in columns[column..][..outputs].iter().enumerate() {
            planes[to + k * width(layer)] = *value;
        }
    });
    planes
}

/// Calls `work` for each cache line of `[width, outputs]`: where it begins, how many outputs are in
/// it, and where the first one's weight lies in `[outputs, inputs, kernel rows, kernel columns]`.
fn for_lines(layer: &Layer, mut work: impl FnMut(usize, usize, usize)) {
    let (inputs, area) = (layer.input.channels, layer.kernel[0] * layer.kernel[1]);
    for k in (0..layer.outputs).step_by(LINE) {
        for weight in 0..width(layer) {
            let (c, tap) = (weight / area, weight % area);
            let outputs = LINE.min(layer.outputs - k);
            work((tap * inputs + c) * layer.outputs + k, outputs, k * width(layer) + weight);
        }
    }
}

fn matrix(values: Vec<f32>, shape: [usize; 2]) -> FlexTensor {
    flat(values, Layout::contiguous(Shape::from(shape)))
}

fn transposed(matrix: FlexTensor) -> FlexTensor {
    Flex::float_transpose(matrix)
}

//! Our own operations on every device that this build and this machine have, against burn's on the CPU: on a GPU they
//! are other kernels. See `devices` for how a device gets here.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{DType, Device, Int, Tensor, TensorData, module};
use dytb::device::DeviceName;
use dytb::nn::layers::{BatchNorm, ConvConfig, DenseConfig, softmax_cross_entropy};
use dytb::ops::conv::conv2d;
use dytb::ops::gelu;
use dytb::ops::ordered_sum::{ordered_mean, ordered_sum};
use dytb::ops::square_error;
use dytb::optim::{ArgDefault, Arguments, OPTIMIZERS};
use dytb::{Activation, ForwardContext, Initializer};

use crate::devices::devices;

/// Of the largest value.
const TOLERANCE: f32 = 2e-5;
/// Of products of numbers that were rounded to TF32, ten bits.
const ROUNDED: f32 = 2e-3;

/// What a product on `device` may be away: NVIDIA_TF32_OVERRIDE=0 keeps CUDA's in 32 bits.
fn of_products(device: &DeviceName) -> f32 {
    let exact = std::env::var("NVIDIA_TF32_OVERRIDE").is_ok_and(|value| value == "0");
    if !exact && device.to_string().starts_with("cuda") { ROUNDED } else { TOLERANCE }
}

/// How many of an output and its gradients are held to be the CPU's: where a number rounds to the other side of a ReLU, or
/// another is the largest of its window, the gradients are others.
fn held(device: &DeviceName, activation: Activation) -> usize {
    if of_products(device) == ROUNDED && activation == Activation::Relu { 1 } else { 4 }
}

/// Batch, channels and sides of the images, channels of the output, sides of the window, zeros around.
type Case = ([usize; 4], usize, [usize; 2], [usize; 4]);

/// Few channels to many, many to few, many to many, one to one; sides and batches that no vector divides; windows that
/// are not square; zeros that are not the same on both sides, and further out than the window reaches.
const CASES: [Case; 21] = [
    ([3, 1, 8, 8], 32, [3, 3], [2; 4]),
    ([17, 1, 7, 5], 32, [3, 3], [1; 4]),
    ([20, 3, 9, 6], 64, [3, 3], [1; 4]),
    ([1, 1, 12, 12], 33, [5, 5], [2; 4]),
    ([5, 5, 6, 7], 6, [3, 3], [0; 4]),
    ([4, 32, 10, 9], 1, [3, 3], [0; 4]),
    ([2, 33, 8, 8], 3, [3, 3], [1; 4]),
    ([1, 6, 5, 5], 1, [3, 3], [2; 4]),
    ([3, 70, 6, 6], 2, [3, 3], [1; 4]),
    ([6, 16, 6, 5], 24, [3, 3], [1; 4]),
    ([2, 32, 9, 9], 64, [5, 5], [2; 4]),
    ([3, 1, 6, 6], 1, [1, 1], [0; 4]),
    ([2, 2, 9, 8], 40, [2, 4], [1, 0, 2, 1]),
    ([2, 40, 9, 8], 2, [4, 2], [1, 2, 0, 1]),
    ([2, 3, 6, 6], 8, [3, 3], [3; 4]),
    ([5, 24, 6, 5], 16, [1, 1], [0; 4]),
    ([7, 64, 5, 6], 72, [3, 3], [1; 4]),
    ([13, 16, 12, 11], 40, [2, 3], [1, 0, 0, 2]),
    ([1, 32, 3, 3], 132, [3, 3], [0; 4]),
    ([33, 20, 8, 8], 32, [1, 1], [0; 4]),
    ([520, 1, 16, 3], 32, [5, 5], [2; 4]),
];

/// Numbers in -1..=1.
fn values(count: usize, seed: u32) -> Vec<f32> {
    let mix = |i: u32| i.wrapping_mul(0x9e37_79b9).wrapping_add(seed).rotate_left(13);
    let value = |i: u32| (mix(i).wrapping_mul(0x85eb_ca6b) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    (0..count as u32).map(value).collect()
}

fn tensor<const D: usize>(shape: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
    let data = TensorData::new(values(shape.iter().product(), seed), shape);
    Tensor::from_data(data, device)
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

fn assert_close(what: &str, computed: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(computed.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-6_f32, |largest, value| largest.max(value.abs()));
    for (number, (a, b)) in computed.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * largest, "{what}: {a} is not {b} at {number}");
    }
}

/// What `passes` gives on each device is what it gives on the CPU.
fn assert_same_everywhere<const N: usize>(
    what: &str,
    tolerance: f32,
    passes: impl Fn(&Device) -> [Vec<f32>; N],
) {
    let expected = passes(&Device::flex());
    for device in devices() {
        let computed = passes(&device.find().unwrap());
        for (computed, expected) in computed.iter().zip(&expected) {
            assert_close(&format!("{device} {what}"), computed, expected, tolerance);
        }
    }
}

/// The output and the gradients of x, weight and bias of `convolve` on `device`.
fn passes(
    case: Case,
    device: &Device,
    convolve: impl Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>,
) -> [Vec<f32>; 4] {
    let device = device.clone().autodiff();
    let ([_, inputs, ..], outputs, [rows, columns], _) = case;
    let x = tensor(case.0, 1, &device).require_grad();
    let weight = tensor([outputs, inputs, rows, columns], 2, &device) * 0.3;
    let weight = weight.detach().require_grad();
    let bias = tensor([outputs], 3, &device).require_grad();
    let y = convolve(x.clone(), weight.clone(), bias.clone());
    let loss = (y.clone() * tensor(y.dims(), 4, &device)).sum();
    let gradients = loss.backward();
    [
        floats(y.inner()),
        floats(x.grad(&gradients).unwrap()),
        floats(weight.grad(&gradients).unwrap()),
        floats(bias.grad(&gradients).unwrap()),
    ]
}

#[test]
fn a_convolution_is_burns() {
    for device in devices() {
        for (number, case) in CASES.into_iter().enumerate() {
            let (.., padding) = case;
            let activation = [Activation::Tanh, Activation::Relu, Activation::Identity][number % 3];
            let ours = passes(case, &device.find().unwrap(), |x, weight, bias| {
                conv2d(x, weight, Some(bias), padding, activation)
            });
            let burns = passes(case, &Device::flex(), |x, weight, bias| {
                let [top, bottom, left, right] = padding;
                let x = x.pad([(top, bottom), (left, right)], PadMode::Constant(0.0));
                let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
                activation.apply(module::conv2d(x, weight, Some(bias), options))
            });
            let names = ["output", "gradient of x", "of the weight", "of the bias"];
            let held = held(&device, activation);
            for (name, (ours, burns)) in names.into_iter().zip(ours.iter().zip(&burns)).take(held) {
                let what = format!("{device}, {case:?}, {activation:?}: {name}");
                assert_close(&what, ours, burns, of_products(&device));
            }
        }
    }
}

/// Maps that windows do not fill; few channels to many, and many to many; windows of three; channels that no word has the
/// places of; windows that overlap.
#[test]
fn a_pooled_convolution_is_that_of_the_cpu() {
    let cases = [
        ([5, 1, 9, 11], 32, 5, [2, 2]),
        ([3, 16, 7, 6], 20, 3, [2, 2]),
        ([2, 3, 10, 8], 8, 3, [3, 3]),
        ([4, 20, 8, 8], 16, 3, [3, 3]),
        ([2, 3, 8, 8], 6, 3, [2, 2]),
        ([2, 3, 8, 9], 8, 3, [3, 2]),
    ];
    for (number, (images, outputs, side, [window, stride])) in cases.into_iter().enumerate() {
        let activation = [Activation::Relu, Activation::Tanh][number % 2];
        let passes = |device: &Device| {
            let device = device.clone().autodiff();
            let conv = ConvConfig::new([images[1], outputs], [side; 2]).with_activation(activation);
            let layer = conv.with_same_padding().init(&mut Initializer::new(1, &device));
            let x = tensor(images, 1, &device).require_grad();
            let mut context = ForwardContext::training(1);
            let y = layer.forward_max_pool(x.clone(), window, stride, &mut context);
            let loss = (y.clone() * tensor(y.dims(), 2, &device)).sum();
            let [dx, dw, db] = gradients(loss, x, &layer);
            [floats(y.inner()), dx, dw, db]
        };
        let expected = passes(&Device::flex());
        for device in devices() {
            let tolerance = of_products(&device);
            let computed = passes(&device.find().unwrap());
            let held = if tolerance == TOLERANCE { 4 } else { 1 };
            for (computed, expected) in computed.iter().zip(&expected).take(held) {
                let what = format!("{device}, {images:?} to {outputs}, windows of {window}");
                assert_close(&what, computed, expected, tolerance);
            }
        }
    }
}

/// The gradients of a layer's parameters.
struct Gradients<'a>(&'a GradientsParams, Vec<Vec<f32>>);

impl ModuleVisitor for Gradients<'_> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        self.1.push(floats(self.0.get::<D>(parameter.id).unwrap()));
    }
}

/// Of x, and of a layer's weight and bias.
fn gradients<const D: usize>(loss: Tensor<1>, x: Tensor<D>, layer: &impl Module) -> [Vec<f32>; 3] {
    let gradients = loss.backward();
    let dx = floats(x.grad(&gradients).unwrap());
    let gradients = GradientsParams::from_grads(gradients, layer);
    let mut found = Gradients(&gradients, Vec::new());
    layer.visit(&mut found);
    let [dw, db] = found.1.try_into().unwrap();
    [dx, dw, db]
}

/// Examples, inputs and outputs: sums in one part and in several; sides that no tile divides; sides that no vector does.
#[test]
fn a_dense_layer_is_that_of_the_cpu() {
    let sizes =
        [[17, 36, 40], [130, 300, 132], [3, 8, 4], [5, 7, 10], [20, 1032, 64], [600, 40, 48]];
    for (number, [batch, inputs, outputs]) in sizes.into_iter().enumerate() {
        let activation = [Activation::Relu, Activation::Identity, Activation::Tanh][number % 3];
        let passes = |device: &Device| {
            let device = device.clone().autodiff();
            let dense = DenseConfig::new([inputs, outputs]).with_activation(activation);
            let layer = dense.init(&mut Initializer::new(1, &device));
            let x = tensor([batch, inputs], 1, &device).require_grad();
            let y = layer.forward(x.clone(), &mut ForwardContext::training(1));
            let loss = (y.clone() * tensor([batch, outputs], 2, &device)).sum();
            let [dx, dw, db] = gradients(loss, x, &layer);
            [floats(y.inner()), dx, dw, db]
        };
        let expected = passes(&Device::flex());
        for device in devices() {
            let computed = passes(&device.find().unwrap());
            let held = held(&device, activation);
            for (computed, expected) in computed.iter().zip(&expected).take(held) {
                let what = format!("{device}, {batch} of {inputs} to {outputs}");
                assert_close(&what, computed, expected, of_products(&device));
            }
        }
    }
}

/// NaN in an image stays through a ReLU, in this image: a run that diverges is seen.
#[test]
fn what_is_not_a_number_stays() {
    for name in devices() {
        let device = name.find().unwrap();
        for (inputs, outputs) in [(1, 32), (16, 16), (32, 1)] {
            let mut pixels = values(2 * inputs * 25, 1);
            pixels[inputs * 25 + 12] = f32::NAN;
            let x = Tensor::from_data(TensorData::new(pixels, [2, inputs, 5, 5]), &device);
            let weight = tensor([outputs, inputs, 3, 3], 2, &device);
            let y = floats(conv2d(x, weight, None, [1; 4], Activation::Relu));
            let are_nan =
                y.chunks(outputs * 25).map(|image| image.iter().filter(|y| y.is_nan()).count());
            let are_nan: Vec<_> = are_nan.collect();
            assert_eq!(are_nan, [0, outputs * 9], "{name}, {inputs} channels to {outputs}");
        }
    }
}

/// The weight alone has a gradient in a first layer; without a bias; and twice the same bits.
#[test]
fn a_first_layer_is_the_same_twice() {
    for device in devices() {
        let device = device.find().unwrap().autodiff();
        let once = || {
            let x = tensor([9, 1, 12, 10], 1, &device);
            let weight = tensor([32, 1, 3, 3], 2, &device).require_grad();
            let y = conv2d(x, weight.clone(), None, [2; 4], Activation::Tanh);
            let gradients = y.clone().square().sum().backward();
            [floats(y.inner()), floats(weight.grad(&gradients).unwrap())]
        };
        let [y, dw] = once();
        assert!([y, dw] == once(), "{device:?}");
    }
}

/// Against sums of 64 bits.
#[test]
fn half_the_mean_squared_error_is_its_formula() {
    for name in devices() {
        let device = name.find().unwrap().autodiff();
        for shape in [[1, 1, 1, 1], [3, 1, 5, 7], [20, 3, 32, 32], [17, 2, 40, 31]] {
            let made = tensor(shape, 1, &device).require_grad();
            let error = square_error::half_mean(made.clone(), tensor(shape, 2, &device));
            let gradients = (error.clone() * 3.0).backward();
            let down = floats(made.grad(&gradients).unwrap());

            let count: usize = shape.iter().product();
            let differences = values(count, 1).into_iter().zip(values(count, 2));
            let differences: Vec<_> =
                differences.map(|(made, image)| f64::from(made) - f64::from(image)).collect();
            let squares: f64 = differences.iter().map(|difference| difference * difference).sum();
            let expected = (squares / (2 * count) as f64) as f32;
            // burn's own sum on the CPU goes through up to 65,536 values one after the other.
            assert_close(&format!("{name}, {shape:?}"), &floats(error.inner()), &[expected], 1e-3);
            let gradient = |difference: &f64| (3.0 * difference / count as f64) as f32;
            let expected: Vec<_> = differences.iter().map(gradient).collect();
            assert_close(&format!("{name}, {shape:?}: gradient"), &down, &expected, TOLERANCE);
        }
    }
}

/// Sums and means, and their gradients.
#[test]
fn sums_are_those_of_64_bits() {
    for name in devices() {
        let device = name.find().unwrap().autodiff();
        for shape in [[1, 1], [7, 9], [64, 65], [300, 1000]] {
            let x = tensor(shape, 1, &device).require_grad();
            let (sum, mean) = (ordered_sum(x.clone()), ordered_mean(x.clone()));
            let gradients = (sum.clone() * 2.0 + mean.clone()).backward();
            let down = floats(x.grad(&gradients).unwrap());
            let count = shape.iter().product::<usize>();
            let expected: f64 = values(count, 1).into_iter().map(f64::from).sum();
            let largest = count as f64;
            let what = format!("{name}, {shape:?}");
            let near = |value: Tensor<1>, expected: f64, of: f64| {
                (f64::from(value.inner().into_scalar::<f32>()) - expected).abs() <= 1e-6 * of
            };
            assert!(near(sum, expected, largest), "{what}: sum");
            assert!(near(mean, expected / largest, 1.0), "{what}: mean");
            let one = 2.0 + 1.0 / count as f32;
            assert_close(&what, &down, &vec![one; count], 1e-6);
        }
    }
}

#[test]
fn the_cross_entropy_is_burns() {
    let passes = |device: &Device| {
        let device = device.clone().autodiff();
        let logits = (tensor([19, 11], 1, &device) * 20.0).detach().require_grad();
        let labels: Vec<i32> = (0..19).map(|row| row * 7 % 11).collect();
        let labels = TensorData::new(labels, [19]);
        let labels = Tensor::<1, Int>::from_data(labels, (&device, DType::I32));
        let losses = softmax_cross_entropy(logits.clone(), labels);
        let gradients = (losses.clone() * tensor([19], 2, &device)).sum().backward();
        [floats(losses.inner()), floats(logits.grad(&gradients).unwrap())]
    };
    assert_same_everywhere("", TOLERANCE, passes);
}

#[test]
fn gelu_is_that_of_the_cpu() {
    let passes = |device: &Device| {
        let x = tensor([4000], 1, &device.clone().autodiff()) * 3.0;
        let x = x.detach().require_grad();
        let y = gelu(x.clone());
        let gradients = y.clone().sum().backward();
        [floats(y.inner()), floats(x.grad(&gradients).unwrap())]
    };
    assert_same_everywhere("", TOLERANCE, passes);
}

/// Images and rows, in training and in evaluation.
#[test]
fn batch_normalisation_is_that_of_the_cpu() {
    let passes = |device: &Device| {
        let device = device.clone().autodiff();
        let layer = BatchNorm::new(21, &mut Initializer::new(1, &device));
        let x = (tensor([13, 21, 7, 5], 1, &device) * 3.0 + 0.7).detach().require_grad();
        let mut context = ForwardContext::training(1);
        let y = layer.forward(x.clone(), Activation::Relu, &mut context);
        let gradients = (y.clone() * tensor([13, 21, 7, 5], 2, &device)).sum().backward();
        let rows = tensor([40, 21], 3, &device);
        let of_rows = layer.forward(rows, Activation::Tanh, &mut ForwardContext::training(1));
        let plain = x.clone().inner();
        let evaluated =
            layer.valid().forward(plain, Activation::Identity, &mut ForwardContext::evaluation());
        let dx = floats(x.grad(&gradients).unwrap());
        [floats(y.inner()), dx, floats(of_rows.inner()), floats(evaluated)]
    };
    assert_same_everywhere("", TOLERANCE, passes);
}

/// A parameter.
#[derive(Module, Debug)]
struct One {
    weight: Param<Tensor<2>>,
}

/// Three steps of each, down gradients that are the same numbers everywhere.
#[test]
fn optimizers_take_the_same_steps() {
    for entry in OPTIMIZERS {
        let own = entry.arguments.iter().filter(|own| own.default == ArgDefault::Required);
        let mut given: serde_json::Map<_, _> =
            own.map(|own| (own.name.to_owned(), 0.9.into())).collect();
        given.insert("learning_rate".into(), 0.01.into());
        let steps = |device: &Device| {
            let device = device.clone().autodiff();
            let mut one = One { weight: Param::from_tensor(tensor([19, 37], 9, &device)) };
            let arguments = Arguments::new(entry, given.clone()).unwrap();
            let mut optimizer = (entry.build)(&arguments);
            for step in 0..3 {
                let loss = (one.weight.val() * tensor([19, 37], 10 + step, &device)).sum();
                let gradients = GradientsParams::from_grads(loss.backward(), &one);
                one = optimizer.step(0.01, one, gradients);
            }
            [floats(one.weight.val().inner())]
        };
        assert_same_everywhere(entry.name, 1e-4, steps);
    }
}

use super::*;
use crate::ops::conv::conv2d;
use burn::tensor::{Device, TensorData};

/// Values with many equal ones, like those of a ReLU.
fn images(shape: [usize; 4], device: &Device) -> Tensor<4> {
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|i: usize| ((i * 7919 % 11) as f32 - 4.0).max(0.0))
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Of each window the first of the largest values, by definition.
fn expected(images: &Tensor<4>, window: usize, stride: usize) -> (Vec<f32>, Vec<f32>) {
    let [batch, channels, h, w] = images.dims();
    let x: Vec<f32> = images.clone().into_data().try_to_vec().unwrap();
    let (mut largest, mut counts) = (Vec::new(), vec![0.0; x.len()]);
    for plane in 0..batch * channels {
        for r in (0..=h - window).step_by(stride) {
            for p in (0..=w - window).step_by(stride) {
                let argmax = (0..window * window)
                    .map(|i| plane * h * w + (r + i / window) * w + p + i % window);
                // `max_by` takes the last of the largest: from behind.
                let from = argmax.rev().max_by(|&a, &b| x[a].total_cmp(&x[b])).unwrap();
                largest.push(x[from]);
                counts[from] += largest.len() as f32;
            }
        }
    }
    (largest, counts)
}

#[test]
fn the_first_of_the_largest_values_in_both_orders() {
    let device = Device::flex().autodiff();
    for (shape, window, stride) in [
        ([20, 3, 6, 8], 2, 2),
        ([3, 17, 7, 5], 2, 2),
        ([1, 1, 4, 4], 4, 1),
        ([2, 5, 9, 9], 3, 2),
        ([2, 5, 5, 5], 1, 2),
    ] {
        let [batch, channels, h, w] = shape;
        let planes = images(shape, &device);
        let (largest, counts) = expected(&planes, window, stride);
        // Channels that lie together.
        let data = planes.clone().permute([0, 2, 3, 1]).into_data();
        let pixels = Tensor::<4>::from_data(
            TensorData::new(data.try_to_vec::<f32>().unwrap(), [batch, h, w, channels]),
            &device,
        );
        for x in [planes, pixels.permute([0, 3, 1, 2])] {
            let x = x.detach().require_grad();
            let y = max_pool2d(x.clone(), window, stride);
            // Each output has another gradient: its number.
            let numbers: Vec<f32> = (1..=largest.len()).map(|n| n as f32).collect();
            let weights = Tensor::from_data(TensorData::new(numbers, y.dims()), &device);
            let gradients = (y.clone() * weights).sum().backward();
            let dx = x.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
            assert_eq!(y.into_data().try_to_vec::<f32>().unwrap(), largest, "{shape:?}");
            assert_eq!(dx, counts, "{shape:?}");
        }
    }
}

#[test]
fn nan_is_passed_on() {
    let device = Device::flex().autodiff();
    let x =
        Tensor::<4>::from_floats([[[[f32::NAN, 1.0], [f32::NAN, 0.0]]]], &device).require_grad();
    let y = max_pool2d(x.clone(), 2, 2);
    assert!(y.clone().into_scalar::<f32>().is_nan());
    let dx = x.grad(&y.backward()).unwrap().into_data().try_to_vec::<f32>().unwrap();
    assert_eq!(dx, [0.0, 0.0, 1.0, 0.0]);
}

/// What comes of a convolution and its pooling: y, and the gradients of input, weight and bias.
fn passes(
    [x, weight, bias]: [Tensor<4>; 3],
    operation: impl Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>,
) -> [Vec<f32>; 4] {
    let [x, weight] = [x, weight].map(|tensor| tensor.detach().require_grad());
    let bias = bias.reshape([-1]).detach().require_grad();
    let y = operation(x.clone(), weight.clone(), bias.clone());
    let n = y.shape().num_elements() as f32;
    let numbers: Vec<f32> = (1..=n as usize).map(|i| i as f32 / n).collect();
    let weights = Tensor::<4>::from_data(TensorData::new(numbers, y.dims()), &y.device());
    let gradients = (y.clone() * weights.cast(y.dtype())).sum().backward();
    let [y, x, weight] = [y, x.grad(&gradients).unwrap(), weight.grad(&gradients).unwrap()]
        .map(|tensor| tensor.into_data().convert::<f32>().try_to_vec().unwrap());
    let bias = bias.grad(&gradients).unwrap().into_data().convert::<f32>().try_to_vec().unwrap();
    [y, x, weight, bias]
}

/// As one operation or as two, whatever the windows, values and layers are: the input's pixels lie
/// together, as a convolution before would leave them.
#[test]
fn pooling_a_convolution() {
    // Maps of 18x17 and windows: the last ones are left to Burn. Many weights are a product of matrices.
    let rows = [
        ([3, 20, 2, 2], false, false),
        ([3, 20, 3, 2], false, false),
        ([3, 20, 2, 3], false, false),
        ([3, 20, 3, 1], false, false),
        ([3, 20, 16, 2], false, false),
        ([3, 20, 17, 2], false, false),
        ([3, 20, 2, 2], true, false),
        ([3, 20, 2, 2], false, true),
        ([172, 170, 2, 2], false, false),
    ];
    let device = Device::flex().autodiff();
    for ([inputs, outputs, window, stride], equal, double) in rows {
        let what = format!("{inputs} to {outputs}, {window}/{stride}, {equal} {double}");
        let value = |i: usize| if equal { 0.5 } else { (i as f32 * 1.7).sin() };
        let tensor = |shape: [usize; 4]| {
            let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
            let tensor = Tensor::<4>::from_data(TensorData::new(values, shape), &device);
            if double { tensor.cast(DType::F64) } else { tensor }
        };
        let x = tensor([2, 18, 17, inputs]).permute([0, 3, 1, 2]);
        let inputs = [x, tensor([outputs, inputs, 3, 3]) * 0.1, tensor([outputs, 1, 1, 1])];
        let activation = if equal { Activation::Identity } else { Activation::Relu };
        let got = passes(inputs.clone(), |x, w, b| {
            conv2d_max_pool2d(
                x,
                (w, PackedWeights::default()),
                Some(b),
                [1; 4],
                activation,
                [window, stride],
            )
        });
        let want = passes(inputs, |x, w, b| {
            max_pool2d(conv2d(x, w, Some(b), [1; 4], activation), window, stride)
        });
        for (got, want) in got.iter().zip(&want) {
            let largest = want.iter().fold(1e-3f32, |a, b| a.max(b.abs()));
            assert_eq!(got.len(), want.len(), "{what}");
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() <= 1e-5 * largest, "{what}: {got}, not {want}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "a window of 3x3, stride 1, on images of 2x4")]
fn a_window_larger_than_the_image() {
    max_pool2d(images([1, 1, 2, 4], &Device::flex()), 3, 1);
}

#[test]
#[should_panic(expected = "a window of 3x3, stride 2, on images of 2x4")]
fn a_window_larger_than_the_maps() {
    let (x, weight) =
        (images([1, 1, 2, 4], &Device::flex()), images([1, 1, 1, 1], &Device::flex()));
    conv2d_max_pool2d(
        x,
        (weight, PackedWeights::default()),
        None,
        [0; 4],
        Activation::Relu,
        [3, 2],
    );
}

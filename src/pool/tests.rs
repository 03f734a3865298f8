use super::*;
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
                let places = (0..window * window)
                    .map(|i| plane * h * w + (r + i / window) * w + p + i % window);
                // `max_by` takes the last of the largest: from behind.
                let from = places.rev().max_by(|&a, &b| x[a].total_cmp(&x[b])).unwrap();
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
    let x = Tensor::<4>::from_floats([[[[1.0, f32::NAN], [2.0, 0.0]]]], &Device::flex());
    assert!(max_pool2d(x, 2, 2).into_scalar::<f32>().is_nan());
}

#[test]
#[should_panic(expected = "a window of 3x3, stride 1, on images of 2x4")]
fn a_window_larger_than_the_image() {
    max_pool2d(images([1, 1, 2, 4], &Device::flex()), 3, 1);
}

use super::*;
use crate::ops::ACTIVATIONS;
use burn::tensor::{Device, TensorData};

const EPSILON: f64 = 1e-3;

fn noise<const D: usize>(shape: [usize; D], seed: f32, device: &Device) -> Tensor<D> {
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|i: usize| (i as f32 * 1.7 + seed).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn assert_close(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(1e-3f32, |a, b| a.max(b.abs()));
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= 2e-5 * largest, "{what}: {got}, not {want}, of {largest}");
    }
}

/// y, μ, σ² and the gradients of x, γ and β.
fn passes<const D: usize>(
    x: Tensor<D>,
    operation: impl Fn(Tensor<D>, [Tensor<1>; 2]) -> Normalised<D>,
) -> Vec<Vec<f32>> {
    let device = x.device();
    let x = x.detach().require_grad();
    let [gamma, beta] = [1.0, 2.0].map(|seed| noise([x.dims()[1]], seed, &device).require_grad());
    let Normalised { output, mean, variance } = operation(x.clone(), [gamma.clone(), beta.clone()]);
    let gradients = (output.clone() * noise(output.dims(), 3.0, &device)).sum().backward();
    let of_channels =
        [mean, variance, gamma.grad(&gradients).unwrap(), beta.grad(&gradients).unwrap()];
    let mut all = vec![values(output), values(x.grad(&gradients).unwrap())];
    all.extend(of_channels.map(values));
    all
}

fn agrees_with_burn<const D: usize>(x: Tensor<D>) {
    for activation in ACTIVATIONS {
        let got = passes(x.clone(), |x, by| normalise_batch(x, by, EPSILON, activation));
        let want = passes(x.clone(), |x, [gamma, beta]| {
            let normalised = batch_norm_train(x, gamma, beta, EPSILON);
            Normalised {
                output: activation.apply(normalised.output),
                mean: normalised.mean,
                variance: normalised.variance,
            }
        });
        for (i, what) in ["y", "dx", "mean", "variance", "dgamma", "dbeta"].iter().enumerate() {
            assert_close(&got[i], &want[i], &format!("{what} {activation:?} {:?}", x.dims()));
        }
    }
}

#[test]
fn training_agrees_with_burn_in_both_orders() {
    let device = Device::flex().autodiff();
    // A mean that is far from zero.
    agrees_with_burn(noise([19, 5, 3, 7], 0.0, &device) + 3.0);
    agrees_with_burn(noise([19, 7, 9, 16], 0.0, &device).permute([0, 3, 1, 2]));
    agrees_with_burn(noise([33, 17], 0.0, &device));
    agrees_with_burn(noise([2, 1, 1, 1], 0.0, &device));
    agrees_with_burn(noise([3, 4, 5], 0.0, &device));
}

#[test]
fn views_and_other_types() {
    let device = Device::flex().autodiff();
    // Rows and columns swapped, a part of the channels: neither planes nor pixels.
    let wide = noise([3, 7, 9, 5], 0.0, &device).swap_dims(2, 3);
    agrees_with_burn(wide.slice([0..3, 2..6, 0..5, 1..9]));
    let double = |tensor: Tensor<1>| tensor.cast(DType::F64);
    let x = noise([2, 3, 2, 2], 0.0, &device).cast(DType::F64);
    let by = [double(noise([3], 1.0, &device)), double(noise([3], 2.0, &device))];
    let y = normalise_batch(x, by, EPSILON, Activation::Relu).output;
    assert_eq!((y.dims(), y.dtype()), ([2, 3, 2, 2], DType::F64));
}

/// In double precision, from the formula.
#[test]
fn accurate_far_from_zero_and_for_equal_values() {
    let device = Device::flex();
    for (apart, pixels) in [(0.0, 784), (1.0, 1024), (0.5, 50_176)] {
        let x = noise([2, 1, pixels, 1], 0.0, &device) * apart + 100.1;
        let exact: Vec<f64> = values(x.clone()).into_iter().map(f64::from).collect();
        let mean = exact.iter().sum::<f64>() / exact.len() as f64;
        let variance = exact.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / exact.len() as f64;
        let want = exact.iter().map(|x| ((x - mean) / (variance + EPSILON).sqrt()) as f32);
        let by = [Tensor::ones([1], &device), Tensor::zeros([1], &device)];
        let y = normalise_batch(x, by, EPSILON, Activation::Identity).output;
        for (y, want) in values(y).into_iter().zip(want) {
            // The mean, near 100, has one of 1 / 131,072 to the next number.
            let rounding = 2f32.powi(-17) / (variance as f32 + EPSILON as f32).sqrt();
            assert!((y - want).abs() <= rounding, "{apart}: {y}, not {want}");
        }
    }
}

#[test]
fn evaluation_agrees_with_burn() {
    let device = Device::flex();
    evaluates(noise([19, 7, 9, 16], 0.0, &device).permute([0, 3, 1, 2]), Activation::Relu);
    evaluates(noise([19, 5, 3, 7], 0.0, &device), Activation::Tanh);
    evaluates(noise([19, 5], 0.0, &device), Activation::Identity);
    evaluates(noise([3, 4, 5], 0.0, &device), Activation::Relu);
}

fn evaluates<const D: usize>(x: Tensor<D>, activation: Activation) {
    let of_channels = |seed| noise([x.dims()[1]], seed, &x.device());
    let (mean, variance) = (of_channels(1.0), of_channels(2.0) + 1.5);
    let [gamma, beta] = [of_channels(3.0), of_channels(4.0)];
    let want = activation.apply(batch_norm(
        x.clone(),
        gamma.clone(),
        beta.clone(),
        mean.clone(),
        variance.clone(),
        EPSILON,
    ));
    let got = normalise(x, [mean, variance], [gamma, beta], EPSILON, activation);
    assert_close(&values(got), &values(want), "y");
}

/// A frozen layer in a pass of training: the statistics are constants, dx = dz γ / √σ².
#[test]
fn the_gradient_does_not_go_through_given_statistics() {
    let device = Device::flex().autodiff();
    let x = noise([3, 2, 2, 2], 0.0, &device).require_grad();
    let of_channels = |values: [f32; 2]| Tensor::<1>::from_floats(values, &device);
    let by = [of_channels([0.1, -0.2]), of_channels([4.0, 0.25])];
    let [gamma, beta] = [of_channels([3.0, 0.5]), of_channels([0.0, 0.0])];
    let y = normalise(x.clone(), by, [gamma, beta], 0.0, Activation::Relu);
    let dx = values(x.grad(&y.clone().sum().backward()).unwrap());
    for (i, (dx, y)) in dx.into_iter().zip(values(y)).enumerate() {
        let scale = [1.5, 1.0][i / 4 % 2];
        assert_eq!(dx, if y > 0.0 { scale } else { 0.0 });
    }
}

#[test]
fn only_what_is_trained_gets_a_gradient() {
    let device = Device::flex().autodiff();
    let x = noise([3, 2, 2, 2], 0.0, &device);
    let [gamma, beta] =
        [Tensor::<1>::ones([2], &device).require_grad(), Tensor::zeros([2], &device)];
    let y = normalise_batch(x, [gamma.clone(), beta.clone()], EPSILON, Activation::Relu).output;
    let gradients = y.sum().backward();
    assert!(gamma.grad(&gradients).is_some() && beta.grad(&gradients).is_none());
}

/// A network with NaN in it must not look as if it were well.
#[test]
fn nan_is_passed_on() {
    let device = Device::flex();
    let x = Tensor::<4>::from_floats([[[[f32::NAN, 1.0]]], [[[2.0, 3.0]]]], &device);
    let one = || Tensor::<1>::ones([1], &device);
    let y = normalise_batch(x.clone(), [one(), one()], EPSILON, Activation::Relu).output;
    assert!(values(y).iter().all(|y| y.is_nan()));
    let y = normalise(x, [one(), one()], [one(), one()], EPSILON, Activation::Relu);
    assert_eq!(
        values(y).iter().map(|y| y.is_nan()).collect::<Vec<_>>(),
        [true, false, false, false]
    );
}

#[test]
#[should_panic(expected = "batch normalisation: channels")]
fn another_number_of_channels() {
    let device = Device::flex();
    let by = [Tensor::ones([8], &device), Tensor::zeros([8], &device)];
    normalise_batch(noise([2, 16, 4, 4], 0.0, &device), by, EPSILON, Activation::Relu);
}

#[test]
fn threads_do_not_change_a_bit() {
    let device = Device::flex().autodiff();
    let x = noise([21, 9, 7, 16], 0.0, &device).permute([0, 3, 1, 2]);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            passes(x.clone(), |x, by| normalise_batch(x, by, EPSILON, Activation::Relu))
        })
    };
    let one = run(1);
    for threads in [2, 3] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

/// As one operation or as two: odd sides leave rows and columns in no window, and equal values have a first.
#[test]
fn pooled_as_afterwards() {
    let device = Device::flex().autodiff();
    let pixels = |shape: [usize; 4]| noise(shape, 0.0, &device).permute([0, 3, 1, 2]);
    for (x, windows) in [
        (pixels([19, 8, 6, 16]), [2, 2]),
        (pixels([3, 7, 5, 17]), [2, 2]),
        (pixels([2, 8, 9, 3]), [2, 3]),
        (noise([9, 5, 7, 6], 0.0, &device) + 3.0, [3, 3]),
        (noise([2, 1, 4, 4], 0.0, &device), [4, 5]),
        // What is shared by windows, and a view, are left to two operations.
        (pixels([2, 8, 9, 3]), [3, 2]),
        (noise([3, 9, 7, 4], 0.0, &device).swap_dims(1, 3), [2, 2]),
    ] {
        for activation in ACTIVATIONS {
            let got = passes(x.clone(), |x, by| {
                normalise_batch_max_pool2d(x, by, EPSILON, activation, windows)
            });
            let want = passes(x.clone(), |x, by| {
                let normalised = normalise_batch(x, by, EPSILON, activation);
                let output = max_pool2d(normalised.output, windows[0], windows[1]);
                Normalised { output, ..normalised }
            });
            for (i, what) in ["y", "dx", "mean", "variance", "dgamma", "dbeta"].iter().enumerate() {
                let what = format!("{what} {activation:?} {:?} {windows:?}", x.dims());
                assert_close(&got[i], &want[i], &what);
            }
        }
    }
}

use burn::tensor::Device;

use super::*;
use crate::ops::ACTIVATIONS;
use crate::ops::pool::max_pool2d;

/// A case: batch, inputs, outputs, kernel, image, padding.
type Case = (usize, usize, usize, [usize; 2], [usize; 2], [usize; 4]);

fn cases() -> Vec<Case> {
    let mut cases = vec![
        (3, 1, 32, [3, 3], [28, 28], [2; 4]),
        (3, 32, 1, [3, 3], [30, 30], [0; 4]),
        (17, 3, 32, [3, 3], [13, 34], [2; 4]),
        (1, 32, 3, [3, 3], [34, 13], [0; 4]),
        (1, 1, 1, [1, 1], [1, 1], [0; 4]),
        (3, 32, 32, [3, 3], [8, 8], [1; 4]),
        // Tiles of 2 x 2 and of 4 x 4, whole and not; of the last, more images than are transformed at a time.
        (17, 180, 170, [3, 3], [4, 3], [1, 0, 2, 1]),
        (35, 32, 47, [3, 3], [3, 3], [1; 4]),
        (19, 40, 33, [3, 3], [9, 6], [1; 4]),
        (3, 33, 64, [3, 3], [24, 21], [0, 2, 1, 0]),
        (21, 32, 33, [3, 3], [24, 21], [1; 4]),
        (19, 32, 48, [3, 3], [17, 16], [1; 4]),
        // The same of kernels of 5 x 5.
        (19, 40, 33, [5, 5], [9, 7], [2; 4]),
        (21, 32, 48, [5, 5], [14, 14], [2, 1, 0, 2]),
        // Of as few channels as have them.
        (17, 16, 16, [3, 3], [8, 9], [1; 4]),
        (2, 19, 16, [5, 5], [6, 5], [2; 4]),
        // Several bands of rows: without a gradient of the images in common, planes, more rows out than in, and fewer.
        (2, 1, 32, [3, 3], [37, 300], [2; 4]),
        (1, 32, 1, [3, 3], [14, 302], [0; 4]),
        (1, 32, 3, [3, 3], [29, 301], [1; 4]),
        (1, 3, 17, [5, 5], [33, 600], [0, 5, 6, 2]),
        (1, 15, 17, [5, 5], [20, 400], [4; 4]),
        (1, 8, 16, [3, 3], [19, 700], [0; 4]),
        (1, 17, 5, [2, 5], [23, 500], [0, 5, 6, 2]),
        // Enough weights for implicit GEMM.
        (70, 180, 170, [3, 3], [2, 2], [1; 4]),
        (9, 64, 1025, [2, 2], [2, 2], [0; 4]),
    ];
    let widths = [1, 7, 8, 13, 28, 30, 34];
    let kernels = [[1, 1], [3, 3], [2, 5], [5, 5]];
    let paddings = [[0; 4], [1, 2, 3, 0], [0, 5, 6, 2], [4, 4, 4, 4]];
    let channels = [1, 3, 5, 17, 32];
    for (i, &inputs) in channels.iter().enumerate() {
        for (j, &outputs) in channels.iter().enumerate() {
            let at = i * channels.len() + j;
            let (kernel, padding) = (kernels[at % 4], paddings[(at / 2 + i) % 4]);
            let (h, w) = (widths[(at * 3 + 1) % 5].max(5), widths[at % 7].max(5));
            cases.push(([1, 3, 17][at % 3], inputs, outputs, kernel, [h, w], padding));
        }
    }
    cases
}

/// Output and gradients of x, weight and bias of `sum(conv(...) * r)`.
fn gradients(
    case: &Case,
    conv: impl Fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>,
) -> [Tensor<1>; 4] {
    let &(batch, inputs, outputs, kernel, [h, w], _) = case;
    let device = Device::flex().autodiff();
    let random = |shape, seed| random(shape, seed, &device).require_grad();
    let x = random([batch, inputs, h, w], 1);
    let weight = random([outputs, inputs, kernel[0], kernel[1]], 2);
    let fan_in = (inputs * kernel[0] * kernel[1]) as f32;
    let weight = (weight / fan_in.sqrt()).detach().require_grad();
    let bias = random([outputs, 1, 1, 1], 3).reshape([outputs]).detach().require_grad();
    let y = conv(x.clone(), weight.clone(), bias.clone());
    let r = self::random(y.dims(), 4, &device);
    let grads = (y.clone() * r).sum().backward();
    [
        y.inner().flatten(0, 3),
        x.grad(&grads).unwrap().flatten(0, 3),
        weight.grad(&grads).unwrap().flatten(0, 3),
        bias.grad(&grads).unwrap(),
    ]
}

fn random(shape: [usize; 4], seed: u64, device: &Device) -> Tensor<4> {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(burn::tensor::TensorData::new(values, shape), device)
}

/// Whether Winograd's tiles are used, of whose numbers some are a little farther off.
fn is_tiled(&(_, inputs, outputs, [kh, kw], [h, w], [top, bottom, left, right]): &Case) -> bool {
    let maps = [h + top + bottom + 1 - kh, w + left + right + 1 - kw];
    winograd::Tiling::of([outputs, inputs, kh, kw], maps).is_some()
}

fn assert_close(got: Tensor<1>, want: Tensor<1>, what: &str) {
    assert_within(1e-5, got, want, what);
}

fn assert_within(most: f32, got: Tensor<1>, want: Tensor<1>, what: &str) {
    let values = |tensor: Tensor<1>| tensor.into_data().try_to_vec::<f32>().unwrap();
    let (got, want) = (values(got), values(want));
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(1e-3f32, |a, b| a.max(b.abs()));
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        assert!(
            (got - want).abs() <= most * largest,
            "{what} [{i}]: {got}, not {want}, of {largest}"
        );
    }
}

#[test]
fn every_level_agrees_with_burn() {
    for case in cases() {
        let padding = case.5;
        for activation in ACTIVATIONS {
            let want = gradients(&case, |x, w, b| plain(x, w, Some(b), padding, activation));
            for level in SimdLevel::available() {
                let packed = PackedWeights::default();
                let settings = ConvAttributes { padding, activation, pool: None, level, packed };
                let got = gradients(&case, |x, w, b| fused(x, w, Some(b), settings.clone()));
                for (i, (got, want)) in got.into_iter().zip(want.clone()).enumerate() {
                    let what = ["y", "dx", "dw", "db"][i];
                    let most = if is_tiled(&case) { 2e-5 } else { 1e-5 };
                    let what = format!("{what} {case:?} {activation:?} {level:?}");
                    assert_within(most, got, want, &what);
                }
            }
        }
    }
}

/// Also as a first layer, which needs no gradient of its input.
#[test]
fn pooling_as_a_part_agrees_with_pooling_afterwards() {
    let direct = |case: &Case| !layer::is_better_as_gemm([case.2, case.1, case.3[0], case.3[1]]);
    let mut cases = cases();
    // Kernels of four rows and of more than five at once, and rows of many vectors.
    cases.push((3, 3, 5, [4, 3], [9, 9], [1; 4]));
    cases.push((3, 5, 17, [7, 3], [12, 11], [3, 3, 1, 1]));
    cases.push((9, 49, 33, [3, 4], [7, 9], [1; 4]));
    for (number, case) in cases.iter().filter(|case| direct(case)).enumerate() {
        let &(.., [kh, kw], [h, w], padding) = case;
        let [top, bottom, left, right] = padding;
        let least = (h + top + bottom + 1 - kh).min(w + left + right + 1 - kw);
        let (side, stride) = [(2, 2), (3, 2), (3, 1), (1, 2), (2, 3)][number % 5];
        let windows = Windows { side: side.min(least), stride };
        let activation = ACTIVATIONS[number % ACTIVATIONS.len()];
        for level in SimdLevel::available() {
            let settings = |pool| {
                let packed = PackedWeights::default();
                ConvAttributes { padding, activation, pool, level, packed }
            };
            let together = |x, w, b| fused(x, w, Some(b), settings(Some(windows)));
            let first = |x: Tensor<4>, w, b| {
                together(x.clone().detach(), w, b) + x.sum().reshape([1; 4]) * 0.0
            };
            let want = gradients(case, |x, w, b| {
                max_pool2d(fused(x, w, Some(b), settings(None)), windows.side, windows.stride)
            });
            // A bias gradient of many terms may be small by chance: its error is one of their size.
            let terms = (want[0].dims()[0] / want[3].dims()[0]) as f32;
            let scaled = |[y, dx, dw, db]: [Tensor<1>; 4]| [y, dx, dw, db / terms.sqrt() + 1.0];
            let want = scaled(want);
            let got = scaled(gradients(case, together));
            let first = scaled(gradients(case, first));
            for (i, what) in ["y", "dx", "dw", "db"].into_iter().enumerate() {
                let what = format!("{what} {case:?} {windows:?} {activation:?} {level:?}");
                assert_close(got[i].clone(), want[i].clone(), &what);
                if !what.starts_with("dx") {
                    assert_close(first[i].clone(), want[i].clone(), &format!("{what}, first"));
                }
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    // More than two groups of images, the last one not full.
    let case = (21, 3, 17, [3, 3], [9, 7], [2, 1, 0, 2]);
    let pool = Windows { side: 2, stride: 2 };
    let tiles = (53, 33, 48, [3, 3], [9, 7], [1; 4]);
    let small_tiles = (53, 33, 48, [3, 3], [3, 4], [1; 4]);
    let gemm = (40, 128, 128, [4, 4], [5, 5], [1; 4]);
    let tiles_of_five = (53, 33, 48, [5, 5], [9, 7], [2; 4]);
    let unpooled = [case, tiles, small_tiles, tiles_of_five, gemm].map(|case| (case, None));
    let cases = unpooled.into_iter().chain([case, tiles_of_five].map(|case| (case, Some(pool))));
    for (case, pool) in cases {
        let (padding, activation, level) = (case.5, Activation::Tanh, SimdLevel::best());
        let packed = PackedWeights::default();
        let settings = ConvAttributes { padding, activation, pool, level, packed };
        let gradients = || {
            gradients(&case, |x, w, b| fused(x, w, Some(b), settings.clone()))
                .map(|tensor| tensor.into_data().try_into_vec::<f32>().unwrap())
        };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(gradients)
        };
        let one = run(1);
        for threads in [2, 3] {
            assert_eq!(run(threads), one, "{threads} threads");
        }
        assert_eq!(gradients(), one);
    }
}

#[test]
fn views_and_missing_bias() {
    let device = Device::flex();
    let wide = random([3, 7, 9, 5], 1, &device);
    // Rows and columns swapped, then a part of the channels: neither planes nor pixels.
    let x = wide.swap_dims(2, 3).slice([0..3, 2..6, 0..5, 1..9]);
    let weight = random([2, 2, 3, 4], 2, &device).swap_dims(0, 1).reshape([1, 4, 3, 4]);
    let want = plain(x.clone(), weight.clone(), None, [1, 0, 2, 1], Activation::Relu);
    let got = conv2d(x, weight, None, [1, 0, 2, 1], Activation::Relu);
    assert_eq!(got.dims(), want.dims());
    assert_close(got.flatten(0, 3), want.flatten(0, 3), "y");
}

#[test]
fn other_dtypes_go_through_burn() {
    let device = Device::flex();
    let x = random([1, 2, 4, 4], 1, &device).cast(burn::tensor::FloatDType::F64);
    let weight = random([3, 2, 3, 3], 2, &device).cast(burn::tensor::FloatDType::F64);
    let y = conv2d(x, weight, None, [0; 4], Activation::Tanh);
    assert_eq!((y.dims(), y.dtype()), ([1, 3, 2, 2], DType::F64));
}

#[test]
#[should_panic(expected = "a kernel of 3x3 on a padded image of 2x4")]
fn a_kernel_larger_than_the_image() {
    let device = Device::flex();
    let (x, weight) = (random([1, 1, 2, 4], 1, &device), random([1, 1, 3, 3], 2, &device));
    conv2d(x, weight, None, [0; 4], Activation::Identity);
}

#[test]
fn tanh_is_accurate_and_passes_nan_on() {
    let values: Vec<f32> = (-40_000..=40_000)
        .map(|i| i as f32 * 2.5e-4)
        .chain((0..120).map(|i| 10f32.powf(-0.25 * i as f32)))
        .chain([f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0])
        .collect();
    let data = burn::tensor::TensorData::new(values.clone(), [1, 1, 1, values.len()]);
    let x = Tensor::from_data(data, &Device::flex());
    for level in SimdLevel::available() {
        let (activation, packed) = (Activation::Tanh, PackedWeights::default());
        let settings = ConvAttributes { padding: [0; 4], activation, pool: None, level, packed };
        let y = fused(x.clone(), Tensor::ones([1, 1, 1, 1], &x.device()), None, settings);
        let y = y.into_data().try_into_vec::<f32>().unwrap();
        for (x, y) in values.iter().zip(y) {
            let want = f64::from(*x).tanh();
            let close = (f64::from(y) - want).abs() <= 5e-7 * want.abs();
            assert!(close || y.is_nan() && x.is_nan(), "{level:?}: tanh({x}) is {y}, not {want}");
            assert!(y.is_nan() || y.abs() <= 1.0, "{level:?}: tanh({x}) is {y}");
        }
    }
}

use super::*;
use crate::ops::Activation;
use crate::ops::simd::SimdLevel;
use crate::ops::windows::Windows;

fn noise(n: usize, seed: u64) -> Vec<f32> {
    use rand::{RngExt, SeedableRng};
    let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// The root mean square of the error of `got`, as a share of that of `want`.
pub(in crate::ops) fn error(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let errors = got.iter().zip(want).map(|(got, want)| (f64::from(*got) - want).powi(2));
    (errors.sum::<f64>() / want.iter().map(|want| want * want).sum::<f64>()).sqrt()
}

/// `[y, dx, dw]` in 64 bits, of planes y and pixels dx.
fn exact(layer: &Layer, x: &[f32], weight: &[f32], dy: &[f32]) -> [Vec<f64>; 3] {
    let (input, output) = (layer.input, layer.maps());
    let images = x.len() / input.len();
    let (mut y, mut dx, mut dw) =
        (vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; weight.len()]);
    let ([top, _, left, _], side) = (layer.padding, layer.kernel[0]);
    for n in 0..images {
        for r in 0..output.rows {
            for p in 0..output.columns {
                for tap in 0..side * side {
                    let (row, column) = (r + tap / side, p + tap % side);
                    let inside = (top..top + input.rows).contains(&row)
                        && (left..left + input.columns).contains(&column);
                    if !inside {
                        continue;
                    }
                    let from = ((row - top) * input.columns + column - left) * input.channels;
                    let to = (r * output.columns + p) * output.channels;
                    for k in 0..output.channels {
                        for c in 0..input.channels {
                            let at = (k * input.channels + c) * side * side + tap;
                            let from = n * input.len() + from + c;
                            let to = n * output.len() + to + k;
                            let [x, w, dy] = [x[from], weight[at], dy[to]].map(f64::from);
                            y[to] += x * w;
                            dx[from] += dy * w;
                            dw[at] += dy * x;
                        }
                    }
                }
            }
        }
    }
    [y, dx, dw]
}

/// What the module says of the error, of outputs and both gradients.
#[test]
fn error_is_as_stated() {
    for (tiling, kernel, rows, most) in [
        (Tiling::Small, 3, 4, 6e-7),
        (Tiling::Large, 3, 8, 5e-6),
        (Tiling::OfFive, 5, 7, 5e-6),
        (Tiling::OfTwo, 2, 7, 3e-6),
    ] {
        let input = Size { channels: 96, rows, columns: rows };
        let layer = Layer {
            level: SimdLevel::best(),
            activation: Activation::Identity,
            input,
            outputs: 48,
            kernel: [kernel; 2],
            padding: [kernel / 2; 4],
            pool: None,
        };
        let (images, output, fan_in) = (5, layer.maps(), 96 * kernel * kernel);
        let (x, dy) = (noise(images * input.len(), 1), noise(images * output.len(), 3));
        let weight: Vec<_> =
            noise(48 * fan_in, 2).iter().map(|value| value / (fan_in as f32).sqrt()).collect();
        let of = |values, size| Images { values, size, layout: ImageLayout::Nhwc };
        let weights = (&weight[..], &PackedWeights::default());
        let (y, _) = forward(tiling, &layer, of(&x, input), weights, &[0.0; 48]);
        let outputs = Outputs { y: of(&y, output), gradient: of(&dy, output), argmax: &[] };
        let gradients = backward(tiling, &layer, of(&x, input), outputs, weights, true);
        let (dx, layout) = gradients.input.unwrap();
        assert_eq!(layout, ImageLayout::Nhwc);
        let exact = exact(&layer, &x, &weight, &dy);
        for (got, (want, what)) in
            [&y[..], &dx, &gradients.weight].into_iter().zip(exact.iter().zip(["y", "dx", "dw"]))
        {
            let error = error(got, want);
            assert!(error < most && error > 1e-9, "{what} {tiling:?}: {error:e}");
        }
        pooled(tiling, layer, (&x, &weight), most);
    }
}

/// The gradients of the layer with windows of two, which leave a row, of three, which overlap: those of the maps whose
/// largest values have the pooled gradient.
fn pooled(tiling: Tiling, layer: Layer, (x, weight): (&[f32], &[f32]), most: f64) {
    let (maps, nhwc) = (layer.maps(), ImageLayout::Nhwc);
    for windows in [Windows { side: 2, stride: 2 }, Windows { side: 3, stride: 2 }] {
        let layer = Layer { pool: Some(windows), ..layer };
        let output = layer.output();
        let of = |values, size| Images { values, size, layout: nhwc };
        let weights = (weight, &PackedWeights::default());
        let (y, argmax) = forward(tiling, &layer, of(x, layer.input), weights, &[0.0; 48]);
        let dy = noise(y.len(), 4);
        let outputs = Outputs { y: of(&y, output), gradient: of(&dy, output), argmax: &argmax };
        let gradients = backward(tiling, &layer, of(x, layer.input), outputs, weights, true);
        let mut spread = vec![0.0; x.len() / layer.input.len() * maps.len()];
        for (at, (dy, place)) in dy.iter().zip(&argmax).enumerate() {
            let (image, at) = (at / output.len(), at % output.len());
            let (pixel, channel) = (at / output.channels, at % output.channels);
            let [row, column] = [pixel / output.columns, pixel % output.columns];
            let [i, j] = [usize::from(*place) / windows.side, usize::from(*place) % windows.side];
            let [row, column] = [row * windows.stride + i, column * windows.stride + j];
            let to = (row * maps.columns + column) * maps.channels + channel;
            spread[image * maps.len() + to] += dy;
        }
        let [_, dx, dw] = exact(&layer, x, weight, &spread);
        let bias = exact_sums(&dy, output.channels);
        let (got, _) = gradients.input.unwrap();
        for (got, want, what) in
            [(&got[..], &dx, "dx"), (&gradients.weight, &dw, "dw"), (&gradients.bias, &bias, "db")]
        {
            let error = error(got, want);
            assert!(error < most, "{what} {tiling:?} {windows:?}: {error:e}");
        }
    }
}

/// Of each channel of pixels.
fn exact_sums(pixels: &[f32], channels: usize) -> Vec<f64> {
    let of = |channel| pixels.iter().skip(channel).step_by(channels);
    (0..channels).map(|channel| of(channel).map(|&value| f64::from(value)).sum()).collect()
}

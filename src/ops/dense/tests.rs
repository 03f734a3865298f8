use burn::tensor::{Device, TensorData};
use rand::{RngExt, SeedableRng};

use super::*;
use crate::ops::ACTIVATIONS;
use crate::util::tensor::floats;

/// Batch, inputs, outputs: within and beyond a microbatch, blocks of inputs and of outputs, parts of vectors.
const CASES: &[[usize; 3]] = &[
    [1, 1, 1],
    [3, 5, 10],
    [16, 64, 32],
    [17, 150, 48],
    [7, 65, 33],
    [33, 300, 260],
    [5, 129, 513],
    [40, 31, 1024],
    [131, 70, 24],
];

fn random<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Output and gradients of x, weight and bias of `sum(dense(...) * r)`.
fn gradients(
    [batch, inputs, outputs]: [usize; 3],
    dense: impl Fn(Tensor<2>, Tensor<2>, Tensor<1>) -> Tensor<2>,
) -> [Vec<f32>; 4] {
    let device = Device::flex().autodiff();
    let x = random([batch, inputs], 1, &device).require_grad();
    let weight = (random([inputs, outputs], 2, &device) / (inputs as f32).sqrt()).detach();
    let weight = weight.require_grad();
    let bias = random([outputs], 3, &device).require_grad();
    let y = dense(x.clone(), weight.clone(), bias.clone());
    let grads = (y.clone() * random(y.dims(), 4, &device)).sum().backward();
    let gradient = |tensor: Option<Tensor<1>>| tensor.map(floats).unwrap_or_default();
    [
        floats(y.inner()),
        floats(x.grad(&grads).unwrap()),
        gradient(weight.grad(&grads).map(|tensor| tensor.flatten(0, 1))),
        gradient(bias.grad(&grads)),
    ]
}

/// As burn's operations in double precision would have it, nearly.
fn assert_close(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(1e-3f32, |a, b| a.max(b.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() <= 1e-5 * largest, "{what} [{i}]: {got}, not {want}");
    }
}

#[test]
fn every_level_agrees_with_burn() {
    for &case in CASES {
        for activation in ACTIVATIONS {
            let want =
                gradients(case, |x, w, b| activation.apply(x.matmul(w) + b.unsqueeze::<2>()));
            for level in SimdLevel::available() {
                let attributes = DenseAttributes { activation, level, deferred: None };
                let got = gradients(case, |x, w, b| with_attributes(x, w, b, attributes.clone()));
                for (i, what) in ["y", "dx", "dw", "db"].into_iter().enumerate() {
                    let what = format!("{what} {case:?} {activation:?} {level:?}");
                    assert_close(&got[i], &want[i], &what);
                }
            }
        }
    }
}

/// What a backward pass has left in parts makes the same gradients as the whole batch, to the last bit, with any
/// number of threads and in whatever pieces the rows are computed.
#[test]
fn deferred_gradients_are_those_of_the_whole_batch() {
    for &case in CASES {
        let [batch, inputs, outputs] = case;
        for level in SimdLevel::available() {
            let activation = Activation::Tanh;
            let attributes = |deferred| DenseAttributes { activation, level, deferred };
            let whole = gradients(case, |x, w, b| with_attributes(x, w, b, attributes(None)));
            let slot = Deferred::default();
            let [_, dx, none, no_bias] =
                gradients(case, |x, w, b| with_attributes(x, w, b, attributes(Some(slot.clone()))));
            assert!(none.is_empty() && no_bias.is_empty() && dx == whole[1]);
            let operands = slot.take().unwrap();
            let parts: Vec<_> = (0..batch)
                .step_by(3)
                .map(|from| from..(from + 3).min(batch))
                .map(|examples| {
                    let of = |values: &[f32], size: usize| {
                        values[examples.start * size..examples.end * size].to_vec().into()
                    };
                    Operands::new(of(operands.x(), inputs), of(operands.dz(), outputs), outputs)
                })
                .collect();
            let operands = Operands::concat(&parts);
            for threads in [1, 2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut dw = vec![0.0; inputs * outputs];
                let split = inputs / 3;
                let (low, high) = dw.split_at_mut(split * outputs);
                pool.install(|| {
                    weight_gradient(level, &operands, split, high);
                    weight_gradient(level, &operands, 0, low);
                });
                assert!(
                    dw == whole[2] && operands.bias_gradient() == whole[3],
                    "{case:?} {level:?} {threads}"
                );
            }
        }
    }
}

/// Of any number of examples each has the numbers that it has alone.
#[test]
fn an_example_does_not_depend_on_its_batch() {
    let device = Device::flex();
    let (weight, bias) = (random([70, 300], 2, &device), random([300], 3, &device));
    let x = random([37, 70], 1, &device);
    let relu = |x| dense(x, weight.clone(), bias.clone(), Activation::Relu, None);
    let together = floats(relu(x.clone()));
    let alone = (0..37).flat_map(|e| floats(relu(x.clone().narrow(0, e, 1))));
    assert!(alone.eq(together));
}

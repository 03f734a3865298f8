//! The fused convolution as models use it: SingleLayerCAE against TensorFlow's numbers, and pieces
//! of a batch on several threads.

use std::path::PathBuf;

use burn::tensor::{Device, Gradients, Tensor, TensorData};
use dytb::{Activation, conv2d};
use serde_json::Value;

/// The folder of the golden numbers, if it is there.
fn shared_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("DYTB_SHARED")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").into(), PathBuf::from);
    if !dir.is_dir() {
        eprintln!("skipped: no golden numbers at {} (DYTB_SHARED)", dir.display());
        return None;
    }
    Some(dir)
}

/// A nested array of numbers.
fn array<const D: usize>(value: &Value) -> Tensor<D> {
    fn flatten(value: &Value, depth: usize, shape: &mut [usize], values: &mut Vec<f32>) {
        match value {
            Value::Array(parts) => {
                shape[depth] = parts.len();
                parts.iter().for_each(|part| flatten(part, depth + 1, shape, values));
            }
            number => values.push(number.as_f64().expect("a number") as f32),
        }
    }
    let (mut shape, mut values) = ([0; D], Vec::new());
    flatten(value, 0, &mut shape, &mut values);
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Kernels HWIO to `[out, in, height, width]`.
fn kernel(value: &Value) -> Tensor<4> {
    array::<4>(value).permute([3, 2, 0, 1])
}

/// Images NHWC to `[batch, channels, height, width]`.
fn images(value: &Value) -> Tensor<4> {
    array::<4>(value).permute([0, 3, 1, 2])
}

fn assert_close<const D: usize>(got: Tensor<D>, want: Tensor<D>, what: &str) {
    assert_eq!(got.dims(), want.dims(), "{what}");
    let values = |tensor: Tensor<D>| tensor.into_data().try_into_vec::<f32>().unwrap();
    let (got, want) = (values(got), values(want));
    let largest = want.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        assert!((got - want).abs() <= 1e-5 * largest, "{what}[{i}]: {got}, not {want}");
    }
}

/// The parameters of SingleLayerCAE.
#[derive(Clone)]
struct Model {
    weights: [Tensor<4>; 2],
    biases: [Tensor<1>; 2],
}

impl Model {
    fn golden(case: &Value) -> Self {
        let weights = [kernel(&case["encode_w"]), kernel(&case["decode_w"])];
        Self { weights, biases: [array(&case["encode_b"]), array(&case["decode_b"])] }
    }

    /// The same values as leaves of a new graph.
    fn tracked(&self) -> Self {
        Self {
            weights: self.weights.clone().map(|t| Tensor::from_inner(t).require_grad()),
            biases: self.biases.clone().map(|t| Tensor::from_inner(t).require_grad()),
        }
    }

    fn encode(&self, x: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weights[0].clone(), self.biases[0].clone());
        conv2d(x, weight, Some(bias), [2; 4], Activation::Tanh)
    }

    fn decode(&self, h: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weights[1].clone(), self.biases[1].clone());
        conv2d(h, weight, Some(bias), [0; 4], Activation::Tanh)
    }

    /// Half the mean squared error.
    fn loss(&self, x: Tensor<4>) -> Tensor<1> {
        (self.decode(self.encode(x.clone())) - x).powi_scalar(2).mean() / 2.0
    }
}

fn gradients(model: &Model, x: &Tensor<4>) -> (Model, Gradients, f32) {
    let model = model.tracked();
    let loss = model.loss(Tensor::from_inner(x.clone()));
    let gradients = loss.backward();
    (model, gradients, loss.into_scalar())
}

#[test]
fn single_layer_cae_as_in_tensorflow() {
    let Some(dir) = shared_dir() else { return };
    let text = std::fs::read_to_string(dir.join("golden/single_layer_cae.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    for name in ["gray_4x8x8x1", "color_2x8x8x3"] {
        let case = &golden[name];
        let (want, of) = (&case["plain"], &case["plain"]["gradients"]);
        let (model, x) = (Model::golden(case), images(&case["x"]));

        let encoded = model.encode(x.clone());
        assert_close(encoded.clone(), images(&want["encoded"]), "encoded");
        assert_close(model.decode(encoded), images(&want["output"]), "output");

        let (model, grads, loss) = gradients(&model, &x);
        let want = want["loss"].as_f64().unwrap();
        assert!((f64::from(loss) - want).abs() <= 1e-5 * want, "{name}: loss {loss}, not {want}");
        for (i, layer) in ["encode", "decode"].into_iter().enumerate() {
            let (weight, bias) = (&of[format!("{layer}_w")], &of[format!("{layer}_b")]);
            assert_close(model.weights[i].grad(&grads).unwrap(), kernel(weight), layer);
            assert_close(model.biases[i].grad(&grads).unwrap(), array(bias), layer);
        }
    }
}

#[test]
fn pieces_on_threads_of_their_own_give_the_same_gradients() {
    let device = Device::flex();
    let values = |n: usize| (0..n).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    let tensor = |shape: [usize; 4]| {
        Tensor::from_data(TensorData::new(values(shape.iter().product()), shape), &device)
    };
    let model = Model {
        weights: [tensor([32, 1, 3, 3]), tensor([1, 32, 3, 3]) * 0.1],
        biases: [Tensor::zeros([32], &device), Tensor::zeros([1], &device)],
    };
    let pieces = tensor([16, 1, 12, 10]).chunk(8, 0);
    let weight = |piece: &Tensor<4>| {
        let (model, grads, _) = gradients(&model, piece);
        model.weights[0].grad(&grads).unwrap().into_data().try_into_vec::<f32>().unwrap()
    };
    let alone: Vec<_> = pieces.iter().map(weight).collect();
    let together: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = pieces.iter().map(|piece| scope.spawn(|| weight(piece))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(alone, together);
}

#[test]
fn an_input_of_its_own_may_be_untracked_or_a_leaf() {
    let device = Device::flex().autodiff();
    let weight = Tensor::<4>::ones([2, 1, 2, 2], &device).require_grad();
    let x = Tensor::<4>::ones([1, 1, 3, 3], &device);
    for x in [x.clone(), x.require_grad()] {
        let y = conv2d(x.clone(), weight.clone(), None, [0; 4], Activation::Identity);
        let grads = y.sum().backward();
        let dw = weight.grad(&grads).unwrap();
        assert_eq!(dw.into_data().try_into_vec::<f32>().unwrap(), [4.0; 8]);
        let dx = x.grad(&grads).map(|dx| dx.into_data().try_into_vec::<f32>().unwrap());
        let want = [2.0, 4.0, 2.0, 4.0, 8.0, 4.0, 2.0, 4.0, 2.0];
        assert_eq!(dx, x.is_require_grad().then(|| want.to_vec()));
    }
}

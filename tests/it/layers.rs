//! The layers against TensorFlow 2.21's TF1 graph mode (`tests/golden/layers.json.gz`): outputs and
//! gradients.

use crate::common::golden::{self, assert_close, dims, flat, golden, values};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use dytb::nn::layers::{
    BatchNorm, Conv, ConvConfig, Dropout, Padding, max_pool, softmax_cross_entropy,
};
use dytb::{Activation, ForwardContext, Initializer, Network};
use serde_json::Value;

fn tensor<const D: usize>(value: &Value) -> Tensor<D> {
    let shape: [usize; D] = dims(value).try_into().unwrap();
    Tensor::from_data(TensorData::new(flat(value), shape), &Device::flex().autodiff())
}

/// `[batch, height, width, channels]` as `[batch, channels, height, width]`.
fn images(value: &Value) -> Tensor<4> {
    tensor::<4>(value).permute([0, 3, 1, 2]).detach().require_grad()
}

/// The other way round.
fn as_tensorflow(images: Tensor<4>) -> Vec<f32> {
    values(images.permute([0, 2, 3, 1]))
}

#[track_caller]
fn assert_as(what: &str, ours: &[f32], theirs: &Value) {
    golden::assert_as(what, ours, theirs, 1e-6);
}

/// TensorFlow's values in our layout, which has these dimensions.
type Layout = fn(&[f32], &[usize]) -> Vec<f32>;

/// Puts given values into the parameters of a layer, in their order.
struct Put(Vec<Vec<f32>>, Layout);

impl ModuleMapper for Put {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.0.is_empty() {
            return param;
        }
        let data = self.0.remove(0);
        param.map(|old| {
            let values = (self.1)(&data, &old.dims());
            Tensor::from_data(TensorData::new(values, old.dims()), &old.device()).require_grad()
        })
    }
}

/// `[height, width, in, out]` to `[out, in, height, width]` of these `dims`; others as they are.
fn our_layout(values: &[f32], dims: &[usize]) -> Vec<f32> {
    let &[outputs, inputs, height, width] = dims else { return values.to_vec() };
    let shape = [height, width, inputs, outputs];
    Tensor::<4>::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
        .permute([3, 2, 0, 1])
        .try_into_vec_as()
        .unwrap()
}

#[test]
fn convolutions_with_same_padding() {
    let golden = golden("layers.json");
    let cases = golden.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("conv2d"));
    let mut tested = 0;
    for (name, case) in cases {
        let [height, width, inputs, outputs] = dims(&case["w"])[..] else { panic!("{name}") };
        let device = Device::flex().autodiff();
        let layer: Conv = ConvConfig::new([inputs, outputs], [height, width])
            .with_same_padding()
            .with_stride(case["stride"].as_u64().unwrap() as usize)
            .init(&mut Initializer::new(1, &device));
        let layer = layer.map(&mut Put(vec![flat(&case["w"]), flat(&case["b"])], our_layout));
        let x = images(&case["x"]);
        let y = layer.forward(x.clone(), &mut ForwardContext::training(1));
        assert_as(name, &as_tensorflow(y.clone()), &case["output"]);
        let loss = (y * images(&case["upstream"]).detach()).sum();
        let gradients = loss.backward();
        let dx = x.grad(&gradients).unwrap();
        assert_as(&format!("{name}: dx"), &as_tensorflow(dx), &case["gradients"]["x"]);

        let loss =
            (layer.forward(x, &mut ForwardContext::training(1)) * images(&case["upstream"])).sum();
        let gradients = layer.gradients(loss);
        let [weight, bias] = [0, 1].map(|i| layer.parameters()[i].id);
        let dw = gradients.get::<4>(weight).unwrap().permute([2, 3, 1, 0]);
        assert_as(&format!("{name}: dw"), &values(dw), &case["gradients"]["w"]);
        let db = gradients.get::<1>(bias).unwrap();
        assert_as(&format!("{name}: db"), &values(db), &case["gradients"]["b"]);
        tested += 1;
    }
    assert_eq!(tested, 3);
}

#[test]
fn max_pooling() {
    let golden = golden("layers.json");
    let case = &golden["max_pool_2x2_same_stride2_5x5"];
    let x = images(&case["x"]);
    let y = max_pool(x.clone(), 2, 2, Padding::Same, &mut ForwardContext::evaluation());
    assert_as("output", &as_tensorflow(y.clone()), &case["output"]);
    let gradients = (y * images(&case["upstream"]).detach()).sum().backward();
    let dx = x.grad(&gradients).unwrap();
    assert_as("dx", &as_tensorflow(dx), &case["gradients"]["x"]);
}

/// Three steps of training and an evaluation; the moving averages after each.
#[test]
fn batch_normalisation() {
    let golden = golden("layers.json");
    let case = &golden["batch_norm"];
    let device = Device::flex().autodiff();
    let layer = BatchNorm::new(2, &mut Initializer::new(1, &device));
    let given = vec![flat(&case["gamma"]), flat(&case["beta"])];
    let layer = layer.map(&mut Put(given, |values, _| values.to_vec()));
    let upstream = || images(&case["upstream"]).detach();
    let steps = case["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 3);
    for (number, step) in steps.iter().enumerate() {
        let x = images(&step["x"]);
        let y = layer.forward(x.clone(), Activation::Identity, &mut ForwardContext::training(1));
        assert_as(&format!("output {number}"), &as_tensorflow(y.clone()), &step["output"]);
        let mut gradients = (y * upstream()).sum().backward();
        let dx = x.grad(&gradients).unwrap();
        assert_as(&format!("dx {number}"), &as_tensorflow(dx), &step["grad_x"]);
        let gradients = burn::optim::GradientsParams::from_module(&mut gradients, &layer);
        for (parameter, theirs) in layer.parameters().iter().zip(["grad_gamma", "grad_beta"]) {
            let ours = gradients.get::<1>(parameter.id).unwrap();
            assert_as(&format!("{theirs} {number}"), &values(ours), &step[theirs]);
        }
        // What a checkpoint would hold now.
        let mut moving = Statistics::default();
        layer.visit(&mut moving);
        assert_as(&format!("mean {number}"), &moving.0[0], &step["moving_mean"]);
        assert_as(&format!("variance {number}"), &moving.0[1], &step["moving_variance"]);
    }
    let inference = &case["inference"];
    let y = layer.forward(
        images(&inference["x"]),
        Activation::Identity,
        &mut ForwardContext::evaluation(),
    );
    assert_as("inference", &as_tensorflow(y), &inference["output"]);
}

/// The values that are not trained.
#[derive(Default)]
struct Statistics(Vec<Vec<f32>>);

impl burn::module::ModuleVisitor for Statistics {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            self.0.push(values(param.val()));
        }
    }
}

/// TensorFlow's masks, and how large a part of ones is kept.
#[test]
fn dropout() {
    let golden = golden("layers.json");
    let golden = &golden["dropout"];
    for case in ["keep_0.5", "keep_0.8"].map(|name| &golden[name]) {
        let keep = case["keep_prob"].as_f64().unwrap();
        let x = tensor::<2>(&golden["x"]).require_grad();
        let y = Dropout::Inverted.train(keep, x.clone(), tensor(&case["mask"]));
        assert_as("output", &values(y.clone()), &case["output"]);
        let dx = x.grad(&y.sum().backward()).unwrap();
        assert_as("gradient", &values(dx), &case["gradient_of_sum"]);

        let ones = Tensor::<2>::ones([1000, 1000], &Device::flex());
        let kept = Dropout::Inverted.forward(keep, ones.clone(), &mut ForwardContext::training(1));
        let mean = kept.clone().mean().into_scalar::<f32>();
        assert!((mean - case["ones_mean"].as_f64().unwrap() as f32).abs() < 3e-3, "{mean}");
        let mut found = values(kept);
        found.sort_by(f32::total_cmp);
        found.dedup();
        assert_as("values", &found, &case["ones_values"]);
        let evaluated =
            Dropout::Inverted.forward(keep, ones.clone(), &mut ForwardContext::evaluation());
        evaluated.into_data().assert_eq(&ones.into_data(), true);
    }
}

#[test]
fn cross_entropy() {
    let golden = golden("layers.json");
    let case = &golden["sparse_softmax_cross_entropy"];
    let logits = tensor::<2>(&case["logits"]).require_grad();
    let labels: Vec<i32> = flat(&case["labels"]).into_iter().map(|label| label as i32).collect();
    let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &Device::flex().autodiff());
    let loss = softmax_cross_entropy(logits.clone(), labels);
    assert_as("loss", &values(loss.clone()), &case["loss"]);
    let mean = loss.mean();
    let dz = logits.grad(&mean.backward()).unwrap();
    assert_close("mean", &values(mean), &[flat(&case["mean_loss"])[0]], 1e-5, 0.0);
    assert_as("gradient", &values(dz), &case["gradient_of_mean"]);
}

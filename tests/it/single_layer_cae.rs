//! SingleLayerCAE against TensorFlow 2.21's TF1 graph mode (`tests/golden/single_layer_cae.json.gz`):
//! output, loss, gradients, and the parameters after five steps.

use std::collections::HashMap;

use crate::common::golden::{assert_close, dims, flat, golden, values};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor, TensorData};
use dytb::models::SingleLayerCAE;
use dytb::nn::Parameter;
use dytb::optim;
use dytb::optim::Arguments;
use dytb::{Autoencoder, ForwardContext, Initializer, Network};
use serde_json::Value;

/// TensorFlow's names of the parameters, and ours.
const NAMES: [(&str, &str); 4] = [
    ("encode_w", "encode.weight"),
    ("encode_b", "encode.bias"),
    ("decode_w", "decode.weight"),
    ("decode_b", "decode.bias"),
];

/// Puts given values into the parameters of a module.
struct Put {
    path: Vec<String>,
    values: HashMap<&'static str, TensorData>,
}

impl ModuleMapper for Put {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let data = self.values.remove(self.path.join(".").as_str()).expect("a value for each");
        param.map(|old| Tensor::from_data(data, &old.device()).require_grad())
    }
}

/// `[height, width, in, out]` to `[out, in, height, width]`; others as they are.
fn our_layout(value: &Value) -> TensorData {
    let (values, shape) = (flat(value), dims(value));
    let [height, width, channels_in, channels_out] = shape[..] else {
        return TensorData::new(values, shape);
    };
    let shape = [height, width, channels_in, channels_out];
    Tensor::<4>::from_data(TensorData::new(values, shape), &Device::flex())
        .permute([3, 2, 0, 1])
        .into_data()
}

/// The model with the parameters of `case`, and its images `[batch, channels, height, width]`.
fn model_and_images(case: &Value) -> (SingleLayerCAE, Tensor<4>) {
    let device = Device::flex().autodiff();
    let shape: [usize; 4] = dims(&case["x"]).try_into().unwrap();
    let images = Tensor::<4>::from_data(TensorData::new(flat(&case["x"]), shape), &device);
    let images = images.permute([0, 3, 1, 2]);
    let [_, channels, height, width] = images.dims();
    let model = SingleLayerCAE::new([channels, height, width], &mut Initializer::new(1, &device));
    let values = NAMES.map(|(theirs, ours)| (ours, our_layout(&case[theirs]))).into();
    (model.map(&mut Put { path: vec![], values }), images)
}

/// The loss with λ = `l2_penalty`, `[1]`, and the reconstructions.
fn loss(model: &SingleLayerCAE, images: &Tensor<4>, l2_penalty: f64) -> (Tensor<1>, Tensor<4>) {
    let mut context = ForwardContext::training(1).with_penalties();
    let output = model.forward(images.clone(), &mut context);
    let penalty = context.penalty().expect("the encoder's weights are penalised") * l2_penalty;
    (model.error(output.clone(), images.clone()) + penalty, output)
}

/// Collects the parameters of a module by name.
#[derive(Default)]
struct Parameters {
    path: Vec<String>,
    found: HashMap<String, Vec<f32>>,
}

impl ModuleVisitor for Parameters {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(self.path.join("."), values(param.val()));
    }
}

fn parameters(model: &SingleLayerCAE) -> HashMap<String, Vec<f32>> {
    let mut parameters = Parameters::default();
    model.visit(&mut parameters);
    parameters.found
}

/// The largest of the absolute `values`.
fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| value.abs().max(most))
}

/// `run(case name, case, expectation, λ)` for each image size, with and without penalty.
fn for_each_case(run: impl Fn(&str, &Value, &Value, f64)) {
    let golden = golden("single_layer_cae.json");
    for (name, case) in ["gray_4x8x8x1", "color_2x8x8x3"].map(|name| (name, &golden[name])) {
        run(&format!("{name}, plain"), case, &case["plain"], 0.0);
        run(&format!("{name}, l2"), case, &case["l2"], case["wd"].as_f64().unwrap());
    }
}

#[test]
fn output_loss_and_gradients() {
    for_each_case(|name, case, expected, l2_penalty| {
        let (model, images) = model_and_images(case);
        let (loss, output) = loss(&model, &images, l2_penalty);
        if !expected["output"].is_null() {
            let ours = values(output.permute([0, 2, 3, 1]));
            let theirs = flat(&expected["output"]);
            assert_close(&format!("{name}: output"), &ours, &theirs, 1e-5, 1e-6);
        }
        assert_close(name, &values(loss.clone()), &[flat(&expected["loss"])[0]], 1e-5, 0.0);

        let gradients = model.gradients(loss);
        for Parameter { id, name: ours, .. } in model.parameters() {
            let (their_name, _) = NAMES.iter().find(|(_, name)| **name == ours).unwrap();
            let theirs = our_layout(&expected["gradients"][their_name]);
            let theirs: Vec<f32> = theirs.try_into_vec().unwrap();
            let gradient = match ours.ends_with("weight") {
                true => values(gradients.get::<4>(id).unwrap()),
                false => values(gradients.get::<1>(id).unwrap()),
            };
            // A sum of hundreds of products: relative to the largest of the gradients.
            let absolute = 1e-5 * largest(&theirs);
            assert_close(&format!("{name}: {ours}"), &gradient, &theirs, 1e-5, absolute);
        }
    });
}

#[test]
fn five_steps() {
    let optimizers = [
        ("adam_lr_1e-2_5_steps", "Adam", r#"{"learning_rate": 1e-2}"#, 2e-5),
        (
            "momentum_0.9_lr_1e-2_5_steps",
            "Momentum",
            r#"{"learning_rate": 1e-2, "momentum": 0.9}"#,
            1e-6,
        ),
    ];
    for_each_case(|name, case, expected, l2_penalty| {
        for (key, optimizer, arguments, absolute) in optimizers {
            let entry = optim::find(optimizer).unwrap();
            let arguments =
                Arguments::new(entry, serde_json::from_str(arguments).unwrap()).unwrap();
            let mut optimizer = (entry.build)(&arguments);
            let (mut model, images) = model_and_images(case);
            let mut losses = vec![];
            for _ in 0..5 {
                let (loss, _) = loss(&model, &images, l2_penalty);
                losses.extend(values(loss.clone()));
                let gradients = model.gradients(loss);
                model.update(gradients, &mut optimizer, arguments.learning_rate());
            }
            let expected = &expected[key];
            let what = format!("{name}: {key}");
            assert_close(&what, &losses, &flat(&expected["loss_before_step"]), 1e-5, 0.0);
            let after = values(loss(&model, &images, l2_penalty).0);
            assert_close(&what, &after, &flat(&expected["loss_after"]), 1e-5, 0.0);
            let ours = parameters(&model);
            for (their_name, our_name) in NAMES {
                let theirs = our_layout(&expected["parameters"][their_name]);
                let theirs: Vec<f32> = theirs.try_into_vec().unwrap();
                let what = format!("{what}: {our_name}");
                assert_close(&what, &ours[our_name], &theirs, 1e-5, absolute);
            }
        }
    });
}

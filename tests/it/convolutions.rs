//! Strided, dilated, transposed and depthwise convolutions, average pooling and a residual block against PyTorch
//! (`tests/golden/convolutions.py`): outputs and gradients; and the same bits on any number of threads.

use crate::common::golden::{self, dims, flat, golden, values};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use dytb::nn::layers::{
    BatchNorm, Conv, ConvConfig, ConvTransposeConfig, average_pool, global_average_pool,
    residual_sum,
};
use dytb::ops::columns::{self, Geometry};
use dytb::ops::depthwise::depthwise_conv2d;
use dytb::{Activation, ForwardContext, Initializer, Network};
use serde_json::Value;

fn tensor<const D: usize>(value: &Value) -> Tensor<D> {
    let shape: [usize; D] = dims(value).try_into().unwrap();
    let data = TensorData::new(flat(value), shape);
    Tensor::from_data(data, &Device::flex().autodiff()).require_grad()
}

#[track_caller]
fn assert_as(what: &str, ours: &[f32], theirs: &Value) {
    golden::assert_as(what, ours, theirs, 2e-6);
}

/// Puts PyTorch's values into the parameters of a layer, in their order.
struct Put(Vec<Vec<f32>>);

impl ModuleMapper for Put {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !param.is_require_grad() {
            return param;
        }
        let data = self.0.remove(0);
        param.map(|old| {
            Tensor::from_data(TensorData::new(data, old.dims()), &old.device()).require_grad()
        })
    }
}

fn number(case: &Value, name: &str) -> usize {
    case[name].as_u64().unwrap() as usize
}

fn activation(case: &Value) -> Activation {
    match case["activation"].as_str().unwrap() {
        "relu" => Activation::Relu,
        "tanh" => Activation::Tanh,
        _ => Activation::Identity,
    }
}

/// Holds the output and the gradients of `layer`, whose parameters `names` are, against those of `case`, by its `forward`.
#[track_caller]
fn assert_layer<M: Module + Sync + 'static>(
    what: &str,
    case: &Value,
    layer: M,
    names: &[&str],
    forward: impl Fn(&M, Tensor<4>, &mut ForwardContext) -> Tensor<4>,
) {
    let layer = layer.map(&mut Put(names.iter().map(|name| flat(&case[*name])).collect()));
    let x = tensor::<4>(&case["x"]);
    let y = forward(&layer, x.clone(), &mut ForwardContext::training(1));
    assert_eq!(y.dims().to_vec(), dims(&case["output"]), "{what}");
    assert_as(what, &values(y.clone()), &case["output"]);
    let upstream = tensor::<4>(&case["upstream"]).detach();
    let gradients = (y * upstream.clone()).sum().backward();
    let dx = x.grad(&gradients).unwrap();
    assert_as(&format!("{what}: dx"), &values(dx), &case["gradients"]["x"]);
    let y = forward(&layer, x, &mut ForwardContext::training(1));
    let gradients = layer.gradients((y * upstream).sum());
    let row = layer.flatten(gradients, &[], Vec::new());
    let mut rest = &row[..];
    for name in names {
        let (own, after) = rest.split_at(flat(&case[*name]).len());
        assert_as(&format!("{what}: d{name}"), own, &case["gradients"][*name]);
        rest = after;
    }
}

fn init() -> Initializer {
    Initializer::new(1, &Device::flex().autodiff())
}

#[test]
fn strided_and_dilated_convolutions() {
    for (index, case) in golden("convolutions.json")["conv"].as_array().unwrap().iter().enumerate()
    {
        let [outputs, inputs, height, width] = dims(&case["w"])[..] else { panic!("{index}") };
        let layer = ConvConfig::new([inputs, outputs], [height, width])
            .with_zero_padding(number(case, "zeros"))
            .with_stride(number(case, "stride"))
            .with_dilation(number(case, "dilation"))
            .with_activation(activation(case))
            .init(&mut init());
        let forward = |layer: &Conv, x, context: &mut ForwardContext| layer.forward(x, context);
        assert_layer(&format!("convolution {index}"), case, layer, &["w", "b"], forward);
    }
}

#[test]
fn transposed_convolutions() {
    let golden = golden("convolutions.json");
    for (index, case) in golden["transposed"].as_array().unwrap().iter().enumerate() {
        let [inputs, outputs, height, width] = dims(&case["w"])[..] else { panic!("{index}") };
        let [_, _, rows, columns] = dims(&case["output"])[..] else { panic!("{index}") };
        let layer = ConvTransposeConfig::new([inputs, outputs], [height, width])
            .with_zero_padding(number(case, "zeros"))
            .with_stride(number(case, "stride"))
            .with_activation(activation(case))
            .init(&mut init());
        assert_layer(
            &format!("transposed {index}"),
            case,
            layer,
            &["w", "b"],
            |layer, x, context| layer.forward_to(x, [rows, columns], context),
        );
    }
}

#[test]
fn depthwise_convolutions() {
    let golden = golden("convolutions.json");
    for (index, case) in golden["depthwise"].as_array().unwrap().iter().enumerate() {
        let [channels, _, height, width] = dims(&case["w"])[..] else { panic!("{index}") };
        let layer = ConvConfig::new([channels; 2], [height, width])
            .with_zero_padding(number(case, "zeros"))
            .with_stride(number(case, "stride"))
            .with_dilation(number(case, "dilation"))
            .with_activation(activation(case))
            .init_depthwise(&mut init());
        assert_layer(
            &format!("depthwise {index}"),
            case,
            layer,
            &["w", "b"],
            |layer, x, context| layer.forward(x, context),
        );
    }
}

#[test]
fn average_pooling() {
    let pooling = &golden("convolutions.json")["pooling"];
    let pass = |case: &Value, pool: &dyn Fn(Tensor<4>) -> Vec<Tensor<1>>| {
        let x = tensor::<4>(&case["x"]);
        let [output, weighted] = &pool(x.clone())[..] else { panic!("an output and a sum") };
        assert_as("output", &values(output.clone()), &case["output"]);
        let dx = x.grad(&weighted.backward()).unwrap();
        assert_as("dx", &values(dx), &case["gradients"]["x"]);
    };
    for case in pooling["windows"].as_array().unwrap() {
        pass(case, &|x| {
            let context = &mut ForwardContext::evaluation();
            let y = average_pool(x, number(case, "window"), number(case, "stride"), context);
            vec![y.clone().flatten(0, 3), (y * tensor::<4>(&case["upstream"]).detach()).sum()]
        });
    }
    let case = &pooling["whole"];
    pass(case, &|x| {
        let y = global_average_pool(x, &mut ForwardContext::evaluation());
        vec![y.clone().flatten(0, 1), (y * tensor::<2>(&case["upstream"]).detach()).sum()]
    });
}

/// Two convolutions with batch normalisation beside the identity.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv,
    norm1: BatchNorm,
    conv2: Conv,
    norm2: BatchNorm,
}

#[test]
fn a_residual_block() {
    let init = &mut init();
    let mut conv =
        || ConvConfig::new([6, 6], [3, 3]).with_zero_padding(1).without_bias().init(init);
    let [conv1, conv2] = [conv(), conv()];
    let mut norm = || BatchNorm::new(6, init).with_epsilon(1e-5);
    let block = Block { conv1, norm1: norm(), conv2, norm2: norm() };
    let names = ["w1", "g1", "b1", "w2", "g2", "b2"];
    let case = &golden("convolutions.json")["block"];
    assert_layer("block", case, block, &names, |block, x, context| {
        let branch = block.conv1.forward(x.clone(), context);
        let branch = block.norm1.forward(branch, Activation::Relu, context);
        let branch = block.conv2.forward(branch, context);
        let branch = block.norm2.forward(branch, Activation::Identity, context);
        residual_sum(x, branch, Activation::Relu, context)
    });
}

/// Of more images than a group has, and not a whole number of groups.
#[test]
fn threads_do_not_change_a_bit_of_convolutions() {
    let device = Device::flex().autodiff();
    let noise = |n: usize| (0..n).map(|i| ((i * 37 + 11) % 101) as f32 / 101.0 - 0.5).collect();
    let tensor = |shape: [usize; 4]| {
        let values: Vec<f32> = noise(shape.iter().product());
        Tensor::<4>::from_data(TensorData::new(values, shape), &device).require_grad()
    };
    let geometry = Geometry { kernel: [3, 3], stride: 2, dilation: 1, padding: [1; 4] };
    let even = Geometry { kernel: [4, 4], ..geometry };
    let passes: [&(dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4> + Sync); 5] = [
        &|x, w| columns::conv2d(x, w, None, geometry, Activation::Tanh),
        &|x, w| columns::conv_transpose2d(x, w, None, geometry, [32, 31], Activation::Relu),
        &|x, w| columns::conv2d(x, w, None, even, Activation::Tanh),
        &|x, w| columns::conv_transpose2d(x, w, None, even, [32, 33], Activation::Relu),
        &|x, w| depthwise_conv2d(x, w, None, geometry, Activation::Relu),
    ];
    let weights = [[24, 16, 3, 3], [16, 24, 3, 3], [24, 16, 4, 4], [16, 24, 4, 4], [16, 1, 3, 3]];
    for (pass, weight) in passes.into_iter().zip(weights) {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (x, w) = (tensor([37, 16, 16, 16]), tensor(weight));
                let y = pass(x.clone(), w.clone());
                let gradients = y.clone().square().sum().backward();
                [y, x.grad(&gradients).unwrap(), w.grad(&gradients).unwrap()].map(values)
            })
        };
        let one = on(1);
        for threads in [2, 3] {
            assert!(on(threads) == one, "{weight:?}: {threads} threads");
        }
    }
}

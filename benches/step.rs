//! What a training step of SingleLayerCAE is made of: the kernels of each of its convolutions on a
//! piece of a batch and one thread, and the whole step as the trainer takes it (images gathered from
//! bytes and scaled, forward, backward, Adam), for each shape of images. Also the kernels of LeNet's
//! second convolution, with its pooling and with a batch normalisation, and of strided, transposed, depthwise and 1x1
//! convolutions.
//!
//! ```sh
//! cargo bench --bench step                    # all
//! cargo bench --bench step -- encode_forward  # one
//! ```

use dytb::data::Batch;
use dytb::train::MICROBATCH;
use std::fmt;

use burn::tensor::{Device, Tensor, TensorData};
use divan::Bencher;
use divan::counter::ItemsCount;
use dytb::data::DataLoader;
use dytb::models::MODELS;
use dytb::nn::layers::{BatchNorm, Conv, ConvConfig};
use dytb::ops::columns::{self, Geometry};
use dytb::ops::conv::conv2d;
use dytb::ops::depthwise::depthwise_conv2d;
use dytb::optim;
use dytb::optim::Arguments;
use dytb::train::AnyModel;
use dytb::train::{StepConfig, Updater, loss_and_predictions};
use dytb::{Activation, Examples, ForwardContext, Initializer};

// As the programs have it.
#[global_allocator]
static ALLOCATOR: dytb::commands::MiMalloc = dytb::commands::MiMalloc;

/// MNIST's and CIFAR-10's `[channels, height, width]`.
const SHAPES: [[usize; 3]; 2] = [[1, 28, 28], [3, 32, 32]];
const BATCHES: [usize; 2] = [128, 1024];

/// A layer of SingleLayerCAE: channels in and out, zeros on every side.
struct Layer {
    name: &'static str,
    channels: [usize; 2],
    padding: usize,
    /// What the layer's images have more than the data set's, in rows and columns.
    larger: usize,
}

fn layers(channels: usize) -> [Layer; 2] {
    [
        Layer { name: "encode", channels: [channels, 32], padding: 2, larger: 0 },
        Layer { name: "decode", channels: [32, channels], padding: 0, larger: 2 },
    ]
}

/// A shape with a name for people.
#[derive(Clone, Copy)]
struct Named([usize; 3]);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [channels, height, width] = self.0;
        write!(f, "{height}x{width}x{channels}")
    }
}

/// SingleLayerCAE for images of `shape`.
fn model(shape: [usize; 3], device: &Device) -> AnyModel {
    let (_, model) = MODELS.iter().find(|(name, _)| *name == "SingleLayerCAE").unwrap();
    AnyModel::new(*model, shape, 10, &mut Initializer::new(1, device)).unwrap()
}

/// Numbers in -1..=1.
fn noise<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|i: usize| (i as f32 * 1.7).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn loader(shape: [usize; 3], device: &Device) -> DataLoader {
    let examples = 4096;
    let size: usize = shape.iter().product();
    let pixels = (0..examples * size).map(|i| (i * 7919 % 251) as u8).collect();
    DataLoader::new(Examples::new(shape, pixels, vec![0; examples]).unwrap(), device)
}

/// A context through a layer: a piece is too small to be shared out, and one thread does it.
fn convolve(bencher: Bencher, layer: &str, shape: [usize; 3], backward: bool) {
    let device = Device::flex().autodiff();
    let Layer { channels: [from, to], padding, larger, .. } =
        layers(shape[0]).into_iter().find(|of| of.name == layer).unwrap();
    let images = noise([MICROBATCH, from, shape[1] + larger, shape[2] + larger], &device);
    let weight = (noise([to, from, 3, 3], &device) * 0.1).require_grad();
    let bias = noise([to], &device).require_grad();
    let forward = |images: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>| {
        conv2d(images, weight, Some(bias), [padding; 4], Activation::Tanh)
    };
    let bencher = bencher.counter(ItemsCount::new(MICROBATCH));
    if backward {
        // The images of an inner layer have gradients, those of the first do not.
        let images = if larger > 0 { images.require_grad() } else { images };
        bencher
            .with_inputs(|| forward(images.clone(), weight.clone(), bias.clone()).sum())
            .bench_local_values(|sum| sum.backward());
    } else {
        let (images, weight, bias) = (images.inner(), weight.inner(), bias.inner());
        bencher.bench_local(|| forward(images.clone(), weight.clone(), bias.clone()));
    }
}

#[divan::bench(args = SHAPES.map(Named))]
fn encode_forward(bencher: Bencher, shape: Named) {
    convolve(bencher, "encode", shape.0, false);
}

#[divan::bench(args = SHAPES.map(Named))]
fn encode_backward(bencher: Bencher, shape: Named) {
    convolve(bencher, "encode", shape.0, true);
}

#[divan::bench(args = SHAPES.map(Named))]
fn decode_forward(bencher: Bencher, shape: Named) {
    convolve(bencher, "decode", shape.0, false);
}

#[divan::bench(args = SHAPES.map(Named))]
fn decode_backward(bencher: Bencher, shape: Named) {
    convolve(bencher, "decode", shape.0, true);
}

/// What follows LeNet's second convolution.
#[derive(Clone, Copy, Debug)]
enum After {
    Relu,
    Pooling,
    BatchNorm,
}

const AFTER: [After; 3] = [After::Relu, After::Pooling, After::BatchNorm];

/// A context through LeNet's second convolution and what follows.
fn lenet(bencher: Bencher, after: After, backward: bool) {
    let device = Device::flex().autodiff();
    let init = &mut Initializer::new(1, &device);
    let conv = ConvConfig::new([32, 64], [5, 5]).with_same_padding();
    let (conv, relu): (Conv, Conv) =
        (conv.init(init), conv.with_activation(Activation::Relu).init(init));
    let norm = BatchNorm::new(64, init);
    let images = noise([MICROBATCH, 14, 14, 32], &device).permute([0, 3, 1, 2]).require_grad();
    let forward = || {
        let (images, context) = (images.clone(), &mut ForwardContext::training(1));
        match after {
            After::Relu => relu.forward(images, context),
            After::Pooling => relu.forward_max_pool(images, 2, 2, context),
            After::BatchNorm => {
                norm.forward(conv.forward(images, context), Activation::Relu, context)
            }
        }
    };
    let bencher = bencher.counter(ItemsCount::new(MICROBATCH));
    if backward {
        bencher.with_inputs(|| forward().sum()).bench_local_values(|sum| sum.backward());
    } else {
        bencher.bench_local(forward);
    }
}

#[divan::bench(args = AFTER)]
fn lenet_forward(bencher: Bencher, after: After) {
    lenet(bencher, after, false);
}

#[divan::bench(args = AFTER)]
fn lenet_backward(bencher: Bencher, after: After) {
    lenet(bencher, after, true);
}

/// A kernel that slides: ConvAE's second convolution, the one back, and a depthwise one of ConvMixer.
#[derive(Clone, Copy, Debug)]
enum Sliding {
    Strided,
    Transposed,
    Depthwise,
    Pointwise,
}

const SLIDING: [Sliding; 4] =
    [Sliding::Strided, Sliding::Transposed, Sliding::Depthwise, Sliding::Pointwise];

/// A microbatch through such a kernel.
fn slide(bencher: Bencher, sliding: Sliding, backward: bool) {
    let device = Device::flex().autodiff();
    let of = |kernel: usize, stride: usize, zeros: usize| Geometry {
        kernel: [kernel; 2],
        stride,
        dilation: 1,
        padding: [zeros; 4],
    };
    let (size, channels, weight) = match sliding {
        Sliding::Strided => (14, 32, [64, 32, 4, 4]),
        Sliding::Transposed => (7, 64, [64, 32, 4, 4]),
        Sliding::Depthwise => (16, 256, [256, 1, 5, 5]),
        Sliding::Pointwise => (16, 256, [256, 256, 1, 1]),
    };
    let weight = noise(weight, &device).require_grad();
    let images = noise([MICROBATCH, size, size, channels], &device).permute([0, 3, 1, 2]);
    let images = images.require_grad();
    let forward = || {
        let (x, w, relu) = (images.clone(), weight.clone(), Activation::Relu);
        match sliding {
            Sliding::Strided => columns::conv2d(x, w, None, of(4, 2, 1), relu),
            Sliding::Transposed => {
                columns::conv_transpose2d(x, w, None, of(4, 2, 1), [14, 14], relu)
            }
            Sliding::Depthwise => depthwise_conv2d(x, w, None, of(5, 1, 2), relu),
            Sliding::Pointwise => columns::conv2d(x, w, None, of(1, 1, 0), relu),
        }
    };
    let bencher = bencher.counter(ItemsCount::new(MICROBATCH));
    if backward {
        bencher.with_inputs(|| forward().sum()).bench_local_values(|sum| sum.backward());
    } else {
        bencher.bench_local(forward);
    }
}

#[divan::bench(args = SLIDING)]
fn sliding_forward(bencher: Bencher, sliding: Sliding) {
    slide(bencher, sliding, false);
}

#[divan::bench(args = SLIDING)]
fn sliding_backward(bencher: Bencher, sliding: Sliding) {
    slide(bencher, sliding, true);
}

#[divan::bench(args = SHAPES.map(Named), consts = BATCHES, sample_count = 40)]
fn step<const BATCH: usize>(bencher: Bencher, Named(shape): Named) {
    let device = Device::flex().autodiff();
    let adam = optim::find("AdamOptimizer").unwrap();
    let arguments = serde_json::from_str(r#"{"learning_rate": 1e-5}"#).unwrap();
    let arguments = Arguments::new(adam, arguments).unwrap();
    let loader = loader(shape, &device);
    let mut model = model(shape, &device);
    let mut updater = Updater::new(adam, &arguments, None);
    // 17 has no divisor in common with the number of images.
    let indices: Vec<_> = (0..BATCH).map(|i| i * 17 % loader.len()).collect();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        let config = StepConfig { l2_penalty: 0.0, seed: 1 };
        let (batch, rate) = (Batch::plain(&indices), arguments.learning_rate());
        updater.train(&mut model, &loader, batch, config, rate).unwrap().loss
    });
}

#[divan::bench(args = SHAPES.map(Named), sample_count = 20)]
fn evaluation(bencher: Bencher, Named(shape): Named) {
    let device = Device::flex();
    let loader = loader(shape, &device);
    let model = model(shape, &device);
    let bencher = bencher.counter(ItemsCount::new(loader.len()));
    bencher.bench_local(|| loss_and_predictions(&model, &loader, 200).unwrap());
}

fn main() {
    // On a thread of the pool, as the trainer does.
    rayon::scope(|_| divan::main());
}

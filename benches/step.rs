//! Each kernel beside the floor: what this machine's vector units do at most.
//!
//! The floor is measured first, on one thread: fused multiply-adds of registers, and tanh of numbers in the first cache.
//! Of a layer the table has, for a microbatch on one thread, the time of an image, the products a second, and the share
//! of the floor: the time that its products and its tanhs take at the floor's rates, by the time that it takes. Products
//! are counted as the formula has them: those of a smaller algorithm (Winograd's) too, of which a share may be more than
//! one; in the backward pass of a pooled convolution only those with a gradient. What the gradient of a sum takes, with
//! which a backward pass begins here, is taken off. Then whole steps and evaluations of SingleLayerCAE on all threads,
//! by size.
//!
//! ```sh
//! cargo bench --bench step            # all
//! cargo bench --bench step -- encode  # what has this in its name
//! ```

mod timing;

use burn::tensor::{Device, Tensor, TensorData};
use dytb::data::{Batch, DataLoader};
use dytb::models::MODELS;
use dytb::nn::layers::{BatchNorm, ConvConfig, ConvTransposeConfig, DenseConfig};
use dytb::ops::SimdLevel;
use dytb::optim::{self, Arguments};
use dytb::train::{AnyModel, MICROBATCH, StepConfig, Updater, loss_and_predictions};
use dytb::{Activation, Examples, ForwardContext, Initializer};
use timing::{is_asked_for, median};

// As the programs have it.
#[global_allocator]
static ALLOCATOR: dytb::commands::MiMalloc = dytb::commands::MiMalloc;

/// What the vector units of one core do a second.
struct Floor {
    /// Floating-point operations.
    operations: f64,
    tanhs: f64,
}

impl Floor {
    fn measured() -> Self {
        let level = SimdLevel::best();
        let (operations, _) = level.multiply_adds(ROUNDS);
        let mut values: Vec<f32> = (0..VALUES).map(|i| i as f32 / VALUES as f32).collect();
        Self {
            operations: operations / median(|| (), |()| level.multiply_adds(ROUNDS)),
            tanhs: VALUES as f64 / median(|| (), |()| level.tanh(&mut values)),
        }
    }
}

/// From so many channels on those of a pixel are written together.
const MANY: usize = 8;
/// Rounds of multiply-adds in a call.
const ROUNDS: usize = 100_000;
/// Values whose tanh is taken in a call.
const VALUES: usize = 4096;

/// The forward pass of a layer.
type Forward = Box<dyn Fn(Tensor<4>) -> Tensor<4>>;

/// A layer that is measured.
struct Layer {
    name: String,
    /// Of its input, `[channels, height, width]`.
    input: [usize; 3],
    /// Products of an image in the forward pass, and in the backward pass.
    products: [f64; 2],
    /// tanhs of an image.
    tanhs: f64,
    /// Whether its input has a gradient; that of the first layer has none.
    is_inner: bool,
    layer: fn(&Self, &mut Initializer) -> Forward,
    /// Of the weights.
    channels: [usize; 2],
}

/// The forward pass of a convolution alone.
fn convolution(config: ConvConfig, init: &mut Initializer) -> Forward {
    let conv = config.init(init);
    Box::new(move |images| conv.forward(images, &mut ForwardContext::training(1)))
}

/// Products of a convolution with a square kernel, for so many pixels of the output.
fn products([from, to]: [usize; 2], kernel: usize, pixels: usize) -> f64 {
    (from * to * kernel * kernel * pixels) as f64
}

/// SingleLayerCAE's two layers for images of `size` x `size`.
fn autoencoder(channels: usize, size: usize) -> [Layer; 2] {
    let (larger, name) = (size + 2, |layer: &str| format!("{layer} {size}x{size}x{channels}"));
    let encode = products([channels, 32], 3, larger * larger);
    let decode = products([32, channels], 3, size * size);
    [
        Layer {
            name: name("encode 3x3, tanh,"),
            input: [channels, size, size],
            products: [encode, encode],
            tanhs: (32 * larger * larger) as f64,
            is_inner: false,
            channels: [channels, 32],
            layer: |of, init| {
                let conv = ConvConfig::new(of.channels, [3, 3]).with_zero_padding(2);
                convolution(conv.with_activation(Activation::Tanh), init)
            },
        },
        Layer {
            name: name("decode 3x3, tanh,"),
            input: [32, larger, larger],
            products: [decode, 2.0 * decode],
            tanhs: (channels * size * size) as f64,
            is_inner: true,
            channels: [32, channels],
            layer: |of, init| {
                let conv = ConvConfig::new(of.channels, [3, 3]);
                convolution(conv.with_activation(Activation::Tanh), init)
            },
        },
    ]
}

/// A layer inside of a classifier, without tanh.
fn inner(
    name: &str,
    input: [usize; 3],
    channels: [usize; 2],
    products: f64,
    layer: fn(&Layer, &mut Initializer) -> Forward,
) -> Layer {
    let products = [products, 2.0 * products];
    Layer { name: name.into(), input, products, tanhs: 0.0, is_inner: true, layer, channels }
}

/// A 3x3 convolution with relu of so many channels, as VGG has them.
fn vgg(channels: usize, size: usize) -> Layer {
    let name = format!("VGG, 3x3, {channels} channels, {size}x{size}");
    let products = products([channels; 2], 3, size * size);
    inner(&name, [channels, size, size], [channels; 2], products, |of, init| {
        let conv = ConvConfig::new(of.channels, [3, 3]).with_same_padding();
        convolution(conv.with_activation(Activation::Relu), init)
    })
}

/// A dense layer with relu.
fn dense(inputs: usize, outputs: usize) -> Layer {
    let (name, products) = (format!("dense, {inputs} to {outputs}"), (inputs * outputs) as f64);
    inner(&name, [inputs, 1, 1], [inputs, outputs], products, |of, init| {
        let dense = DenseConfig::new(of.channels).with_activation(Activation::Relu).init(init);
        Box::new(move |x| {
            let x = x.reshape([0, -1]);
            dense.forward(x, &mut ForwardContext::training(1)).unsqueeze_dims(&[2, 3])
        })
    })
}

/// LeNet's second convolution and what may follow it.
fn lenet() -> [Layer; 3] {
    const SECOND: [usize; 2] = [32, 64];
    let (input, count) = ([32, 14, 14], products(SECOND, 5, 14 * 14));
    let plain = inner("LeNet, 5x5, relu", input, SECOND, count, |of, init| {
        let conv = ConvConfig::new(of.channels, [5, 5]).with_same_padding();
        convolution(conv.with_activation(Activation::Relu), init)
    });
    let mut pooled = inner("LeNet, 5x5, relu, pooling", input, SECOND, count, |of, init| {
        let conv = ConvConfig::new(of.channels, [5, 5]).with_same_padding();
        let conv = conv.with_activation(Activation::Relu).init(init);
        Box::new(move |images| {
            conv.forward_max_pool(images, 2, 2, &mut ForwardContext::training(1))
        })
    });
    pooled.products[1] /= 4.0;
    let normalised = inner("LeNet, 5x5, batch norm, relu", input, SECOND, count, |of, init| {
        let conv = ConvConfig::new(of.channels, [5, 5]).with_same_padding().init(init);
        let norm = BatchNorm::new(of.channels[1], init);
        Box::new(move |images| {
            let context = &mut ForwardContext::training(1);
            norm.forward(conv.forward(images, context), Activation::Relu, context)
        })
    });
    [plain, pooled, normalised]
}

/// ConvAE's second convolution and the one back, and ConvMixer's two.
fn sliding() -> [Layer; 4] {
    let count = products([32, 64], 4, 7 * 7);
    let depthwise = products([256, 1], 5, 16 * 16);
    let pointwise = products([256, 256], 1, 16 * 16);
    [
        inner("strided, 4x4", [32, 14, 14], [32, 64], count, |of, init| {
            let conv = ConvConfig::new(of.channels, [4, 4]).with_stride(2).with_zero_padding(1);
            convolution(conv.with_activation(Activation::Relu), init)
        }),
        inner("transposed, 4x4", [64, 7, 7], [64, 32], count, |of, init| {
            let conv = ConvTransposeConfig::new(of.channels, [4, 4]).with_stride(2);
            let conv = conv.with_zero_padding(1).with_activation(Activation::Relu).init(init);
            Box::new(move |images| conv.forward(images, &mut ForwardContext::training(1)))
        }),
        inner("depthwise, 5x5", [256, 16, 16], [256, 256], depthwise, |of, init| {
            let conv = ConvConfig::new(of.channels, [5, 5]).with_same_padding();
            let conv = conv.with_activation(Activation::Relu).init_depthwise(init);
            Box::new(move |images| conv.forward(images, &mut ForwardContext::training(1)))
        }),
        inner("pointwise", [256, 16, 16], [256, 256], pointwise, |of, init| {
            let conv = ConvConfig::new(of.channels, [1, 1]);
            convolution(conv.with_activation(Activation::Relu), init)
        }),
    ]
}

/// Numbers in -1..=1.
fn noise<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|i: usize| (i as f32 * 1.7).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

impl Layer {
    /// A row for each direction. A microbatch is too small to be shared out: one thread does it.
    fn print(&self, floor: &Floor) {
        let [channels, height, width] = self.input;
        let images = |device: &Device| {
            noise([self.microbatch(), height, width, channels], device).permute([0, 3, 1, 2])
        };
        let device = Device::flex();
        let (x, forward) = (images(&device), (self.layer)(self, &mut Initializer::new(1, &device)));
        self.row(floor, "forward", median(|| x.clone(), &forward), self.products[0], self.tanhs);
        let device = device.autodiff();
        let (x, forward) = (images(&device), (self.layer)(self, &mut Initializer::new(1, &device)));
        let x = if self.is_inner { x.require_grad() } else { x };
        // The gradient comes as the next layer of a network gives it: of many channels with those of a pixel together.
        let shape = forward(x.clone()).dims();
        let order = if shape[1] < MANY { [0, 1, 2, 3] } else { [0, 2, 3, 1] };
        let backward = |sum: Tensor<1>| sum.backward();
        let seconds = median(|| forward(x.clone()).permute(order).sum(), backward);
        let output = noise(order.map(|axis| shape[axis]), &device).require_grad();
        let seconds = seconds - median(|| output.clone().sum(), backward);
        self.row(floor, "backward", seconds, self.products[1], 0.0);
    }

    /// Images, fewer of large ones, as the trainer takes them.
    fn microbatch(&self) -> usize {
        let [_, height, width] = self.input;
        (MICROBATCH * 64 * 64 / (height * width)).clamp(1, MICROBATCH)
    }

    fn row(&self, floor: &Floor, pass: &str, seconds: f64, products: f64, tanhs: f64) {
        let seconds = seconds / self.microbatch() as f64;
        let least = 2.0 * products / floor.operations + tanhs / floor.tanhs;
        println!(
            "| {} | {pass} | {:.1} | {:.1} | {:.2} |",
            self.name,
            seconds * 1e6,
            2.0 * products / seconds / 1e9,
            least / seconds
        );
    }
}

/// Batches of a step.
const BATCHES: [usize; 3] = [32, 128, 1024];
/// Numbers in a batch at the most: larger images are taken in smaller ones.
const MOST: usize = 32 << 20;

/// Steps and evaluations of SingleLayerCAE, as the trainer takes them: images gathered from bytes and scaled, forward,
/// backward, Adam.
fn steps(channels: usize, size: usize) {
    let (shape, pixels) = ([channels, size, size], channels * size * size);
    let row = |what: &str, images: usize, seconds: f64| {
        let seconds = seconds / images as f64;
        println!(
            "| {size}x{size}x{channels} | {what} | {:.0} | {:.2} |",
            1.0 / seconds,
            seconds / (size * size) as f64 * 1e9
        );
    };
    let examples = (MOST / pixels).min(4096);
    let bytes = (0..examples * pixels).map(|i| (i * 7919 % 251) as u8).collect();
    let examples = Examples::new(shape, bytes, vec![0; examples]).expect("images");
    let (_, model) = MODELS.iter().find(|(name, _)| *name == "SingleLayerCAE").expect("a model");
    let device = Device::flex().autodiff();
    let loader = DataLoader::new(examples.clone(), &device);
    for batch in BATCHES.into_iter().filter(|batch| batch * pixels <= MOST) {
        let mut model =
            AnyModel::new(*model, shape, 10, &mut Initializer::new(1, &device)).unwrap();
        let adam = optim::find("AdamOptimizer").expect("an optimizer");
        let arguments = serde_json::from_str(r#"{"learning_rate": 1e-5}"#).expect("JSON");
        let arguments = Arguments::new(adam, arguments).expect("arguments");
        let mut updater = Updater::new(adam, &arguments, None);
        // 17 has no divisor in common with the number of images.
        let indices: Vec<_> = (0..batch).map(|i| i * 17 % loader.len()).collect();
        let seconds = median(
            || Batch::plain(&indices),
            |batch| {
                let config = StepConfig { l2_penalty: 0.0, seed: 1 };
                let rate = arguments.learning_rate();
                updater.train(&mut model, &loader, batch, config, rate).expect("a step").loss
            },
        );
        row(&format!("step, batch {batch}"), batch, seconds);
    }
    let device = Device::flex();
    let model = AnyModel::new(*model, shape, 10, &mut Initializer::new(1, &device)).unwrap();
    let loader = DataLoader::new(examples, &device);
    let seconds = median(|| (), |()| loss_and_predictions(&model, &loader, 200).expect("a loss"));
    row("evaluation", loader.len(), seconds);
}

/// Channels and size of the images.
const IMAGES: [(usize, usize); 6] = [(1, 28), (3, 32), (3, 64), (3, 128), (3, 224), (3, 512)];

fn main() {
    // On a thread of the pool, as the trainer does.
    rayon::scope(|_| {
        let floor = Floor::measured();
        println!(
            "{:?}, one thread: {:.1} GFLOP/s, {:.2} tanhs a nanosecond\n",
            SimdLevel::best(),
            floor.operations / 1e9,
            floor.tanhs / 1e9
        );
        println!(
            "| layer | pass | µs an image | GFLOP/s | share of the floor |\n|---|---|---|---|---|"
        );
        let layers = IMAGES.into_iter().flat_map(|(channels, size)| autoencoder(channels, size));
        let vggs = [(64, 32), (128, 16), (256, 8), (512, 4), (512, 2)];
        let layers = layers.chain(lenet());
        let layers =
            layers.chain(vggs.map(|(channels, size)| vgg(channels, size))).chain(sliding());
        let layers = layers.chain([dense(3136, 1024), dense(784, 512), dense(512, 10)]);
        layers.filter(|layer| is_asked_for(&layer.name)).for_each(|layer| layer.print(&floor));
        if !is_asked_for("SingleLayerCAE") {
            return;
        }
        println!(
            "\n| SingleLayerCAE, {} threads | what | images a second | ns a pixel |\n|---|---|---|---|",
            rayon::current_num_threads()
        );
        IMAGES.into_iter().for_each(|(channels, size)| steps(channels, size));
    });
}

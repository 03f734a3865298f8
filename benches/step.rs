//! What a training step of SingleLayerCAE is made of, timed by criterion: the kernels of each of
//! its convolutions on a piece of a batch and one thread, and the whole step as the trainer takes
//! it (images gathered from bytes and scaled, forward, backward, Adam).
//!
//! ```sh
//! cargo bench --bench step                        # all
//! cargo bench --bench step -- step/28x28x1/128    # one
//! ```

#![allow(missing_docs)] // of the function that criterion's macro makes

use std::hint::black_box;

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dytb::models::MODELS;
use dytb::optimizers::{self, Arguments};
use dytb::{Activation, Examples, Feed, Init, Learner, StepConfig, conv2d, evaluate_feed, take};

/// MNIST's and CIFAR-10's `[channels, height, width]`.
const SHAPES: [[usize; 3]; 2] = [[1, 28, 28], [3, 32, 32]];
const BATCHES: [usize; 2] = [128, 1024];
/// Images in a piece of a batch.
const PIECE: usize = 16;

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

fn name([channels, height, width]: [usize; 3]) -> String {
    format!("{height}x{width}x{channels}")
}

/// SingleLayerCAE for images of `shape`.
fn learner(shape: [usize; 3], device: &Device) -> Learner {
    let (_, model) = MODELS.iter().find(|(name, _)| *name == "SingleLayerCAE").unwrap();
    Learner::new(*model, shape, 10, &mut Init::new(1, device)).unwrap()
}

/// Numbers in -1..=1.
fn noise<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|i: usize| (i as f32 * 1.7).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn feed(shape: [usize; 3], device: &Device) -> Feed {
    let examples = 4096;
    let size: usize = shape.iter().product();
    let pixels = (0..examples * size).map(|i| (i * 7919 % 251) as u8).collect();
    Feed::new(Examples::new(shape, pixels, vec![0; examples]).unwrap(), device)
}

fn kernels(criterion: &mut Criterion) {
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let device = Device::flex().autodiff();
    for shape in SHAPES {
        let mut group = criterion.benchmark_group(format!("kernels/{}", name(shape)));
        group.throughput(Throughput::Elements(PIECE as u64));
        for Layer { name, channels: [from, to], padding, larger } in layers(shape[0]) {
            let images = noise([PIECE, from, shape[1] + larger, shape[2] + larger], &device);
            let weight = (noise([to, from, 3, 3], &device) * 0.1).require_grad();
            let bias = noise([to], &device).require_grad();
            let forward = |images: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>| {
                conv2d(images, weight, Some(bias), [padding; 4], Activation::Tanh)
            };
            group.bench_function(format!("{name}/forward"), |bencher| {
                let [images, weight] = [&images, &weight].map(|tensor| tensor.clone().inner());
                let bias = bias.clone().inner();
                one_thread.install(|| {
                    bencher.iter(|| forward(images.clone(), weight.clone(), bias.clone()))
                });
            });
            // The images of an inner layer have gradients, those of the first do not.
            let images = if larger > 0 { images.require_grad() } else { images };
            let sum = || forward(images.clone(), weight.clone(), bias.clone()).sum();
            group.bench_function(format!("{name}/backward"), |bencher| {
                one_thread.install(|| {
                    bencher.iter_batched(sum, |sum| sum.backward(), BatchSize::SmallInput)
                });
            });
        }
    }
}

fn steps(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let adam = optimizers::find("AdamOptimizer").unwrap();
    let arguments = serde_json::from_str(r#"{"learning_rate": 1e-5}"#).unwrap();
    let arguments = Arguments::new(adam, arguments).unwrap();
    for shape in SHAPES {
        let feed = feed(shape, &device);
        let mut group = criterion.benchmark_group(format!("step/{}", name(shape)));
        for batch in BATCHES {
            let mut model = learner(shape, &device);
            let mut optimizer = (adam.build)(&arguments);
            // 17 has no divisor in common with the number of images.
            let indices: Vec<_> = (0..batch).map(|i| i * 17 % feed.len()).collect();
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::from_parameter(batch), |bencher| {
                rayon::scope(|_| {
                    bencher.iter(|| {
                        let config = StepConfig { l2_penalty: 0.0, seed: 1 };
                        let step = take(&model, &feed, &indices, |_| false, config);
                        let rate = arguments.learning_rate();
                        model.network_mut().update(step.gradients, &mut optimizer, rate);
                        black_box(step.measured.loss)
                    })
                });
            });
        }
    }
}

fn evaluation(criterion: &mut Criterion) {
    let device = Device::flex();
    for shape in SHAPES {
        let feed = feed(shape, &device);
        let model = learner(shape, &device);
        let mut group = criterion.benchmark_group(format!("evaluation/{}", name(shape)));
        group.throughput(Throughput::Elements(feed.len() as u64));
        group.bench_function("200", |bencher| {
            rayon::scope(|_| bencher.iter(|| evaluate_feed(&model, &feed, 200)));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = kernels, steps, evaluation
}
criterion_main!(benches);

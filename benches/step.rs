//! Images a second through SingleLayerCAE: forward, backward of each convolution, training steps.
//!
//! A training step is what the peers' benchmark has inside its clock: images gathered from
//! resident bytes and scaled to [-1, 1], forward, backward, update. The batch is cut into pieces;
//! each is a graph of its own on a thread of the pool, and their gradients are added in order.
//!
//! ```sh
//! cargo bench --bench step -- step/28x28x1
//! ```

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dytb::{Activation, conv2d};
use rayon::prelude::*;

const FILTERS: usize = 32;
/// Images of a piece in a training step.
const PIECE: usize = 8;
/// Channels, height and width.
const SHAPES: [[usize; 2]; 2] = [[1, 28], [3, 32]];
const BATCHES: [usize; 2] = [128, 1024];

/// Numbers between -1 and 1 that look random.
fn noise(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

/// Weight and bias of the encoding and the decoding convolution.
fn parameters(c: usize) -> [TensorData; 4] {
    let weight = |shape: [usize; 4]| {
        let scale = (2.0 / (shape[1] * 9) as f32).sqrt();
        let values = noise(shape.iter().product()).into_iter().map(|v| v * scale).collect();
        TensorData::new(values, shape)
    };
    let bias = |n| TensorData::new(vec![0.0f32; n], [n]);
    [weight([FILTERS, c, 3, 3]), bias(FILTERS), weight([c, FILTERS, 3, 3]), bias(c)]
}

/// The layers' parameters on a device.
#[derive(Clone)]
struct Model {
    weights: [Tensor<4>; 2],
    biases: [Tensor<1>; 2],
}

impl Model {
    fn new([we, be, wd, bd]: [TensorData; 4], device: &Device) -> Self {
        let weights = [we, wd].map(|data| Tensor::from_data(data, device));
        Self { weights, biases: [be, bd].map(|data| Tensor::from_data(data, device)) }
    }

    /// The same values as leaves of a new graph, so that pieces share no graph and no lock.
    fn tracked(&self) -> Self {
        let leaf4 = |t: &Tensor<4>| Tensor::from_inner(t.clone()).require_grad();
        let leaf1 = |t: &Tensor<1>| Tensor::from_inner(t.clone()).require_grad();
        Self {
            weights: self.weights.each_ref().map(leaf4),
            biases: self.biases.each_ref().map(leaf1),
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
}

/// A data set in memory.
struct Bytes {
    values: Vec<u8>,
    shape: [usize; 3],
}

impl Bytes {
    fn new([c, hw]: [usize; 2]) -> Self {
        let values = noise(4096 * c * hw * hw).into_iter().map(|v| (v * 127.0 + 128.0) as u8);
        Self { values: values.collect(), shape: [c, hw, hw] }
    }

    fn len(&self) -> usize {
        self.values.len() / self.shape.iter().product::<usize>()
    }

    /// Images, scaled to [-1, 1].
    fn gather(&self, indices: &[usize], device: &Device) -> Tensor<4> {
        let n: usize = self.shape.iter().product();
        let mut values = Vec::with_capacity(indices.len() * n);
        for &i in indices {
            values.extend(self.values[i * n..][..n].iter().map(|&v| f32::from(v) / 127.5 - 1.0));
        }
        let [c, h, w] = self.shape;
        Tensor::from_data(TensorData::new(values, [indices.len(), c, h, w]), device)
    }
}

/// Gradients of a piece: its part of the batch's mean, in the order of `parameters`.
fn piece(model: &Model, data: &Bytes, indices: &[usize], batch: usize) -> [Vec<f32>; 4] {
    let model = model.tracked();
    let x = data.gather(indices, &Device::flex().autodiff());
    let values = (batch * data.shape.iter().product::<usize>()) as f32;
    let difference = model.decode(model.encode(x.clone())) - x;
    let grads = (difference.powi_scalar(2).sum() / (2.0 * values)).backward();
    let values4 = |t: &Tensor<4>| t.grad(&grads).unwrap().into_data().try_into_vec().unwrap();
    let values1 = |t: &Tensor<1>| t.grad(&grads).unwrap().into_data().try_into_vec().unwrap();
    let ([we, wd], [be, bd]) = (&model.weights, &model.biases);
    [values4(we), values1(be), values4(wd), values1(bd)]
}

/// One step of gradient descent.
fn step(model: &mut Model, data: &Bytes, indices: &[usize], size: usize) {
    let pieces: Vec<_> =
        indices.par_chunks(size).map(|part| piece(model, data, part, indices.len())).collect();
    let mut pieces = pieces.into_iter();
    let mut total = pieces.next().expect("a batch has a piece");
    for piece in pieces {
        for (total, part) in total.iter_mut().zip(piece) {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        }
    }
    let device = Device::flex();
    let [we, be, wd, bd] = total;
    for (weight, gradient) in model.weights.iter_mut().zip([we, wd]) {
        let gradient = TensorData::new(gradient, weight.dims());
        *weight = weight.clone() - Tensor::from_data(gradient, &device) * 1e-5;
    }
    for (bias, gradient) in model.biases.iter_mut().zip([be, bd]) {
        let gradient = TensorData::new(gradient, bias.dims());
        *bias = bias.clone() - Tensor::from_data(gradient, &device) * 1e-5;
    }
}

fn name([c, hw]: [usize; 2]) -> String {
    format!("{hw}x{hw}x{c}")
}

fn forward(criterion: &mut Criterion) {
    for shape in SHAPES {
        let (data, model) = (Bytes::new(shape), Model::new(parameters(shape[0]), &Device::flex()));
        let mut group = criterion.benchmark_group(format!("forward/{}", name(shape)));
        for batch in BATCHES {
            let indices: Vec<_> = (0..batch).collect();
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::from_parameter(batch), |bencher| {
                bencher.iter(|| {
                    indices.par_chunks(PIECE).for_each(|part| {
                        let x = data.gather(part, &Device::flex());
                        std::hint::black_box(model.decode(model.encode(x)));
                    });
                });
            });
        }
    }
}

/// The backward pass of one convolution, on one thread: what a piece waits for.
fn backward(criterion: &mut Criterion) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for shape in SHAPES {
        let data = Bytes::new(shape);
        let model = Model::new(parameters(shape[0]), &Device::flex());
        let mut group = criterion.benchmark_group(format!("backward/{}", name(shape)));
        group.throughput(Throughput::Elements(PIECE as u64));
        let x = data.gather(&(0..PIECE).collect::<Vec<_>>(), &Device::flex());
        let h = model.encode(x.clone());
        for encode in [true, false] {
            let setup = || {
                let model = model.tracked();
                let y = if encode {
                    model.encode(Tensor::from_inner(x.clone()))
                } else {
                    model.decode(Tensor::from_inner(h.clone()).require_grad())
                };
                // The backward pass of a sum is a tensor of ones.
                (model, y.sum())
            };
            group.bench_function(if encode { "encode" } else { "decode" }, |bencher| {
                pool.install(|| {
                    bencher.iter_batched(
                        setup,
                        |(model, sum)| (sum.backward(), model),
                        BatchSize::SmallInput,
                    )
                });
            });
        }
    }
}

fn steps(criterion: &mut Criterion) {
    for shape in SHAPES {
        let mut group = criterion.benchmark_group(format!("step/{}", name(shape)));
        for batch in BATCHES {
            bench_step(&mut group, shape, batch, PIECE, BenchmarkId::from_parameter(batch));
        }
    }
}

fn pieces(criterion: &mut Criterion) {
    for shape in SHAPES {
        let mut group = criterion.benchmark_group(format!("piece/{}", name(shape)));
        for size in [1, 2, 4, 8, 16, 32, 64] {
            bench_step(&mut group, shape, 128, size, BenchmarkId::from_parameter(size));
        }
    }
}

fn bench_step(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    shape: [usize; 2],
    batch: usize,
    piece: usize,
    id: BenchmarkId,
) {
    let data = Bytes::new(shape);
    let mut model = Model::new(parameters(shape[0]), &Device::flex());
    let mut at = 0;
    group.throughput(Throughput::Elements(batch as u64));
    group.bench_function(id, |bencher| {
        bencher.iter(|| {
            at += batch;
            // 17 is coprime to the number of images.
            let indices: Vec<_> = (at..at + batch).map(|i| i * 17 % data.len()).collect();
            step(&mut model, &data, &indices, piece);
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = forward, backward, steps, pieces
}
criterion_main!(benches);

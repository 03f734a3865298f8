//! TensorFlow's optimizers against ten steps of TensorFlow 2.21's TF1 optimizers
//! (`tests/golden/optimizers.json.gz`), every optimizer stopped and resumed, and the initialiser and
//! the decays of the learning rate against its own (`he_initializer.json.gz` and
//! `exponential_decay.json.gz` there).

use crate::common::golden::{assert_close, flat, golden};
use crate::common::parameters::Parameters;
use burn::module::{Module, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use dytb::optim;
use dytb::optim::{ArgDefault as Given, Arguments, Entry, OPTIMIZERS};
use dytb::run::{LearningRateDecay, Schedule, Shape};
use dytb::{Initializer, Network};
use serde_json::{Map, Value};

/// A module of one parameter.
#[derive(Module, Debug)]
struct Single {
    parameter: Param<Tensor<1>>,
}

impl Single {
    fn new(values: Vec<f32>) -> Self {
        let length = values.len();
        let tensor =
            Tensor::from_data(TensorData::new(values, [length]), &Device::flex().autodiff());
        Self { parameter: Param::from_tensor(tensor) }
    }

    fn values(&self) -> Vec<f32> {
        self.parameter.val().try_into_vec_as().unwrap()
    }

    /// One step of `optimizer` down `gradient`.
    fn step(self, optimizer: &mut ModuleOptimizer, rate: f64, gradient: &[f32]) -> Self {
        let mut gradients = GradientsParams::new();
        let data = TensorData::new(gradient.to_vec(), [gradient.len()]);
        gradients.register(self.parameter.id, Tensor::<1>::from_data(data, &Device::flex()));
        optimizer.step(rate, self, gradients)
    }
}

/// Five numbers whose gradients differ by ten orders of magnitude. The absolute tolerance is for
/// those that TensorFlow's float32 brings near 0 from 1.
#[test]
fn as_tensorflow() {
    let golden = golden("optimizers.json");
    let gradients: Vec<_> = golden["gradients"].as_array().unwrap().iter().map(flat).collect();
    let mut tested = Vec::new();
    for (case, expected) in golden["optimizers"].as_object().unwrap() {
        let entry = optim::find(expected["class"].as_str().unwrap()).unwrap();
        let given = expected["args"].as_object().unwrap().clone();
        let arguments = Arguments::new(entry, given).unwrap();
        let mut optimizer = (entry.build)(&arguments);
        let mut module = Single::new(flat(&golden["initial"]));
        let steps = expected["parameter_after_step"].as_array().unwrap();
        for (number, (gradient, theirs)) in gradients.iter().zip(steps).enumerate() {
            module = module.step(&mut optimizer, arguments.learning_rate(), gradient);
            let what = format!("{case}, step {}", number + 1);
            assert_close(&what, &module.values(), &flat(theirs), 1e-5, 1e-7);
        }
        tested.push(entry.name);
    }
    for entry in OPTIMIZERS.iter().filter(|entry| entry.tensorflow) {
        assert!(tested.contains(&entry.name), "{} has no golden numbers", entry.name);
    }
}

/// The arguments of `entry` with what it requires.
fn arguments(entry: &Entry) -> Arguments {
    let given = r#"{"learning_rate": 0.01, "momentum": 0.9}"#;
    let mut given: serde_json::Map<_, _> = serde_json::from_str(given).unwrap();
    given.retain(|name, _| {
        name == "learning_rate" || entry.arguments.iter().any(|known| known.name == name)
    });
    Arguments::new(entry, given).unwrap()
}

/// An optimizer that is written and read back goes on exactly as if it had not been.
#[test]
fn every_optimizer_resumes_exactly() {
    let gradient = |step: usize| {
        move |i: usize| [0.3, -2.0, 1e-4, 0.0][i % 4] * (step as f32 - 2.5 + i as f32 / 8.0)
    };
    for entry in OPTIMIZERS {
        let arguments = arguments(entry);
        let mut through = (entry.build)(&arguments);
        let mut module = Parameters::new(|i| [1.0, -0.5, 0.25, 0.0][i % 4]);
        for step in 0..3 {
            module = module.step(&mut through, 0.01, gradient(step));
        }
        let bytes = optim::to_bytes(&through).unwrap();
        let fresh = (entry.build)(&arguments);
        let mut restored = optim::restore(&fresh, bytes, &module.parameters()).unwrap();
        let mut resumed = module.clone();
        for step in 3..6 {
            module = module.step(&mut through, 0.01, gradient(step));
            resumed = resumed.step(&mut restored, 0.01, gradient(step));
        }
        assert_eq!(module.values(), resumed.values(), "{}", entry.name);
    }
}

#[test]
fn learning_rate_decays_as_in_tensorflow() {
    let golden = golden("exponential_decay.json");
    let number = |name: &str| golden[name].as_f64().unwrap();
    let decay = LearningRateDecay {
        epochs: golden["decay_steps"].as_u64().unwrap(),
        factor: number("decay_rate"),
    };
    let steps = golden["steps"].as_array().unwrap();
    for (name, shape) in [("staircase", Shape::Step(decay)), ("smooth", Shape::Exponential(decay))]
    {
        let schedule = Schedule { shape, ..Schedule::default() };
        let rate = |step: &Value| {
            schedule.at(number("learning_rate"), step.as_u64().unwrap(), (1, 13), 0) as f32
        };
        let ours: Vec<_> = steps.iter().map(rate).collect();
        assert_close(name, &ours, &flat(&golden[name]), 1e-6, 0.0);
    }
}

/// What PyTorch 2.15.0's CosineAnnealingLR(T_max=8) gives at 0.1, also after four steps of
/// LinearLR(start_factor=0.25, total_iters=3), in a SequentialLR.
#[test]
fn the_cosine_and_the_warm_up_are_pytorchs() {
    let cosine = [
        0.1,
        0.09619397662556434,
        0.08535533905932738,
        0.0691341716182545,
        0.05,
        0.030865828381745515,
        0.014644660940672627,
        0.0038060233744356634,
    ];
    let warmup = [0.025, 0.05, 0.075, 0.1];
    let rates = |warmup_epochs, epochs| -> Vec<_> {
        let schedule = Schedule { shape: Shape::Cosine, warmup_epochs, min_lr: 0.0 };
        (0..4 * epochs).map(|step| schedule.at(0.1, step, (4, epochs), 0) as f32).collect()
    };
    let cosine = cosine.map(|rate: f64| rate as f32);
    assert_close("cosine", &rates(0, 2), &cosine, 1e-6, 0.0);
    assert_close("warm-up", &rates(1, 3), &[&warmup[..], &cosine].concat(), 1e-6, 0.0);
}

/// Bounds, mean and deviation of over a million draws of TensorFlow's initialiser, against as many
/// of ours.
#[test]
fn weights_are_drawn_as_in_tensorflow() {
    let golden = golden("he_initializer.json");
    let cases = golden.as_object().unwrap().iter().filter(|(_, case)| case.is_object());
    for (name, case) in cases {
        let kernel: Vec<usize> = name.split('x').map(|size| size.parse().unwrap()).collect();
        let [height, width, channels_in, channels_out] = kernel[..] else { panic!("{name}") };
        let fan_in = case["fan_in"].as_u64().unwrap() as usize;
        assert_eq!(fan_in, height * width * channels_in, "{name}");
        let draws = case["sampled"]["n"].as_u64().unwrap() as usize;
        let copies = draws / kernel.iter().product::<usize>();
        let shape = [copies * channels_out, channels_in, height, width];
        let values: Vec<f32> = Initializer::new(1, &Device::flex())
            .he_normal(shape, fan_in)
            .val()
            .try_into_vec_as()
            .unwrap();

        let bound = case["bound"].as_f64().unwrap();
        let extreme = values.iter().fold(0.0, |most, value| f64::from(value.abs()).max(most));
        assert!(extreme <= bound && extreme > 0.999 * bound, "{name}: {extreme} of {bound}");
        let n = values.len() as f64;
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / n;
        let variance =
            values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / n;
        let theory = case["std_theory"].as_f64().unwrap();
        // Five standard errors of a mean and of a deviation.
        assert!(mean.abs() < 5.0 * theory / n.sqrt(), "{name}: mean {mean}");
        assert!((variance.sqrt() / theory - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{name}");
    }
}

/// A number of a long parameter becomes what it becomes in a short one, on any number of threads.
#[test]
fn long_parameters_as_short_ones() {
    let start = [1.0, -0.5, 0.25, 0.0];
    let gradient = |step: usize| [0.3, -2.0, 1e-4, 0.0].map(|g| g * (step as f32 - 1.5));
    for entry in OPTIMIZERS {
        let run = |times: usize| {
            let mut optimizer = (entry.build)(&arguments(entry));
            let mut module = Single::new(start.repeat(times));
            for step in 0..3 {
                module = module.step(&mut optimizer, 0.01, &gradient(step).repeat(times));
            }
            module.values()
        };
        let expected = run(1).repeat(50_001);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| run(50_001)) == expected, "{}, {threads} threads", entry.name);
        }
    }
}

/// Parameters of more numbers than burn adds in order (4,194,304), a matrix and a kernel: the same bits on
/// any number of threads, of every optimizer.
#[test]
fn threads_do_not_change_a_bit_of_many() {
    #[derive(Module, Debug)]
    struct Many {
        matrix: Param<Tensor<2>>,
        kernel: Param<Tensor<4>>,
    }
    const SHAPES: ([usize; 2], [usize; 4]) = ([8500, 500], [130, 120, 17, 17]);
    let values = |seed: usize, n: usize| -> Vec<f32> {
        let value = |i: usize| ((i * 7 + seed).wrapping_mul(0x9e37_79b9) % 1_000_003) as f32;
        (0..n).map(|i| value(i) / 1e6 - 0.5).collect()
    };
    fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), device)
    }
    let (n, m) = (SHAPES.0.iter().product(), SHAPES.1.iter().product());
    let [first, gradients @ ..] = [1, 5, 9].map(|seed| (values(seed, n), values(seed + 1, m)));
    for entry in OPTIMIZERS {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (device, plain) = (Device::flex().autodiff(), Device::flex());
                let (matrix, kernel) = first.clone();
                let mut many = Many {
                    matrix: Param::from_tensor(tensor(matrix, SHAPES.0, &device)),
                    kernel: Param::from_tensor(tensor(kernel, SHAPES.1, &device)),
                };
                let own = entry.arguments.iter().filter(|own| own.default == Given::Required);
                let mut given = Map::from_iter(own.map(|own| (own.name.to_owned(), 0.9.into())));
                given.insert("learning_rate".into(), 0.01.into());
                let mut optimizer = (entry.build)(&Arguments::new(entry, given).unwrap());
                for (matrix, kernel) in gradients.clone() {
                    let mut gradients = GradientsParams::new();
                    gradients.register(many.matrix.id, tensor(matrix, SHAPES.0, &plain));
                    gradients.register(many.kernel.id, tensor(kernel, SHAPES.1, &plain));
                    many = optimizer.step(0.01, many, gradients);
                }
                let bits =
                    |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                let matrix = bits(many.matrix.val().try_into_vec_as().unwrap());
                (matrix, bits(many.kernel.val().try_into_vec_as().unwrap()))
            })
        };
        let one = run(1);
        for threads in [2, 3] {
            assert!(run(threads) == one, "{}: {threads} threads", entry.name);
        }
    }
}

//! The optimizers that TensorFlow 1 does not have: each against its rule in 64 bits, written down
//! here number by number, and those that PyTorch has against numbers that PyTorch printed.
//!
//! Ten steps for a vector, a matrix and a convolution's kernel; the i-th number begins as
//! cos(1.3 i), its gradient in step t (0 at first) is sin(1 + 1.7 i + 2.3 t).

use crate::common::golden::assert_close;
use crate::common::parameters::{Parameters, SHAPES};
use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use dytb::optim;
use dytb::optim::{Arguments, OPTIMIZERS};

/// The learning rate of all.
const RATE: f64 = 0.01;

fn initial(i: usize) -> f64 {
    (1.3 * i as f64).cos()
}

fn gradient(step: usize, i: usize) -> f64 {
    (1.0 + 1.7 * i as f64 + 2.3 * step as f64).sin()
}

fn arguments(optimizer: &str, given: &str) -> Arguments {
    let mut given: serde_json::Map<_, _> = serde_json::from_str(given).unwrap();
    given.insert("learning_rate".into(), RATE.into());
    Arguments::new(optim::find(optimizer).unwrap(), given).unwrap()
}

/// The parameters after each of ten steps.
fn train(optimizer: &str, arguments: &Arguments) -> Vec<[Vec<f32>; 3]> {
    let mut optimizer = (optim::find(optimizer).unwrap().build)(arguments);
    let mut parameters = Parameters::new(|i| initial(i) as f32);
    let steps = (0..10).map(|step| {
        parameters = parameters.clone().step(&mut optimizer, RATE, |i| gradient(step, i) as f32);
        parameters.values()
    });
    steps.collect()
}

/// One parameter in 64 bits.
struct Double {
    /// `[rows, columns]`; `None` for a vector.
    matrix: Option<[usize; 2]>,
    /// Whether its rows are outputs, as a kernel's: those of a fully connected layer are inputs.
    outputs_first: bool,
    values: Vec<f64>,
    /// As many as a rule needs, 0 at first.
    slots: [Vec<f64>; 4],
}

impl Double {
    fn new(matrix: Option<[usize; 2]>, length: usize) -> Self {
        let values = (0..length).map(initial).collect();
        let slots = std::array::from_fn(|_| vec![0.0; length]);
        Self { matrix, outputs_first: true, values, slots }
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// A rule: (its arguments, step from 1, parameter, gradient).
type InDouble = fn(&Arguments, usize, &mut Double, &[f64]);

/// Loshchilov and Hutter 2019, algorithm 2.
fn adamw(arguments: &Arguments, step: usize, parameter: &mut Double, gradient: &[f64]) {
    let number = |name| arguments.number(name);
    adamw_of(
        [number("beta_1"), number("beta_2"), number("epsilon"), number("weight_decay")],
        step,
        parameter,
        gradient,
    );
}

fn adamw_of(
    [beta_1, beta_2, epsilon, decay]: [f64; 4],
    step: usize,
    Double { values, slots: [mean, square, ..], .. }: &mut Double,
    gradient: &[f64],
) {
    for (i, &g) in gradient.iter().enumerate() {
        mean[i] = beta_1 * mean[i] + (1.0 - beta_1) * g;
        square[i] = beta_2 * square[i] + (1.0 - beta_2) * g * g;
        let mean = mean[i] / (1.0 - beta_1.powi(step as i32));
        let square = square[i] / (1.0 - beta_2.powi(step as i32));
        values[i] -= RATE * (mean / (square.sqrt() + epsilon) + decay * values[i]);
    }
}

/// Chen et al. 2023, algorithm 2.
fn lion(
    arguments: &Arguments,
    _step: usize,
    Double { values, slots: [mean, ..], .. }: &mut Double,
    gradient: &[f64],
) {
    let [beta_1, beta_2, decay] =
        ["beta_1", "beta_2", "weight_decay"].map(|name| arguments.number(name));
    for (i, &g) in gradient.iter().enumerate() {
        let direction = beta_1 * mean[i] + (1.0 - beta_1) * g;
        values[i] -= RATE * (direction.signum() + decay * values[i]);
        mean[i] = beta_2 * mean[i] + (1.0 - beta_2) * g;
    }
}

/// Xie et al. 2022, algorithm 1, with 1 - β in the place of β and the corrections of the authors'
/// program.
fn adan(
    arguments: &Arguments,
    step: usize,
    Double { values, slots: [mean, difference, square, before], .. }: &mut Double,
    gradient: &[f64],
) {
    let [beta_1, beta_2, beta_3, epsilon, decay] =
        ["beta_1", "beta_2", "beta_3", "epsilon", "weight_decay"]
            .map(|name| arguments.number(name));
    let corrected = |mean: f64, beta: f64| mean / (1.0 - beta.powi(step as i32));
    for (i, &g) in gradient.iter().enumerate() {
        let d = if step == 1 { 0.0 } else { g - before[i] };
        mean[i] = beta_1 * mean[i] + (1.0 - beta_1) * g;
        difference[i] = beta_2 * difference[i] + (1.0 - beta_2) * d;
        square[i] = beta_3 * square[i] + (1.0 - beta_3) * (g + beta_2 * d).powi(2);
        let rate = RATE / (corrected(square[i], beta_3).sqrt() + epsilon);
        let move_by =
            rate * (corrected(mean[i], beta_1) + beta_2 * corrected(difference[i], beta_2));
        values[i] = (values[i] - move_by) / (1.0 + RATE * decay);
        before[i] = g;
    }
}

/// You et al. 2020, algorithm 2; a vector without trust ratio and decay.
fn lamb(arguments: &Arguments, step: usize, parameter: &mut Double, gradient: &[f64]) {
    let [beta_1, beta_2, epsilon, decay] =
        ["beta_1", "beta_2", "epsilon", "weight_decay"].map(|name| arguments.number(name));
    if parameter.matrix.is_none() {
        return adamw_of([beta_1, beta_2, epsilon, 0.0], step, parameter, gradient);
    }
    let before = parameter.values.clone();
    adamw_of([beta_1, beta_2, epsilon, decay], step, parameter, gradient);
    let update: Vec<_> = before
        .iter()
        .zip(&parameter.values)
        .map(|(before, after)| (before - after) / RATE)
        .collect();
    let ratio = norm(&before) / norm(&update);
    for (i, update) in update.iter().enumerate() {
        parameter.values[i] = before[i] - RATE * ratio * update;
    }
}

/// Jordan et al. 2024 and Liu et al. 2025; a vector by AdamW.
fn muon(arguments: &Arguments, step: usize, parameter: &mut Double, gradient: &[f64]) {
    let [momentum, decay] = ["momentum", "weight_decay"].map(|name| arguments.number(name));
    let Some([rows, columns]) = parameter.matrix else {
        return adamw_of([0.9, 0.999, 1e-8, decay], step, parameter, gradient);
    };
    let mean = &mut parameter.slots[0];
    let mut update = Vec::new();
    for (mean, g) in mean.iter_mut().zip(gradient) {
        *mean = momentum * *mean + (1.0 - momentum) * g;
        update.push(match arguments.flag("nesterov") {
            true => momentum * *mean + (1.0 - momentum) * g,
            false => *mean,
        });
    }
    let length = norm(&update);
    let mut x: Vec<_> = update.iter().map(|value| value / length).collect();
    for _ in 0..5 {
        // X Xᵀ X and X Xᵀ X Xᵀ X.
        let cubic = times_gram(&x, &x, [rows, columns]);
        let quintic = times_gram(&cubic, &x, [rows, columns]);
        for (i, x) in x.iter_mut().enumerate() {
            *x = 3.4445 * *x - 4.775 * cubic[i] + 2.0315 * quintic[i];
        }
    }
    let [outputs, inputs] = match parameter.outputs_first {
        true => [rows as f64, columns as f64],
        false => [columns as f64, rows as f64],
    };
    let ratio = match arguments.word("adjust_lr_fn") {
        "original" => (outputs / inputs).max(1.0).sqrt(),
        _ => 0.2 * outputs.max(inputs).sqrt(),
    };
    for (value, x) in parameter.values.iter_mut().zip(x) {
        *value -= RATE * (ratio * x + decay * *value);
    }
}

/// Y Xᵀ X of `y` and `x`, both `[rows, columns]`.
fn times_gram(y: &[f64], x: &[f64], [rows, columns]: [usize; 2]) -> Vec<f64> {
    let gram = |i: usize, j: usize| {
        (0..rows).map(|row| x[row * columns + i] * x[row * columns + j]).sum::<f64>()
    };
    let cell = |place: usize| {
        let (row, column) = (place / columns, place % columns);
        (0..columns).map(|i| y[row * columns + i] * gram(i, column)).sum()
    };
    (0..rows * columns).map(cell).collect()
}

/// Each rule and the arguments that it is tested with.
const RULES: [(&str, InDouble, &[&str]); 5] = [
    (
        "AdamW",
        adamw,
        &["{}", r#"{"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "weight_decay": 0.2}"#],
    ),
    (
        "Adan",
        adan,
        &["{}", r#"{"beta_1": 0.9, "beta_2": 0.8, "beta_3": 0.95, "weight_decay": 0.2}"#],
    ),
    ("Lamb", lamb, &["{}", r#"{"beta_1": 0.8, "beta_2": 0.95, "weight_decay": 0.2}"#]),
    ("Lion", lion, &["{}", r#"{"beta_1": 0.8, "beta_2": 0.95, "weight_decay": 0.2}"#]),
    (
        "Muon",
        muon,
        &[
            "{}",
            r#"{"adjust_lr_fn": "original", "weight_decay": 0.0}"#,
            r#"{"momentum": 0.9, "nesterov": false}"#,
        ],
    ),
];

#[test]
fn as_their_rules() {
    for (name, rule, cases) in RULES {
        for case in cases {
            let arguments = arguments(name, case);
            let ours = train(name, &arguments);
            let kernel = [SHAPES.2[0], SHAPES.2[1..].iter().product()];
            let mut theirs = [
                Double::new(None, SHAPES.0[0]),
                Double {
                    outputs_first: false,
                    ..Double::new(Some(SHAPES.1), SHAPES.1.iter().product())
                },
                Double::new(Some(kernel), kernel.iter().product()),
            ];
            for (step, ours) in ours.iter().enumerate() {
                for (parameter, ours) in theirs.iter_mut().zip(ours) {
                    let gradient: Vec<_> = (0..ours.len()).map(|i| gradient(step, i)).collect();
                    rule(&arguments, step + 1, parameter, &gradient);
                    let theirs: Vec<_> = parameter.values.iter().map(|v| *v as f32).collect();
                    let what = format!("{name} {case}, step {}", step + 1);
                    assert_close(&what, ours, &theirs, 1e-5, 1e-6);
                }
            }
        }
    }
    for entry in OPTIMIZERS.iter().filter(|entry| !entry.tensorflow) {
        assert!(RULES.iter().any(|(name, ..)| *name == entry.name), "{} is not tested", entry.name);
    }
}

/// What PyTorch printed of one parameter.
struct Printed {
    optimizer: &'static str,
    arguments: &'static str,
    /// 0 the vector, 1 the matrix.
    parameter: usize,
    /// After one, two and ten steps.
    steps: [&'static [f64]; 3],
    tolerance: f32,
}

/// PyTorch 2.15.0, `torch.optim`, float64, the numbers and gradients above. Its Muon rounds to
/// bfloat16, 8 bits, within each of ten steps of up to 0.01 · √1.5.
#[test]
fn as_pytorch() {
    let all = [
        Printed {
            optimizer: "AdamW",
            arguments: "{}",
            parameter: 0,
            steps: [
                &[0.9899, 0.257472079, -0.846803065, -0.715859712],
                &[0.984587032, 0.261517192, -0.843467491, -0.721669936],
                &[0.976368202, 0.260411354, -0.835092263, -0.722167264],
            ],
            tolerance: 1e-6,
        },
        Printed {
            optimizer: "AdamW",
            arguments: r#"{"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3, "weight_decay": 0.2}"#,
            parameter: 0,
            steps: [
                &[0.98801187, 0.256987175, -0.845185473, -0.714535036],
                &[0.981256141, 0.261045591, -0.840766528, -0.719396361],
                &[0.96059748, 0.256198187, -0.821956353, -0.708603251],
            ],
            tolerance: 1e-6,
        },
        Printed {
            optimizer: "Muon",
            arguments: "{}",
            parameter: 1,
            steps: [
                &[0.997924234, 0.265282773, -0.854543383, -0.72490191, 0.466221382, 0.976964203],
                &[0.995234854, 0.266451844, -0.853652051, -0.72571285, 0.467365427, 0.977502783],
                &[0.984896413, 0.261492352, -0.845058209, -0.720129423, 0.462611671, 0.972919097],
            ],
            tolerance: 5e-4,
        },
        Printed {
            optimizer: "Muon",
            arguments: r#"{"adjust_lr_fn": "original"}"#,
            parameter: 1,
            steps: [
                &[0.995196593, 0.26034214, -0.850769289, -0.724129936, 0.461589539, 0.980395198],
                &[0.988221197, 0.265153007, -0.84978845, -0.728835827, 0.4668211, 0.984773061],
                &[0.9718423, 0.25301481, -0.836690659, -0.723739674, 0.459465428, 0.988267998],
            ],
            tolerance: 5e-4,
        },
    ];
    for printed in all {
        let arguments = arguments(printed.optimizer, printed.arguments);
        let ours = train(printed.optimizer, &arguments);
        for (step, theirs) in [1, 2, 10].into_iter().zip(printed.steps) {
            let what = format!("{} {}, step {step}", printed.optimizer, printed.arguments);
            let mut theirs = theirs.to_vec();
            if printed.arguments.contains("original") {
                as_its_transpose(&mut theirs, step, arguments.number("weight_decay"));
            }
            let theirs: Vec<_> = theirs.iter().map(|value| *value as f32).collect();
            let ours = &ours[step - 1][printed.parameter];
            assert_close(&what, ours, &theirs, 0.0, printed.tolerance);
        }
    }
}

/// What PyTorch's Muon would have made of the transpose. It printed the numbers for a layer of 3 outputs
/// and 2 inputs, whose ratio is √(3 / 2); the matrix is that of 3 inputs and 2 outputs here, whose ratio is
/// 1. The gradients do not depend on the parameters, so all but the decay is in proportion to the ratio.
fn as_its_transpose(values: &mut [f64], step: usize, weight_decay: f64) {
    let decay = (1.0 - RATE * weight_decay).powi(step as i32);
    for (i, value) in values.iter_mut().enumerate() {
        let decayed = decay * initial(i);
        *value = decayed + (*value - decayed) / 1.5_f64.sqrt();
    }
}

/// The step of a layer's weights has the root mean square that Jordan et al. 2024 and PyTorch give it,
/// √max(1, out / in), whatever the layer: only where a layer has more outputs than inputs it is longer.
#[test]
fn muons_original_ratio_by_layer() {
    let device = Device::flex().autodiff();
    let arguments = arguments("Muon", r#"{"adjust_lr_fn": "original", "weight_decay": 0}"#);
    for (inputs, outputs) in [(1024, 10), (10, 1024), (64, 64), (3, 300)] {
        let norm = |shape: [usize; 2]| {
            let values = (0..inputs * outputs).map(|i| gradient(0, i) as f32).collect();
            let tensor = Tensor::<2>::from_data(TensorData::new(values, shape), &device);
            let layer = Fully { weight: Param::from_tensor(Tensor::zeros(shape, &device)) };
            let mut gradients = GradientsParams::new();
            gradients.register(layer.weight.id, tensor.inner());
            let mut optimizer = (optim::find("Muon").unwrap().build)(&arguments);
            let stepped = optimizer.step(1.0, layer, gradients).weight.val();
            stepped.square().sum().sqrt().into_scalar::<f32>()
        };
        // The singular values are near 1, or one of them is nearly all there is.
        let length = norm([inputs, outputs]);
        let mirrored = norm([outputs, inputs]);
        let ratio =
            |outputs: usize, inputs: usize| (outputs as f32 / inputs as f32).max(1.0).sqrt();
        let expected = ratio(outputs, inputs) / ratio(inputs, outputs);
        assert!((length / mirrored / expected - 1.0).abs() < 0.35, "{inputs} to {outputs}");
    }
}

/// The weights `[in, out]` of a fully connected layer.
#[derive(Module, Debug)]
struct Fully {
    weight: Param<Tensor<2>>,
}

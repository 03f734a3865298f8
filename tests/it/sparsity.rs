//! `--sparsity` of autoencoders: PyTorch's numbers (`tests/golden/sparsity.py`), every autoencoder of the registry, runs
//! that are a function of their configuration, and what is refused.

use std::fs;

use burn::tensor::{Device, Tensor, TensorData};
use dytb::data::{Batch, DataLoader};
use dytb::models::MODELS;
use dytb::nn::{Kind, Objective, Sparsity};
use dytb::train::{AnyModel, StepConfig, StepOutput, loss_and_gradients};
use dytb::{Examples, Initializer};

use crate::common::command::{Bench, scalars};
use crate::common::golden::{assert_close, flat, golden};
use crate::common::interrupted::{assert_interruptions_change_nothing, folder_of};

const SHAPE: [usize; 3] = [1, 28, 28];
const EXAMPLES: usize = 40;

/// Value and gradient of a case, of a code of `D` dimensions.
fn case<const D: usize>(case: &serde_json::Value) -> (f32, Vec<f32>) {
    let device = Device::flex().autodiff();
    let shape: Vec<usize> = serde_json::from_value(case["shape"].clone()).unwrap();
    let code = TensorData::new(flat(&case["code"]), shape);
    let code = Tensor::<D>::from_data(code, &device).require_grad();
    let sparsity: Sparsity = case["sparsity"].as_str().unwrap().parse().unwrap();
    let bounds = serde_json::from_value(case["bounds"].clone()).unwrap();
    let values = case["values"].as_u64().unwrap() as usize;
    let penalty = sparsity.penalty(code.clone(), bounds, values).unwrap();
    let gradient = code.grad(&penalty.backward()).unwrap().into_data();
    (penalty.into_scalar(), gradient.try_to_vec().unwrap())
}

#[test]
fn penalties_and_their_gradients_are_pytorchs() {
    let golden = golden("sparsity.json");
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for of in cases {
        let (value, ours) = match of["shape"].as_array().unwrap().len() {
            2 => case::<2>(of),
            _ => case::<4>(of),
        };
        let name = of["sparsity"].as_str().unwrap();
        assert_close(name, &[value], &[flat(&of["penalty"])[0]], 1e-5, 1e-7);
        let theirs = flat(&of["gradient"]);
        let largest = theirs.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        assert_close(name, &ours, &theirs, 1e-4, 1e-5 * largest);
    }
}

/// A step of the model in a `row` of the table with this `sparsity`, on so many `threads`: what is told of it, and its
/// gradients. `None` where the loss has none.
fn step(row: usize, sparsity: Option<Sparsity>, threads: usize) -> (f32, Vec<f32>) {
    let device = Device::flex().autodiff();
    let mut init = Initializer::new(1, &device);
    let mut model = AnyModel::new(MODELS[row].1, SHAPE, 10, &mut init).unwrap();
    model.set_objective(Objective { sparsity, ..Objective::default() });
    let pixels = (0..EXAMPLES * SHAPE.iter().product::<usize>())
        .map(|i| ((i as u32).wrapping_mul(0x9e37_79b9).rotate_left(15) >> 24) as u8)
        .collect();
    let examples = Examples::new(SHAPE, pixels, vec![0; EXAMPLES]).unwrap();
    let loader = DataLoader::new(examples, &device);
    let all: Vec<_> = (0..EXAMPLES).collect();
    let config = StepConfig { l2_penalty: 0.1, seed: 3 };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let work = || loss_and_gradients(&model, &loader, Batch::plain(&all), config);
    let StepOutput { output, gradients } = pool.install(work);
    let gradients = model.network().flatten(gradients, &[], Vec::new());
    (output.loss.into_scalar::<f32>(), gradients)
}

/// Those that say what their code is are trained for it, on any number of threads alike; what is told stays the error.
/// Of the others nothing changes.
#[test]
fn every_autoencoder_that_takes_it() {
    let rows =
        MODELS.iter().enumerate().filter(|(_, (_, model))| model.kind() == Kind::Autoencoder);
    let mut trained = Vec::new();
    for (row, (name, _)) in rows {
        for (text, without) in [("l1:0.01", None), ("kl:0.05", Some("kl:0.05,1e-30"))] {
            let sparsity = Some(text.parse().unwrap());
            // One without weight: a batch that is not cut is added up in another order, and draws other numbers.
            let (told, plain) = step(row, without.map(|text| text.parse().unwrap()), 2);
            let (with, gradients) = step(row, sparsity, 1);
            assert_close(&format!("{name} {text}"), &[with], &[told], 1e-4, 0.0);
            assert!(gradients.iter().all(|value| value.is_finite()), "{name} {text}");
            if gradients != plain {
                trained.push((*name, text));
                assert!(step(row, sparsity, 3).1 == gradients, "{name} {text}");
            }
        }
    }
    for expected in
        [("SingleLayerCAE", "kl:0.05"), ("StackedCAE", "kl:0.05"), ("ConvAE", "l1:0.01")]
    {
        assert!(trained.contains(&expected), "{trained:?}");
    }
    assert!(!trained.contains(&("ConvAE", "kl:0.05")), "{trained:?}");
}

/// The mean of the whole batch is not that of its microbatches: 1 and 0 in turn have the mean activity 0.5, and none of
/// them has.
#[test]
fn a_batch_is_one_mean() {
    let row = MODELS.iter().position(|(name, _)| *name == "SingleLayerCAE").unwrap();
    let device = Device::flex().autodiff();
    let gradients_of = |sparsity: &str, order: &[usize]| {
        let mut init = Initializer::new(1, &device);
        let mut model = AnyModel::new(MODELS[row].1, [1, 4, 4], 10, &mut init).unwrap();
        let sparsity = Some(sparsity.parse().unwrap());
        model.set_objective(Objective { sparsity, ..Objective::default() });
        let pixels = (0..64 * 16).map(|at| if at / 16 < 32 { 0 } else { 255 }).collect();
        let examples = Examples::new([1, 4, 4], pixels, vec![0; 64]).unwrap();
        let loader = DataLoader::new(examples, &device);
        let config = StepConfig { l2_penalty: 0.0, seed: 3 };
        let step = loss_and_gradients(&model, &loader, Batch::plain(order), config);
        model.network().flatten(step.gradients, &[], Vec::new())
    };
    let sorted: Vec<_> = (0..64).collect();
    let mixed: Vec<_> = (0..32).flat_map(|at| [at, at + 32]).collect();
    // So heavy that nothing else counts.
    let [sorted, mixed] = [sorted, mixed].map(|order| gradients_of("kl:0.5,1e4", &order));
    let largest = mixed.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    assert!(largest > 0.1, "{largest}");
    assert_close("order", &sorted, &mixed, 1e-3, 1e-3 * largest);
}

const RUN: &str =
    "--dataset Digits --seed 3 --batch_size 100 --images_every 0 --optimizer Adam --lr 1e-3";

/// 2N epochs are N, and N more; on any number of threads.
#[test]
fn threads_and_interruptions_change_nothing() {
    for flags in ["--model SingleLayerCAE --sparsity kl:0.1", "--model ConvAE --sparsity l1:0.01"] {
        assert_interruptions_change_nothing(&format!("{RUN} {flags}"));
    }
}

/// Each makes another run, of a name of its own, and does what it says: its penalty is smaller after some epochs, in the
/// history and in TensorBoard. A value that says nothing is the run without it.
#[test]
fn each_kind_does_what_it_says() {
    let bench = Bench::new();
    let plain = format!("{RUN} --model SingleLayerCAE --epochs 8").replace("1e-3", "1e-2");
    let folder = folder_of(&bench, "2", &plain);
    for flags in ["--sparsity none", "--sparsity 0", "--sparsity l1:0 --noise none"] {
        assert_eq!(folder_of(&bench, "2", &format!("{plain} {flags}")), folder, "{flags}");
    }
    for (sparsity, name) in [("l1:1", "l1-1"), ("kl:0.05", "kl-0.05"), ("kl:0.1,0.5", "kl-0.1,0.5")]
    {
        let other = folder_of(&bench, "2", &format!("{plain} --sparsity {sparsity}"));
        assert!(other.ends_with(&format!("_sparsity={name}")), "{other}");
        let history = fs::read_to_string(bench.path(&other).join("history.csv")).unwrap();
        let mut lines = history.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let head = lines.next().unwrap();
        let column = |name: &str| head.iter().position(|other| *other == name).expect(name);
        let at = column("validation_sparsity");
        let values: Vec<f64> = lines.map(|line| line[at].parse().unwrap()).collect();
        assert!(values.len() == 8 && values[7] < 0.9 * values[0], "{sparsity}: {values:?}");
        let written = scalars(&bench.path(&other).join("validation"));
        let curve = written.into_iter().filter(|(_, tag, _)| tag == "sparsity");
        let curve: Vec<_> = curve.map(|(_, _, value)| value).collect();
        assert_eq!(curve, values.iter().map(|value| *value as f32).collect::<Vec<_>>());
        // The run of its file, and the flag over it.
        let again = format!("--config {other}/config.json");
        assert_eq!(folder_of(&bench, "2", &again), other);
        assert_eq!(folder_of(&bench, "2", &format!("{again} --sparsity none")), folder);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bench = Bench::new();
    for (model, sparsity, needles) in [
        ("SingleLayerCAE", "l2:1", vec!["there are: l1:1e-4, kl:0.05"]),
        ("SingleLayerCAE", "kl:1.5", vec!["between 0 and 1"]),
        ("LeNet", "l1:0.1", vec!["`--sparsity l1:0.1` with `--model LeNet`"]),
        (
            "ConvAE",
            "kl:0.05",
            vec!["its code has no bounds", "SingleLayerCAE, StackedCAE", "l1:1e-4"],
        ),
        (
            "VAE",
            "l1:0.1",
            vec!["`--sparsity l1:0.1` with `--model VAE`", "ConvAE", "`context.code`"],
        ),
    ] {
        let line =
            format!("train --model {model} --dataset Digits --epochs 1 --sparsity {sparsity}");
        let done = bench.dytb(&line).ended(2);
        for needle in needles {
            assert!(done.stderr.contains(needle), "{line}: {}", done.stderr);
        }
    }
    assert!(!bench.path("log").exists(), "a folder was left");
}

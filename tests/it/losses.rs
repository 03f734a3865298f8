//! `--loss` and `--noise` of autoencoders: PyTorch's numbers (`tests/golden/losses.py`), every autoencoder of the
//! registry, runs that are a function of their configuration, and what is refused.

use std::fs;

use burn::tensor::{Device, Tensor, TensorData};
use dytb::data::{Batch, DataLoader};
use dytb::models::MODELS;
use dytb::nn::{Kind, Noise, Objective, ReconstructionLoss};
use dytb::run::latest;
use dytb::train::{AnyModel, StepConfig, loss_and_gradients};
use dytb::{Examples, Initializer};

use crate::common::command::Bench;
use crate::common::golden::{assert_close, flat, golden};
use crate::common::interrupted::{assert_interruptions_change_nothing, folder_of};

const LOSSES: [&str; 5] = ["mse", "l1", "bce", "ssim", "mse+ssim"];
const NOISES: [&str; 4] = ["gaussian:0.2", "mask:0.3", "salt_pepper:0.1", "uniform:0.5"];

#[test]
fn losses_and_their_gradients_are_pytorchs() {
    let device = Device::flex().autodiff();
    let golden = golden("losses.json");
    for case in golden["cases"].as_array().unwrap() {
        let name = case["loss"].as_str().unwrap();
        let shape: Vec<usize> = serde_json::from_value(case["shape"].clone()).unwrap();
        let tensor = |field: &str| {
            let data = TensorData::new(flat(&case[field]), shape.clone());
            Tensor::<4>::from_data(data, &device)
        };
        let (images, made) = (tensor("images"), tensor("made").require_grad());
        let error = (made.clone() - images.clone()).square().mean() / 2.0;
        let loss: ReconstructionLoss = name.parse().unwrap();
        let loss = loss.of(made.clone(), images, error);
        let gradient = made.grad(&loss.backward()).unwrap().into_data();
        let (value, expected) = (loss.into_scalar::<f32>(), flat(&case["value"])[0]);
        assert_close(name, &[value], &[expected], 1e-5, 1e-5);
        let theirs = flat(&case["gradient"]);
        let largest = theirs.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let ours = gradient.try_to_vec::<f32>().unwrap();
        assert_close(name, &ours, &theirs, 1e-4, 1e-4 * largest);
    }
}

/// The loss that is told of a step of the model in a `row` of the table, trained for `objective`, and its gradients.
fn step(row: usize, shape: [usize; 3], objective: Objective) -> (f32, Vec<f32>) {
    let device = Device::flex().autodiff();
    let mut init = Initializer::new(1, &device);
    let mut model = AnyModel::new(MODELS[row].1, shape, 10, &mut init).unwrap();
    model.set_objective(objective);
    let examples = 20;
    let pixels = (0..examples * shape.iter().product::<usize>())
        .map(|i| ((i as u32).wrapping_mul(0x9e37_79b9).rotate_left(15) >> 24) as u8)
        .collect();
    let labels = vec![0; examples];
    let loader = DataLoader::new(Examples::new(shape, pixels, labels).unwrap(), &device);
    let all: Vec<_> = (0..examples).collect();
    let config = StepConfig { l2_penalty: 0.1, seed: 3 };
    let step = loss_and_gradients(&model, &loader, Batch::plain(&all), config);
    let gradients = model.network().flatten(step.gradients, &[], Vec::new());
    (step.output.loss.into_scalar::<f32>(), gradients)
}

/// Each changes what is trained; what is told stays the error, in the units of the default loss.
#[test]
fn every_autoencoder_is_trained_for_them() {
    let shape = [1, 28, 28];
    let rows =
        MODELS.iter().enumerate().filter(|(_, (_, model))| model.kind() == Kind::Autoencoder);
    for (row, (name, _)) in rows {
        let (told, plain) = step(row, shape, Objective::default());
        for loss in LOSSES.into_iter().skip(1) {
            let objective = Objective { loss: loss.parse().unwrap(), ..Objective::default() };
            let (with_loss, gradients) = step(row, shape, objective);
            assert_close(&format!("{name} {loss}"), &[with_loss], &[told], 1e-4, 0.0);
            assert!(gradients.iter().all(|value| value.is_finite()), "{name} {loss}");
            assert_ne!(gradients, plain, "{name} {loss}");
        }
        for noise in NOISES {
            let noise = Some(noise.parse::<Noise>().unwrap());
            let (_, gradients) = step(row, shape, Objective { noise, ..Objective::default() });
            assert!(gradients.iter().all(|value| value.is_finite()), "{name} {noise:?}");
            // What it does by itself is its own noise.
            let is_its_own = *name == "StackedDenoisingCAE" && noise == Some(Noise::uniform(0.5));
            assert_eq!(gradients == plain, is_its_own, "{name} {noise:?}");
        }
    }
}

const RUN: &str = "--model ConvAE --dataset Digits --seed 3 --batch_size 100 --images_every 0 --optimizer Adam --lr 1e-3";

/// 2N epochs are N, and N more; on any number of threads.
#[test]
fn threads_and_interruptions_change_nothing() {
    for flags in ["--loss mse+ssim --noise gaussian:0.2", "--loss bce --noise salt_pepper:0.1"] {
        assert_interruptions_change_nothing(&format!("{RUN} {flags}"));
    }
}

/// The parameters of the newest checkpoint of a run.
fn parameters(bench: &Bench, folder: &str) -> Vec<u8> {
    latest(&bench.path(folder).join("checkpoints")).unwrap().unwrap().1.model
}

/// Each makes another run, of a name of its own; a value that says nothing is the run without it. The history has the
/// validation's loss beside its error.
#[test]
fn each_flag_does_what_it_says() {
    let bench = Bench::new();
    let plain = format!("{RUN} --epochs 1");
    let folder = folder_of(&bench, "2", &plain);
    let without = parameters(&bench, &folder);
    for flags in ["--loss mse", "--noise none", "--noise mask:0 --loss MSE", "--noise 0"] {
        assert_eq!(folder_of(&bench, "2", &format!("{plain} {flags}")), folder, "{flags}");
    }
    let mut seen = vec![without];
    let mut other_of = |flags: String, name: String| {
        let other = folder_of(&bench, "2", &format!("{plain} {flags}"));
        assert!(other.ends_with(&name), "{other}");
        let found = parameters(&bench, &other);
        assert!(!seen.contains(&found), "{flags}");
        seen.push(found);
        other
    };
    for loss in LOSSES.into_iter().skip(1) {
        let other = other_of(format!("--loss {loss}"), format!("_loss={loss}"));
        let history = fs::read_to_string(bench.path(&other).join("history.csv")).unwrap();
        let header = history.lines().next().unwrap();
        assert!(
            header.contains("validation_error") && header.contains("validation_loss"),
            "{header}"
        );
    }
    for noise in NOISES {
        other_of(format!("--noise {noise}"), format!("_noise={}", noise.replace(':', "-")));
    }
    // What a file says, and flags over it.
    let other = other_of("--loss l1 --noise mask:0.2".into(), "_loss=l1_noise=mask-0.2".into());
    let again = format!("--config {other}/config.json");
    assert_eq!(folder_of(&bench, "2", &again), other);
    assert_eq!(folder_of(&bench, "2", &format!("{again} --loss mse --noise none")), folder);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bench = Bench::new();
    let autoencoder = "--model SingleLayerCAE --dataset Digits --epochs 1";
    for (flags, needle) in [
        ("--loss huber", "there are: mse, l1, bce, ssim, mse+ssim"),
        ("--noise snow:1", "salt_pepper:0.1"),
        ("--noise gaussian", "gaussian:0.2"),
        ("--noise mask:1.5", "less than 1"),
        ("--noise gaussian:-0.1", "0 or more"),
    ] {
        let done = bench.train(&format!("{autoencoder} {flags}")).ended(2);
        assert!(done.stderr.contains(needle), "{flags}: {}", done.stderr);
    }
    let classifier = "--model LeNet --dataset Digits --epochs 1";
    for (flags, needle) in [
        ("--loss mse", "`--loss mse` with `--model LeNet`"),
        ("--noise mask:0.5", "`--noise mask:0.5` with `--model LeNet`"),
    ] {
        let done = bench.train_classifier(&format!("{classifier} {flags}")).ended(2);
        assert!(done.stderr.contains(needle), "{flags}: {}", done.stderr);
    }
    assert!(bench.is_empty());
}

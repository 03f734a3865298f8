//! `--class_weights`, `--clip_norm`, `--ema`, `--lr_schedule plateau` and `one_cycle`, `--min_lr`, `--min_delta`: PyTorch's
//! numbers (`tests/golden/training.py`), runs that are a function of their configuration, and what is refused.

use std::fs;

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use dytb::nn::{Average, Network};
use dytb::run::{Improvement, Plateau, Schedule, Shape, latest};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::common::command::Bench;
use crate::common::golden::{assert_close, flat, golden};
use crate::common::remains::assert_same;

fn rows(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or_else(|| panic!("{name}: {value}"))
}

#[test]
fn schedules_are_pytorchs() {
    for case in rows(&golden("training.json")["schedules"]) {
        let whole = |name: &str| case[name].as_u64().unwrap();
        let shape = if case["schedule"] == "cosine" { Shape::Cosine } else { Shape::OneCycle };
        let min_lr = number(case, "min_lr");
        let schedule = Schedule { shape, warmup_epochs: whole("warmup"), min_lr };
        let of = (whole("steps_per_epoch"), whole("epochs"));
        let rates = (0..of.0 * of.1).map(|step| schedule.at(0.1, step, of, 0) as f32);
        let name = format!("{shape:?} {of:?}");
        assert_close(&name, &rates.collect::<Vec<_>>(), &flat(&case["rates"]), 1e-6, 0.0);
    }
}

#[test]
fn plateaus_are_pytorchs() {
    let golden = &golden("training.json")["plateaus"];
    for case in rows(&golden["found"]) {
        let (min_delta, min_lr) = (number(case, "min_delta"), number(case, "min_lr"));
        let patience = case["patience"].as_u64().unwrap();
        let plateau = Plateau { patience, factor: number(case, "factor") };
        let schedule = Schedule { shape: Shape::Plateau(plateau), warmup_epochs: 0, min_lr };
        let mut last: Option<Improvement> = None;
        let mut rates = Vec::new();
        for (epoch, value) in (1..).zip(rows(&golden["values"])) {
            let reductions = last.map_or(0, |last| last.reductions);
            rates.push(schedule.at(0.1, epoch, (1, 40), reductions) as f32);
            let value = value.as_f64().unwrap_or(f64::NAN);
            // Of what has to grow the negative has to fall.
            let value = if case["mode"] == "min" { value } else { -(1.0 - value) };
            last = Some(match last {
                Some(last) => last.and_then(value, epoch, min_delta, Some(plateau)),
                None => Improvement::first(value, epoch),
            });
        }
        assert_close(&case.to_string(), &rates, &flat(&case["rates"]), 1e-6, 0.0);
    }
}

#[derive(Module, Debug)]
struct Three {
    a: Param<Tensor<2>>,
    b: Param<Tensor<1>>,
    c: Param<Tensor<4>>,
}

#[test]
fn clipping_is_pytorchs() {
    let device = Device::flex();
    for case in rows(&golden("training.json")["clipping"]) {
        let gradient = |place: usize| {
            let found = &case["gradients"][place];
            let shape: Vec<usize> =
                rows(&found["shape"]).iter().map(|side| side.as_u64().unwrap() as usize).collect();
            TensorData::new(flat(&found["before"]), shape)
        };
        let three = Three {
            a: Param::from_tensor(Tensor::zeros(gradient(0).shape(), &device)),
            b: Param::from_tensor(Tensor::zeros(gradient(1).shape(), &device)),
            c: Param::from_tensor(Tensor::zeros(gradient(2).shape(), &device)),
        };
        let mut gradients = GradientsParams::new();
        gradients.register(three.a.id, Tensor::<2>::from_data(gradient(0), &device));
        gradients.register(three.b.id, Tensor::<1>::from_data(gradient(1), &device));
        gradients.register(three.c.id, Tensor::<4>::from_data(gradient(2), &device));
        let norm = three.clip_norm(&mut gradients, number(case, "most")).unwrap();
        let after = |place: usize| flat(&case["gradients"][place]["after"]);
        let values = |data: TensorData| data.try_to_vec::<f32>().unwrap();
        let ours = [
            values(gradients.get::<2>(three.a.id).unwrap().into_data()),
            values(gradients.get::<1>(three.b.id).unwrap().into_data()),
            values(gradients.get::<4>(three.c.id).unwrap().into_data()),
        ];
        for (place, ours) in ours.iter().enumerate() {
            assert_close("clipped", ours, &after(place), 1e-5, 0.0);
        }
        let norm = norm.into_scalar::<f32>();
        assert_close("norm", &[norm], &[number(case, "norm") as f32], 1e-6, 0.0);
        assert!(three.clip_norm(&mut GradientsParams::new(), 1.0).is_none());
    }
}

#[derive(Module, Debug)]
struct Linear {
    weight: Param<Tensor<1>>,
    bias: Param<Tensor<1>>,
}

#[test]
fn averages_are_pytorchs() {
    let device = Device::flex().autodiff();
    for case in rows(&golden("training.json")["averages"]) {
        let mut average = Average::default();
        for step in rows(&case["steps"]) {
            let tensor = |place: usize| {
                let values = flat(&step["weights"][place]);
                Param::from_tensor(Tensor::<1>::from_floats(&values[..], &device).require_grad())
            };
            let linear = Linear { weight: tensor(0), bias: tensor(1) };
            linear.follow(&mut average, number(case, "decay"));
            // The average alone is what a network of these parameters is saved as.
            let mut saved = linear.clone();
            saved.load_bytes(linear.average_to_bytes(&average).unwrap()).unwrap();
            for (place, ours) in [saved.weight, saved.bias].into_iter().enumerate() {
                let ours = ours.val().into_data().try_to_vec::<f32>().unwrap();
                assert_close("average", &ours, &flat(&step["average"][place]), 1e-6, 1e-7);
            }
        }
    }
}

/// All of it, on small images of classes that are not alike.
const ALL: &str = "--model SingleLayerCAEClassifier --dataset Digits --seed 3 --batch_size 100 --images_every 0 \
                   --class_weights balanced --clip_norm 0.5 --ema 0.9 --min_lr 1e-4 --min_delta 0.02 --patience 30 \
                   --mixup 0.2 --lr_schedule plateau --lr_patience 0 --lr_decay_factor 0.5 \
                   --label_smoothing 0.1 --l2_penalty 1e-4 --optimizer Adam --lr 0.01";

/// 2N epochs are N, and N more; on any number of threads.
#[test]
fn threads_and_interruptions_change_nothing() {
    let plateau = "--lr_schedule plateau --lr_patience 0 --lr_decay_factor 0.5";
    for schedule in [plateau, "--lr_schedule one_cycle"] {
        let line = ALL.replace(plateau, schedule);
        let (through, paused) = (Bench::new(), Bench::new());
        let folder = through.folder_of("1", &format!("{line} --epochs 6"));
        for stop in ["--stop_after 1", "--stop_after 3", "--stop_after 4", ""] {
            assert_eq!(paused.folder_of("3", &format!("{line} --epochs 6 {stop}")), folder);
        }
        assert_same(&through, &paused, &folder);
        if schedule == plateau {
            let history = fs::read_to_string(through.path(&folder).join("history.csv")).unwrap();
            let rates: Vec<_> =
                history.lines().skip(1).map(|row| row.split(',').nth(4).unwrap()).collect();
            assert!(rates[0] == "0.01" && rates[5].parse::<f64>().unwrap() < 0.01, "{rates:?}");
        }
    }
}

/// The parameters of the newest checkpoint below `folder`, as they are used and, where there is an average, as they are
/// trained.
fn parameters(bench: &Bench, folder: &str, below: &str) -> (Vec<f32>, Option<Vec<u8>>) {
    let (_, checkpoint) = latest(&bench.path(folder).join(below)).unwrap().unwrap();
    let line = format!("{folder}/{below} --output {below}.safetensors --force");
    bench.dytb(&format!("export {line}")).ended(0);
    let bytes = fs::read(bench.path(&format!("{below}.safetensors"))).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors = tensors.tensors();
    tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
    let values = tensors.iter().flat_map(|(_, tensor)| {
        tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
    });
    (values.collect(), checkpoint.training)
}

/// What is kept and exported is the average of the weights that a run without it has after each step, of which an epoch
/// has one here.
#[test]
fn an_average_of_the_weights_is_kept() {
    let line = "--model SingleLayerCAEClassifier --dataset Digits --seed 3 --batch_size 5000 --images_every 0 \
                --optimizer Adam --lr 0.01 --epochs 4";
    let (plain, averaged) = (Bench::new(), Bench::new());
    let mut mean: Vec<f32> = Vec::new();
    for stop in ["--stop_after 1", "--stop_after 2", "--stop_after 3", ""] {
        let folder = plain.folder_of("2", &format!("{line} {stop}"));
        let (now, training) = parameters(&plain, &folder, "checkpoints");
        assert!(training.is_none());
        mean = match mean.is_empty() {
            true => now,
            false => mean.iter().zip(now).map(|(mean, now)| mean + 0.25 * (now - mean)).collect(),
        };
    }
    let folder = averaged.folder_of("2", &format!("{line} --ema 0.75"));
    assert!(folder.ends_with("_ema=0.75"), "{folder}");
    let (ours, training) = parameters(&averaged, &folder, "checkpoints");
    assert_close("average", &ours, &mean, 1e-5, 1e-7);
    assert!(training.is_some());
}

/// A classifier of few images of a class and many of another treats both alike with weights, and gradients that are
/// clipped make another run; a value that says nothing is the run without it.
#[test]
fn each_flag_does_what_it_says() {
    let bench = Bench::new();
    let plain =
        "--model SingleLayerCAEClassifier --dataset Digits --seed 3 --epochs 1 --images_every 0";
    let folder = bench.folder_of("2", plain);
    let (without, _) = parameters(&bench, &folder, "checkpoints");
    for flags in ["--class_weights none", "--clip_norm 0", "--ema 0", "--min_lr 0 --min_delta 0"] {
        assert_eq!(bench.folder_of("2", &format!("{plain} {flags}")), folder, "{flags}");
    }
    for (flags, name) in [
        ("--class_weights balanced", "_class_weights=balanced"),
        ("--clip_norm 0.01", "_clip_norm=0.01"),
        ("--ema 0.5", "_ema=0.5"),
        ("--lr_schedule one-cycle", "_one_cycle_lr"),
        ("--lr_schedule cosine --min_lr 1e-4", "_cosine_lr_min_lr=0.0001"),
    ] {
        let other = bench.folder_of("2", &format!("{plain} {flags}"));
        assert!(other.contains(name), "{other}");
        assert_ne!(parameters(&bench, &other, "checkpoints").0, without, "{flags}");
    }
    // What a file says of a plateau belongs to a plateau.
    let plateau = "--lr_schedule plateau --min_delta 0.1 --lr_decay_factor 0.5";
    let other = bench.folder_of("2", &format!("{plain} {plateau}"));
    bench.folder_of(
        "2",
        &format!("--config {other}/config.json --lr_schedule constant --comment c"),
    );
    // A bound that no gradient reaches changes no bit.
    let other = bench.folder_of("2", &format!("{plain} --clip_norm 1e6"));
    assert_eq!(parameters(&bench, &other, "checkpoints").0, without);
}

/// An improvement that is too small is none: the run ends after its patience, with the better model, and says so again.
#[test]
fn a_least_improvement() {
    let bench = Bench::new();
    let line = "--model SingleLayerCAE --dataset Digits --seed 3 --epochs 9 --images_every 0 --optimizer Adam --lr 1e-3 \
                --patience 2 --min_delta 10 --json";
    for _ in 0..2 {
        let done = bench.train(line).ended(0);
        let json = done.json();
        assert_eq!((&json["epochs"], &json["best_epoch"]), (&3.into(), &3.into()), "{json}");
    }
    let results = fs::read_to_string(bench.path("test_results.txt")).unwrap();
    assert_eq!(results.lines().count(), 1);
    // It goes on with a smaller one, and without one.
    let done = bench.train(&line.replace("--min_delta 10", "--min_delta 1e-12")).ended(0);
    assert!(done.json()["epochs"].as_u64() > Some(3));
    let done = bench.train(&line.replace("--min_delta 10", "")).ended(0);
    assert_eq!(done.json()["epochs"], 9);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bench = Bench::new();
    let classifier = "--model LeNet --dataset Digits --epochs 2";
    for (flags, needle) in [
        ("--class_weights even", "there are: balanced, none"),
        ("--clip_norm -1", "the most that the norm may be"),
        ("--clip_norm inf", "the most that the norm may be"),
        ("--ema 1", "less than 1"),
        ("--min_lr 1e-3", "the learning rate's schedule is constant"),
        ("--lr_schedule cosine --min_lr 0.5", "the learning rate is 0.01"),
        ("--lr_patience 3", "nothing waits for a plateau"),
        ("--lr_schedule plateau --lr_decay_epochs 3", "nothing decays"),
        ("--lr_schedule plateau --lr_decay_factor 1", "less than 1"),
        ("--min_delta 0.1", "nothing waits for an improvement"),
        ("--lr_schedule one_cycle --warmup_epochs 2", "the run has 2 epochs"),
    ] {
        let done = bench.train_classifier(&format!("{classifier} {flags}")).ended(2);
        assert!(done.stderr.contains(needle), "{flags}: {}", done.stderr);
    }
    let line = "--model SingleLayerCAE --dataset Digits --epochs 1 --class_weights balanced";
    let done = bench.train(line).ended(2);
    assert!(done.stderr.contains("an autoencoder has no labels"), "{}", done.stderr);
    assert!(bench.is_empty());
}

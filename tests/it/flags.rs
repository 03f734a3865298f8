//! What people type who know other tools, and what they mistype: it is understood, or the error says what
//! to write.

use crate::common::command;
use crate::common::command::Bench;
use crate::common::remains::assert_same;
use dytb::models::MODELS;
use dytb::nn::Kind;
use dytb::optim::OPTIMIZERS;
use serde_json::Value;

const DIGITS: &str =
    "--model SingleLayerCAE --dataset Digits --seed 1 --json --epochs 1 --images_every 0";
const RUN: &str = "log/SingleLayerCAE/Digits";

/// The folder of the run of these flags.
#[track_caller]
fn folder(line: &str) -> String {
    let done = Bench::new().train(&format!("{DIGITS} {line}")).ended(0);
    done.json()["folder"].as_str().unwrap().to_owned()
}

#[test]
fn the_learning_rate_by_itself() {
    for (line, name) in [
        ("--lr 0.02", "Momentum_lr=0.02"),
        ("--learning_rate 1", "Momentum_lr=1"),
        ("--learning-rate 1e-5 --optimizer adam", "Adam_lr=1e-05"),
        ("--lr 1e-3 --optimizer Adam --optimizer_args '{\"beta1\": 0.8}'", "Adam_lr=0.001"),
        ("--lr 0.5 --optimizer_args '{\"learning_rate\": 0.5}'", "Momentum_lr=0.5"),
        // The momentum that the help names.
        ("--optimizer_args '{\"learning_rate\": 0.02}'", "Momentum_lr=0.02"),
        ("--lr 0.1 --optimizer SGD", "GradientDescent_lr=0.1"),
        ("--lr 0.1 --optimizer sgd", "GradientDescent_lr=0.1"),
        ("--lr 0.1 --optimizer Momentum", "Momentum_lr=0.1"),
    ] {
        assert_eq!(folder(line), format!("{RUN}_{name}"), "{line}");
    }
}

/// Every name of a table in lower and in upper case.
#[test]
fn names_in_any_case() {
    let bench = Bench::new();
    for entry in OPTIMIZERS {
        for name in [entry.name.to_lowercase(), entry.short.to_uppercase()] {
            // Refused for what it lacks, or for its batch, not for its name.
            let line = format!("--model singlelayercae --dataset digits --optimizer {name}");
            let done = bench.train(&format!("{line} --optimizer_args '{{\"x\": 1}}'")).ended(2);
            let wanted = format!("{} has no argument `x`", entry.name);
            assert!(done.stderr.contains(&wanted), "{name}: {}", done.stderr);
        }
    }
    assert!(bench.is_empty());
}

/// A model of the other kind names the program that takes it, and the choices here.
#[test]
fn models_of_the_other_kind() {
    let bench = Bench::new();
    for (name, model) in MODELS {
        let line = format!("--model {} --dataset Digits", name.to_lowercase());
        let (done, program) = match model.kind() {
            Kind::Autoencoder => (bench.train_classifier(&line), "train_autoencoder"),
            Kind::Classifier => (bench.train(&line), "train_classifier"),
        };
        let done = done.ended(2);
        assert!(done.stderr.contains(program), "{name}: {}", done.stderr);
        assert!(done.stderr.contains("possible values"), "{name}: {}", done.stderr);
    }
}

#[test]
fn devices() {
    for line in
        ["--device cpu", "--train_device cpu --eval_device /cpu:0", "--device /gpu:0", "--gpu 0"]
    {
        folder(line);
    }
    // Who asks for no device is told of none.
    let done = Bench::new().train(DIGITS).ended(0);
    assert!(!done.stderr.contains("gpu"), "{}", done.stderr);
}

/// The CPU named thrice gives the files of the CPU alone, of layers that draw and of such that leave their gradients to the
/// batch.
#[test]
fn several_devices_train_the_same_run() {
    type Program = fn(&Bench, &str) -> command::Done;
    let programs: [(&str, Program); 2] = [
        ("--model StackedDenoisingCAE", Bench::train),
        ("--model MLP --l2_penalty 1e-4", Bench::train_classifier),
    ];
    for (line, train) in programs {
        let line = format!("{line} --dataset Digits --seed 2 --epochs 2 --batch_size 100 --json");
        let (one, several) = (Bench::new(), Bench::new());
        let alone = train(&one, &format!("{line} --device cpu")).ended(0).json();
        let shared = train(&several, &format!("{line} --train_device cpu,/cpu:0,cpu"));
        let name = shared.ended(0).json()["folder"].as_str().unwrap().to_owned();
        assert_eq!(alone["folder"], name);
        assert_same(&one, &several, &name);
        let config = std::fs::read_to_string(several.path(&name).join("config.json")).unwrap();
        assert!(config.contains("cpu, cpu, cpu"), "{config}");
    }
    let classifier = |line: &str, code: i32| {
        let line = format!("--dataset Digits --epochs 1 {line}");
        Bench::new().train_classifier(&line).ended(code).stderr
    };
    let error = classifier("--model LeNetBN --train_device cpu,cpu", 1);
    assert!(error.contains("LeNetBN cannot be trained by 2 devices"), "{error}");
    let error = classifier("--model LeNet --train_device cpu,cuda:77", 4);
    assert!(error.contains("no device cuda:77"), "{error}");
    let error = classifier("--model LeNet --train_device cpu,tpu", 2);
    assert!(error.contains("/gpu:N"), "{error}");
}

/// One error, which says what to write.
#[test]
fn what_to_write_instead() {
    for (line, needle) in [
        ("--weight_decay 1e-4", "--l2_penalty"),
        ("--weight-decay 1e-4", "--l2_penalty"),
        ("--momentum 0.9", "--optimizer_args"),
        ("--scheduler cosine", "--lr_schedule"),
        ("--resume", "the same command goes on"),
        ("--num_workers 4", "RAYON_NUM_THREADS"),
        ("--cpu", "--device cpu"),
        ("--weights x.pt", "--checkpoint_path"),
        ("--optimizer_args '{\"lr\": 1}'", "a similar one: `learning_rate`"),
        ("--lr 0.1 --optimizer_args '{\"learning_rate\": 0.2, \"momentum\": 0}'", "contradicts"),
        ("--lr -1", "0 or more"),
        ("--lr x", "0 or more"),
        ("--lr_decay_epochs 3", "nothing decays"),
        ("--lr_decay_factor 0.5 --lr_schedule cosine", "schedule is cosine"),
        ("--optimizer_args '{\"learning_rate\": 1, \"learning_rate\": 2}'", "there twice"),
        (
            "--optimizer SGD --optimizer_args '{\"learning_rate\": 1, \"momentum\": 1}'",
            "MomentumOptimizer has it",
        ),
        (
            "--optimizer Adagrad --lr 1 --optimizer_args '{\"initial_accumulator_value\": 0}'",
            "more than 0",
        ),
        ("--epochs 0", "whole number, 1 to 4294967295"),
        ("--epochs x", "whole number, 1 to 4294967295"),
        ("--log_every 0", "whole number, 1 or more"),
        ("--seed x", "whole number, 0 or more"),
        ("--images_every -1", "whole number, 0 or more"),
        ("--warmup_epochs 1.5", "whole number, 0 or more"),
    ] {
        let bench = Bench::new();
        let line = format!("--model SingleLayerCAE --dataset Digits {line}");
        let done = bench.train(&line).ended(2);
        assert!(done.stderr.contains(needle), "{line}: {}", done.stderr);
        assert_eq!(done.stderr.matches("error:").count(), 1, "{line}: {}", done.stderr);
        assert!(bench.is_empty(), "{line}");
    }
}

/// Bytes that are no UTF-8, as file names may be, where a path is taken.
#[cfg(target_os = "linux")]
#[test]
fn paths_that_are_no_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let bench = Bench::new();
    let odd = OsStr::from_bytes(b"l\xf6g");
    let run = |line: &str, flag: &str| {
        let mut command = bench.training(line);
        command.arg(flag).arg(odd);
        command::Done::from(command.output().unwrap())
    };
    std::fs::create_dir(bench.path("").join(odd)).unwrap();
    let done = run(DIGITS, "--log_dir").ended(0);
    assert!(serde_json::from_str::<Value>(&done.stdout).is_ok(), "{}", done.stdout);
    run(&DIGITS.replace("--json", ""), "--data_dir").ended(0);
    // A checkpoint's path is kept in the configuration, which is a text.
    let done = run(DIGITS, "--checkpoint_path").ended(2);
    assert!(done.stderr.contains("UTF-8"), "{}", done.stderr);
    let run = "log/SingleLayerCAE/Digits_Momentum_lr=0.01";
    bench.train(DIGITS).ended(0);
    let dytb = env!("CARGO_BIN_EXE_dytb");
    for line in [
        format!("reconstruct {run} --output"),
        "compare --plot".to_owned(),
        format!("export --checkpoint_path {run} --output"),
    ] {
        let mut command = std::process::Command::new(dytb);
        command.current_dir(bench.path("")).args(line.split(' '));
        let name = [&[0xff, b'a' + line.len() as u8 % 26][..], b".png"].concat();
        command.arg(OsStr::from_bytes(&name)).arg("--json");
        let done = command.output().unwrap();
        // What is exported has no ending of a picture.
        let expected = if line.starts_with("export") { 2 } else { 0 };
        assert_eq!(done.status.code(), Some(expected), "{done:?}");
        assert!(!String::from_utf8_lossy(&done.stderr).contains("panicked"), "{done:?}");
    }
    for name in ["compare", "evaluate"] {
        let mut command = std::process::Command::new(dytb);
        command.current_dir(bench.path("")).args([name, "--json"]);
        let folder = std::path::Path::new(odd).join("SingleLayerCAE/Digits_Momentum_lr=0.01");
        let done = command::Done::from(command.arg(folder).output().unwrap()).ended(0);
        assert!(serde_json::from_str::<Value>(&done.stdout).is_ok(), "{}", done.stdout);
    }
}

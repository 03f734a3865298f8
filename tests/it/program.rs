//! The program `dytb`, and that the four programs of the article are the same commands.

use crate::common::command::{self, Bench};
use dytb::models::MODELS;
use dytb::nn::Kind;

const RUN: &str = "log/SingleLayerCAE/Digits_Momentum_lr=0.01";
const CLASSIFIER_RUN: &str = "log/SingleLayerCAEClassifier/Digits_Momentum_lr=0.01";
const FLAGS: &str = "--dataset Digits --epochs 1 --seed 1 --images_every 0";

/// `dytb train` trains models of both kinds, to the same numbers as the thin programs; `--config` alone says
/// which kind it is.
#[test]
fn the_kind_is_the_models() {
    let (dytb, thin) = (Bench::new(), Bench::new());
    for model in ["SingleLayerCAE", "SingleLayerCAEClassifier"] {
        let flags = format!("--model {model} {FLAGS} --json");
        let ours = dytb.dytb(&format!("train {flags}")).ended(0).json();
        let theirs = match model {
            "SingleLayerCAE" => thin.train(&flags),
            _ => thin.train_classifier(&flags),
        };
        assert_eq!(ours, theirs.ended(0).json());
        let run = if model == "SingleLayerCAE" { RUN } else { CLASSIFIER_RUN };
        let again =
            format!("train --config {run}/config.json --comment again --images_every 0 --json");
        let again = dytb.dytb(&again).ended(0).json();
        assert_eq!(again["best_step"], ours["best_step"]);
        let split = format!("evaluate {run} --split test --json");
        assert_eq!(
            dytb.dytb(&split).ended(0).json(),
            dytb.dytb(&format!("evaluate {run} --test --json")).ended(0).json()
        );
    }
    let done = dytb.dytb(&format!("evaluate {RUN} --per_class")).ended(2);
    assert!(done.stderr.contains("`--per_class` with an autoencoder"), "{}", done.stderr);
    assert!(
        dytb.dytb(&format!("evaluate {CLASSIFIER_RUN} --per_class")).ended(0).stdout.len() > 100
    );
}

/// Every command that takes a trained model takes it by position, and by DTB's flag.
#[test]
fn a_run_is_an_argument() {
    let bench = Bench::new();
    bench.dytb(&format!("train --model SingleLayerCAE {FLAGS}")).ended(0);
    for (command, more) in [
        ("evaluate", ""),
        ("reconstruct", "--output pictures"),
        ("export", "--output a.safetensors --force"),
    ] {
        let by_position = bench.dytb(&format!("{command} {RUN} {more} --json")).ended(0).json();
        for flag in ["--checkpoint_dir", "--checkpoint_path", "--checkpoint-path"] {
            let by_flag = bench.dytb(&format!("{command} {flag} {RUN} {more} --json")).ended(0);
            assert_eq!(by_flag.json(), by_position, "{command} {flag}");
        }
        bench.dytb(&format!("{command} {more}")).ended(2);
    }
    bench.dytb(&format!("export {RUN}")).ended(0);
    assert!(bench.path("SingleLayerCAE.safetensors").exists());
    let done = bench.dytb(&format!("export {RUN}")).ended(1);
    assert!(done.stderr.contains("--force"), "{}", done.stderr);
}

/// `dytb train --help` lists the models of both kinds, a completion script knows all commands, and each command
/// has a man page.
#[test]
fn the_program_tells_what_it_can() {
    let bench = Bench::new();
    let done = bench.dytb("train --model Nothing --dataset Digits").ended(2);
    for (name, model) in MODELS {
        assert!(done.stderr.contains(name), "{name} is not listed");
        assert!(matches!(model.kind(), Kind::Autoencoder | Kind::Classifier));
    }
    let commands = ["train", "evaluate", "compare", "reconstruct", "export"];
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.dytb(&format!("completions {shell}")).ended(0).stdout;
        for word in commands.iter().chain(&["checkpoint_dir"]) {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
    }
    let done: command::Done = bench.dytb("man pages").ended(0);
    assert!(done.stdout.contains("dytb-train.1"), "{}", done.stdout);
    for command in commands {
        let page = std::fs::read_to_string(bench.path(&format!("pages/dytb-{command}.1"))).unwrap();
        assert!(page.starts_with(".ie") && page.contains("SYNOPSIS"), "{page}");
    }
}

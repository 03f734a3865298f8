//! `--config FILE`: a run once more, from what is kept of it.

use std::fs;

use crate::common::command::Bench;
use crate::common::remains::assert_same;
use serde_json::{Value, json};

/// A run with as many flags as there are values in its configuration.
const LINE: &str = "--model SingleLayerCAE --dataset Digits --epochs 2 --batch_size 64 --seed 7 \
                    --optimizer Adam --optimizer_args '{\"learning_rate\": 1e-3, \"beta1\": 0.8}' \
                    --lr_schedule step --lr_decay_epochs 1 --lr_decay_factor 0.3 --warmup_epochs 1 \
                    --l2_penalty 1e-6 --comment whole";
/// Its folder.
const RUN: &str = "log/SingleLayerCAE/Digits_Adam_lr=0.001_exp_lr_warmup=1_l2=1e-06_whole";

/// A bench where it was trained, and its configuration's path.
fn trained() -> (Bench, String) {
    let bench = Bench::new();
    bench.train(LINE).ended(0);
    let config = bench.path(RUN).join("config.json").display().to_string();
    (bench, config)
}

#[test]
fn the_run_once_more_and_nothing_else() {
    let (bench, config) = trained();
    let other = Bench::new();
    other.train(&format!("--config '{config}' --log_dir log")).ended(0);
    assert_same(&bench, &other, RUN);
    // Where it is, it is finished, and so it is from any other folder.
    for bench in [&bench, &Bench::new()] {
        let again = bench.train(&format!("--config '{config}'")).ended(0);
        assert!(again.stderr.contains("this run is finished"), "{}", again.stderr);
        assert!(bench.path("log").exists() == bench.path("test_results.txt").exists());
    }
}

/// It is the run of the file, whatever its folder is called and wherever it is, and no other one of its
/// old name: also where that one's folder has another run.
#[test]
fn a_run_that_was_renamed_or_moved_goes_on() {
    let (bench, _) = trained();
    fs::create_dir(bench.path("kept here")).unwrap();
    for (number, place) in ["log/SingleLayerCAE/renamed", "kept here/moved"].iter().enumerate() {
        let from = if number == 0 { RUN } else { "log/SingleLayerCAE/renamed" };
        fs::rename(bench.path(from), bench.path(place)).unwrap();
        if number == 1 {
            bench.train(LINE).ended(0);
        }
        let epochs = 3 + number;
        let line = format!("--config '{place}/config.json' --epochs {epochs} --json");
        let more = bench.train(&line).ended(0);
        let last = 21 * (epochs - 1);
        assert!(more.stderr.contains(&format!("going on after step {last}")), "{}", more.stderr);
        assert_eq!(
            (more.json()["folder"].as_str(), more.json()["epochs"].as_u64()),
            (Some(*place), Some(epochs as u64))
        );
        assert_eq!(bench.path(RUN).exists(), number == 1);
    }
    // A copy of the file alone describes a run and is none.
    fs::copy(bench.path("kept here/moved/config.json"), bench.path("config.json")).unwrap();
    fs::remove_dir_all(bench.path("log")).unwrap();
    let anew = bench.train("--config config.json --epochs 1 --warmup_epochs 0 --json").ended(0);
    assert_eq!(anew.json()["folder"], RUN.replace("_warmup=1", ""));
}

#[test]
fn flags_count_more() {
    let (bench, config) = trained();
    let more = bench.train(&format!("--config '{config}' --epochs 3 --json")).ended(0);
    assert!(more.stderr.contains("going on after step 42 of 63"), "{}", more.stderr);
    let through = Bench::new();
    through.train(&LINE.replace("--epochs 2", "--epochs 3")).ended(0);
    assert_eq!(more.json()["folder"], RUN);
    assert_eq!(through.lines("test_results.txt").last(), bench.lines("test_results.txt").last());

    let refused = bench.train(&format!("--config '{config}' --batch_size 32 --lr_decay_epochs 2"));
    let refused = refused.ended(1);
    assert!(refused.stderr.contains("batch_size: 64 there, 32 now"), "{}", refused.stderr);
    assert!(refused.stderr.contains(r#"{"epochs":2,"factor":0.3}"#), "{}", refused.stderr);
    let another =
        format!("--config '{config}' --lr_schedule constant --warmup_epochs 0 --epochs 1");
    let name = bench.train(&format!("{another} --comment two --json")).ended(0).json();
    assert_eq!(name["folder"], "log/SingleLayerCAE/Digits_Adam_lr=0.001_l2=1e-06_two");

    // Of the arguments of the same optimizer those that are not given stay.
    let line = format!("{another} --comment three --json");
    let line = format!("{line} --optimizer_args '{{\"learning_rate\": 0.002}}'");
    let folder = bench.train(&line).ended(0).json()["folder"].as_str().unwrap().to_owned();
    assert_eq!(folder, "log/SingleLayerCAE/Digits_Adam_lr=0.002_l2=1e-06_three");
    let kept: Value =
        serde_json::from_slice(&fs::read(bench.path(&folder).join("config.json")).unwrap())
            .unwrap();
    let arguments = &kept["optimizer_args"];
    assert_eq!((&arguments["learning_rate"], &arguments["beta1"]), (&json!(0.002), &json!(0.8)));

    // The arguments of one optimizer are not those of another.
    let refused = bench.train(&format!("--config '{config}' --optimizer Lion")).ended(2);
    assert!(refused.stderr.contains("has no `learning_rate`"), "{}", refused.stderr);
    let momentum = format!("{another} --optimizer MomentumOptimizer --json");
    let name = bench.train(&momentum).ended(0).json();
    assert_eq!(name["folder"], "log/SingleLayerCAE/Digits_Momentum_lr=0.01_l2=1e-06_whole");
}

#[test]
fn a_configuration_from_anywhere_is_checked() {
    let (bench, config) = trained();
    let whole: Value = serde_json::from_slice(&fs::read(config).unwrap()).unwrap();
    let cases = [
        ("model", json!("../../Model"), "there is no `../../Model`"),
        ("model", json!("LeNet"), "LeNet, is no autoencoder"),
        ("dataset", json!("Digit"), "there is no `Digit`"),
        ("dataset", Value::Null, "expected a string"),
        ("optimizer", json!("Sgd"), "there is no optimizer `Sgd`"),
        ("optimizer_args", json!({}), "no number `learning_rate`"),
        ("optimizer_args", json!({"learning_rate": 1, "beta_1": 1}), "no argument `beta_1`"),
        ("batch_size", json!(0), "batch_size is 0"),
        ("epochs", json!(0), "epochs: 1 to"),
        ("epochs", json!(u64::MAX), "epochs: 1 to"),
        ("epochs", json!(1), "the run has 1 epochs"),
        ("l2_penalty", json!(-1), "l2_penalty: 0 or more, not -1"),
        ("image_size", json!([0, 1]), "image_size: 1 to 4096"),
        ("image_size", json!([8, 8]), "stay so"),
        ("comment", json!("../../up"), "folder's name"),
        (
            "lr_schedule",
            json!({"shape": {"step": {"epochs": 0, "factor": 1}}, "warmup_epochs": 0}),
            "decays in 0 epochs",
        ),
        ("trainable_scopes", json!([]), "one or more"),
        ("trainable_scopes", json!(["encode", ""]), "one or more"),
        ("data", json!({"name": "cats", "fingerprint": "0"}), "not the pictures of the run"),
    ];
    for (name, value, needle) in cases {
        let bench = Bench::new();
        let mut config = whole.clone();
        config[name] = value;
        fs::write(bench.path("config.json"), config.to_string()).unwrap();
        let done = bench.train("--config config.json");
        assert!(matches!(done.code, Some(1 | 2)), "{name}: {done:?}");
        assert!(done.stderr.contains(needle), "{name}: {}", done.stderr);
        assert_eq!(done.stderr.matches("error:").count(), 1, "{name}: {}", done.stderr);
        assert!(!bench.path("log").exists(), "{name}");
    }
    for content in ["", "{", "[]", "{}", &"[".repeat(100_000)] {
        let bench = Bench::new();
        fs::write(bench.path("config.json"), content).unwrap();
        let done = bench.train("--config config.json").ended(2);
        assert!(done.stderr.contains("error: `--config config.json`"), "{}", done.stderr);
    }
    let done = bench.train("--config nowhere").ended(2);
    assert!(done.stderr.contains("error: `--config nowhere`"), "{}", done.stderr);
}

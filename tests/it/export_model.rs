//! `export_model`, as a user runs it, and what another program makes of its file.
//!
//! Needs a Python with the packages `numpy` and `safetensors`: the one that the variable
//! `DYTB_PYTHON` names, else `python3`. Where there is none, that test is skipped, with a line on
//! stderr.

use dytb::data::Batch;
use std::fs;
use std::process::{Command, Stdio};

use crate::common::command::Bench;
use crate::common::skip::skipped;
use burn::tensor::Device;
use dytb::data::DataLoader;
use dytb::inputs::INPUTS;
use dytb::models::MODELS;
use dytb::run::latest;
use dytb::train::AnyModel;
use dytb::weights::{Values, Weights};
use dytb::{Initializer, Source, Split};
use safetensors::SafeTensors;
use serde_json::Value;

const RUN: &str = "log/SingleLayerCAE/Digits_Momentum_lr=0.01";
const TRAIN: &str =
    "--model SingleLayerCAE --dataset Digits --seed 1 --epochs 2 --images_every 0 --json";

/// A Python that reads safetensors.
fn python() -> Option<String> {
    let named = std::env::var("DYTB_PYTHON").ok();
    let found = named.into_iter().chain(["python3".to_owned()]).find(|python| {
        let import = Command::new(python)
            .args(["-c", "import numpy, safetensors"])
            .stderr(Stdio::null())
            .status();
        import.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        skipped("export_model: no Python has numpy and safetensors; DYTB_PYTHON can name one");
    }
    found
}

#[test]
fn another_program_reconstructs_the_same() {
    let Some(python) = python() else { return };
    let bench = Bench::new();
    let results = bench.train(TRAIN).ended(0).json();
    bench.export(&format!("--checkpoint_path '{RUN}' --output model.safetensors")).ended(0);

    let device = Device::flex();
    let (_, open) = INPUTS.iter().find(|(name, _)| *name == "Digits").unwrap();
    let digits = open(&Source::default()).unwrap();
    let loader = DataLoader::new(digits.load(Split::Test).unwrap(), &device);
    let images = loader.images(Batch::plain(&(0..20).collect::<Vec<_>>()));
    let mut file = Weights::default();
    let pixels = images.clone().try_into_vec_as().unwrap();
    file.insert("images", Values::new(images.dims().to_vec(), pixels)).unwrap();
    fs::write(bench.path("images.safetensors"), file.to_safetensors(&[]).unwrap()).unwrap();

    let output = Command::new(python)
        .arg("tests/interchange/reconstruct.py")
        .args(["model", "images"].map(|name| bench.path(&format!("{name}.safetensors"))))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();

    let (_, model) = MODELS.iter().find(|(name, _)| *name == "SingleLayerCAE").unwrap();
    let mut model =
        AnyModel::new(*model, [1, 8, 8], 10, &mut Initializer::new(7, &device)).unwrap();
    let best = latest(&bench.path(&format!("{RUN}/best"))).unwrap().unwrap().1;
    model.network_mut().load_bytes(best.model).unwrap();
    let expected: Vec<f32> = model.reconstruct(images).unwrap().try_into_vec_as().unwrap();
    let theirs = found["outputs"].as_array().unwrap();
    assert_eq!(theirs.len(), expected.len());
    for (at, (ours, theirs)) in expected.iter().zip(theirs).enumerate() {
        let theirs = theirs.as_f64().unwrap() as f32;
        assert!((ours - theirs).abs() < 1e-5, "{at}: {ours} here, {theirs} there");
    }
    let metadata = &found["metadata"];
    assert_eq!(metadata["model"], "SingleLayerCAE");
    assert_eq!(metadata["validation_error"], results["validation_error"].to_string());
}

#[test]
fn what_is_in_the_file() {
    let bench = Bench::new();
    let results = bench.train(TRAIN).ended(0).json();
    let line = format!("--checkpoint_path '{RUN}' --output a.safetensors");
    let done = bench.export(&line).ended(0);
    assert_eq!(done.stdout, "SingleLayerCAE: 4 tensors in a.safetensors\n");
    let bytes = fs::read(bench.path("a.safetensors")).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    for (name, expected) in [
        ("model", "SingleLayerCAE".to_owned()),
        ("dataset", "Digits".to_owned()),
        ("shape", "[1, 8, 8]".to_owned()),
        ("classes", "10".to_owned()),
        ("mean", "[0.5]".to_owned()),
        ("std", "[0.5]".to_owned()),
        ("step", results["best_step"].to_string()),
        ("validation_error", results["validation_error"].to_string()),
        ("format", "pt".to_owned()),
    ] {
        assert_eq!(metadata[name], expected, "{name}");
    }

    fs::write(bench.path("a.safetensors"), "mine").unwrap();
    let refused = bench.export(&line).ended(1);
    assert!(refused.stderr.contains("`a.safetensors` is there already"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(fs::read(bench.path("a.safetensors")).unwrap(), b"mine");
    bench.export(&format!("{line} --force")).ended(0);
    let again = Weights::from_safetensors(&fs::read(bench.path("a.safetensors")).unwrap());
    assert_eq!(again.unwrap(), Weights::from_safetensors(&bytes).unwrap());
}

#[test]
fn bad_input() {
    let bench = Bench::new();
    bench.train(&TRAIN.replace("--epochs 2", "--epochs 1")).ended(0);
    for (line, code, needle) in [
        ("--checkpoint_path nowhere --output a", 1, "no checkpoint in `nowhere`"),
        ("--checkpoint_path test_results.txt --output a", 1, "is no checkpoint of this program"),
        ("--output a", 2, "RUN"),
        ("--checkpoint_path nowhere --output a.pt", 2, "name it a.safetensors"),
        ("--checkpoint_path nowhere --output a.pt --format onnx", 2, "name it a.onnx"),
        ("--checkpoint_path nowhere --output a.safetensors --format onnx", 2, "is an ONNX file"),
        ("--checkpoint_path nowhere --output a.onnx --format safetensors", 2, "a safetensors file"),
        ("--checkpoint_path nowhere --output a --uint8", 2, "`--uint8` is for ONNX files"),
        ("--checkpoint_path nowhere --output a.onnx", 1, "no checkpoint in `nowhere`"),
        (&format!("--checkpoint_path '{RUN}' --output nowhere/a"), 1, "cannot write `nowhere/a`"),
        (&format!("--checkpoint_path '{RUN}' --output log --force"), 1, "cannot write `log`"),
    ] {
        let done = bench.export(line).ended(code);
        assert!(done.stderr.contains(needle), "{line}: {}", done.stderr);
        assert!(done.stdout.is_empty() && !bench.path("a").exists(), "{line}");
        assert!(!bench.path("log.partial").exists(), "{line}");
    }
}

/// A file that is named as one of another format would be taken for one.
#[test]
fn endings_of_other_formats() {
    let bench = Bench::new();
    bench.train(&TRAIN.replace("--epochs 2", "--epochs 1")).ended(0);
    let line = |file: &str| format!("--checkpoint_path '{RUN}' --output '{file}'");
    for ending in
        ["pt", "PTH", "bin", "ckpt", "h5", "keras", "tflite", "npz", "pb", "json", "pth.tar"]
    {
        let file = format!("lr=0.01.{ending}");
        let refused = bench.export(&format!("{} --force", line(&file))).ended(2);
        assert!(refused.stderr.contains("is a safetensors file"), "{}", refused.stderr);
        assert!(!bench.path(&file).exists(), "{file}");
    }
    for file in
        ["model.safetensors", "model.SafeTensors", "model", "lr=0.01", "model.v2", ".weights"]
    {
        bench.export(&line(file)).ended(0);
        Weights::from_safetensors(&fs::read(bench.path(file)).unwrap()).unwrap();
    }
}

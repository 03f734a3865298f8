//! Training on top of something trained: `--checkpoint_path`, `--exclude_scopes` and
//! `--trainable_scopes`, as a user runs them.
//!
//! The files of PyTorch in `interchange/` and the losses that it had on them are those of
//! `interchange/write.py`.

use dytb::data::Batch;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::command::{Bench, Done};
use burn::tensor::Device;
use dytb::data::DataLoader;
use dytb::models::MODELS;
use dytb::run::{Checkpoint, latest};
use dytb::train::AnyModel;
use dytb::weights::{Values, Weights};
use dytb::{Examples, ForwardContext, Initializer};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// A run of the autoencoder, and its folder.
const ENCODER: &str =
    "--model SingleLayerCAE --dataset Digits --seed 1 --epochs 2 --images_every 0";
const ENCODER_RUN: &str = "log/SingleLayerCAE/Digits_Momentum_lr=0.01";
/// A run of the classifier on top of it, and its folder.
const TOP: &str =
    "--model SingleLayerCAEClassifier --dataset Digits --seed 1 --json --images_every 0";
const TOP_RUN: &str = "log/SingleLayerCAEClassifier/Digits_Momentum_lr=0.01";

fn interchange(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interchange").join(file)
}

fn last(folder: &Path) -> Checkpoint {
    latest(folder).unwrap().expect("a checkpoint").1
}

fn weights(checkpoint: &Checkpoint) -> Weights {
    Weights::from_pack(checkpoint.model.clone()).unwrap()
}

/// Whether a line of `done`'s stderr is this one.
#[track_caller]
fn assert_says(done: &Done, line: &str) {
    assert!(done.stderr.lines().any(|said| said.trim() == line), "{line}: {}", done.stderr);
}

#[test]
fn a_classifier_on_top_of_a_trained_encoder() {
    let bench = Bench::new();
    bench.train(ENCODER).ended(0);
    let encoder = weights(&last(&bench.path(&format!("{ENCODER_RUN}/best"))));
    let flags = format!("--checkpoint_path '{ENCODER_RUN}' --trainable_scopes softmax_linear");
    let line = format!("{TOP} {flags} --l2_penalty 0.0 --epochs 4");
    let done = bench.train_classifier(&line).ended(0);
    assert_says(&done, &format!("weights of `{ENCODER_RUN}`"));
    assert_says(&done, "loaded: encode.weight, encode.bias");
    assert_says(&done, "missing in the file: softmax_linear.weight, softmax_linear.bias");
    assert_says(&done, "not in the model: decode.bias, decode.weight");
    assert!(done.json()["validation_accuracy"].as_f64().unwrap() > 0.8, "{}", done.stdout);

    let end = last(&bench.path(&format!("{TOP_RUN}/checkpoints")));
    let top = weights(&end);
    for name in ["encode.weight", "encode.bias"] {
        assert_eq!(top.get(name), encoder.get(name), "{name}");
    }
    // Momentum has one slot for each of two trained parameters.
    let slots = burn_pack::Reader::from_bytes(burn_pack::Bytes::from_bytes_vec(end.optimizer));
    assert_eq!(slots.unwrap().tensor_names().len(), 2);

    // Another choice is another run.
    let line = format!("{TOP} --checkpoint_path '{ENCODER_RUN}' --epochs 4");
    let refused = bench.train_classifier(&line).ended(1);
    assert!(refused.stderr.contains("trainable_scopes: [\"softmax_linear\"] there, null now"));

    // So are other weights, and a checkpoint is named as well as its run.
    bench.train(&ENCODER.replace("--epochs 2", "--epochs 4")).ended(0);
    let refused = bench.train_classifier(&format!("{TOP} {flags} --epochs 4")).ended(1);
    assert!(refused.stderr.contains("pretrained: "), "{}", refused.stderr);
    let line = format!(
        "{TOP} --checkpoint_path '{ENCODER_RUN}/checkpoints' --exclude_scopes encode.bias \
         --comment other --epochs 1"
    );
    let done = bench.train_classifier(&line).ended(0);
    assert_says(&done, "loaded: encode.weight");
    assert_says(&done, "excluded: encode.bias");
}

/// Weights of images of another normalisation: told once, with the flag.
#[test]
fn other_pixels_are_told_of() {
    let bench = Bench::new();
    bench.train(ENCODER).ended(0);
    let begin = format!("{TOP} --checkpoint_path '{ENCODER_RUN}' --epochs 1");
    let warned = |flags: &str| {
        let stderr = bench.train_classifier(&format!("{begin} {flags}")).ended(0).stderr;
        let lines = stderr.lines().filter(|line| line.starts_with("warning:"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(warned("--comment same").is_empty());
    let told = warned("--normalize 0.5/0.25 --comment other");
    assert!(told.len() == 1 && told[0].contains("trained with --normalize range"), "{told:?}");
    assert!(told[0].contains("this run has --normalize 0.5/0.25"), "{told:?}");
    // A run that is finished begins with nothing.
    assert!(warned("--normalize 0.5/0.25 --comment other").is_empty());
}

/// The weights are gone by then.
#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    let (through, in_two) = (Bench::new(), Bench::new());
    let line = format!(
        "{TOP} --optimizer Adam --optimizer_args '{{\"learning_rate\": 1e-3}}' --l2_penalty 1e-4 \
         --checkpoint_path encoder.ckpt --trainable_scopes encode.bias,softmax_linear"
    );
    for bench in [&through, &in_two] {
        bench.train(ENCODER).ended(0);
        let (best, _) = latest(&bench.path(&format!("{ENCODER_RUN}/best"))).unwrap().unwrap();
        fs::rename(best, bench.path("encoder.ckpt")).unwrap();
    }
    let expected = through.train_classifier(&format!("{line} --epochs 3")).ended(0).json();
    in_two.train_classifier(&format!("{line} --epochs 1")).ended(0);
    fs::remove_file(in_two.path("encoder.ckpt")).unwrap();
    let resumed = in_two.train_classifier(&format!("{line} --epochs 3")).ended(0);
    assert!(!resumed.stderr.contains("loaded:"), "{}", resumed.stderr);
    assert_eq!(resumed.json(), expected);
    let end = |bench: &Bench| {
        let name = "Digits_Adam_lr=0.001_l2=0.0001/checkpoints";
        last(&bench.path(&format!("log/SingleLayerCAEClassifier/{name}")))
    };
    assert!(end(&through) == end(&in_two), "the checkpoints differ");

    // Anew it needs them.
    let anew = in_two.train_classifier(&format!("{line} --epochs 3 --restart")).ended(1);
    assert!(anew.stderr.contains("encoder.ckpt"), "{}", anew.stderr);
}

/// PyTorch's losses, by its own file, below `model_state_dict`.
#[test]
fn a_file_of_pytorch() {
    let bench = Bench::new();
    let file = interchange("SingleLayerCAEClassifier.pt");
    let line = format!(
        "{TOP} --epochs 1 --optimizer GradientDescent --optimizer_args '{{\"learning_rate\": 0}}' \
         --checkpoint_path '{}'",
        file.display()
    );
    let done = bench.train_classifier(&line).ended(0);
    assert_says(
        &done,
        "loaded: encode.weight, encode.bias, softmax_linear.weight, softmax_linear.bias",
    );
    let folder = bench.path(done.json()["folder"].as_str().unwrap());
    let device = Device::flex();
    let (_, model) = MODELS.iter().find(|(name, _)| *name == "SingleLayerCAEClassifier").unwrap();
    let mut model =
        AnyModel::new(*model, [1, 8, 8], 10, &mut Initializer::new(7, &device)).unwrap();
    model.network_mut().load_bytes(last(&folder.join("best")).model).unwrap();
    let pixels = (0..3 * 64).map(|n| (n * 37 % 256) as u8).collect();
    let loader = DataLoader::new(Examples::new([1, 8, 8], pixels, vec![0, 1, 2]).unwrap(), &device);
    let expected = fs::read(interchange("losses.json")).unwrap();
    let expected: Vec<f32> = serde_json::from_slice(&expected).unwrap();
    for (index, expected) in expected.into_iter().enumerate() {
        let measured =
            model.forward_batch(&loader, Batch::plain(&[index]), &mut ForwardContext::evaluation());
        let loss = measured.loss.into_scalar::<f32>();
        assert!((loss - expected).abs() < 1e-5, "{index}: {loss}, expected {expected}");
    }
    let half = Weights::from_pytorch(&interchange("bfloat16.pt")).unwrap();
    assert_eq!(half.len(), 1);
    assert_eq!(half.get("encode.bias"), Some(&Values::new(vec![32], vec![1.5; 32])));
}

/// Views of a storage in every layout: what PyTorch would print, which `interchange/layouts.py` has
/// written.
#[test]
fn every_layout_of_a_tensor() {
    let weights = Weights::from_pytorch(&interchange("layouts.pt")).unwrap();
    let expected: [(&str, &[usize], &[u8]); 9] = [
        ("contiguous", &[2, 3], &[0, 1, 2, 3, 4, 5]),
        ("fc.weight", &[3, 2], &[6, 7, 8, 9, 10, 11]),
        ("offset", &[2, 2], &[20, 21, 22, 23]),
        (
            "permuted",
            &[4, 2, 3],
            &[0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23],
        ),
        ("repeated", &[2, 3], &[5, 6, 7, 5, 6, 7]),
        ("scalar", &[], &[7]),
        ("strided", &[3], &[1, 3, 5]),
        ("tied", &[2, 3], &[0, 1, 2, 3, 4, 5]),
        ("transposed", &[3, 2], &[0, 3, 1, 4, 2, 5]),
    ];
    for ((name, values), (expected, shape, numbers)) in weights.iter().zip(expected) {
        let numbers = numbers.iter().map(|&number| f32::from(number)).collect();
        assert_eq!((name, values), (expected, &Values::new(shape.to_vec(), numbers)));
    }
    assert_eq!(weights.len(), expected.len());
}

/// What a training script has saved around the model, by whatever name: what is used, what is left
/// aside and what is no weight are told.
#[test]
fn what_a_training_script_saves() {
    let bench = Bench::new();
    let line = format!(
        "{TOP} --epochs 1 --optimizer GradientDescent \
                        --optimizer_args '{{\"learning_rate\": 0}}'"
    );
    for (number, name) in [
        "wrapped.pt",
        "checkpoint.pth.tar",
        "last.ckpt",
        "MODEL.PT",
        "weights",
        "weights.safetensors",
        "pytorch_model.bin",
        "a.zip",
    ]
    .iter()
    .enumerate()
    {
        fs::copy(interchange("wrapped.pt"), bench.path(name)).unwrap();
        let line = format!("{line} --checkpoint_path {name} --comment {number}");
        let done = bench.train_classifier(&line).ended(0);
        assert_says(&done, "loaded: encode.weight, encode.bias");
        assert_says(&done, "taken off the names in the file: model.module._orig_mod.");
        assert_says(&done, "left aside in the file (tensors): ema (2), optimizer (1)");
        let skipped = "`model.module._orig_mod.steps` holds I64";
        assert_says(&done, &format!("not read, as only F32, F64, F16 and BF16 are: {skipped}"));
        let folder = bench.path(done.json()["folder"].as_str().unwrap());
        let trained = weights(&last(&folder.join("best")));
        let values = trained.get("encode.bias").unwrap().values();
        assert_eq!(values, [0.25; 32], "{name}");
    }
}

/// The same in a safetensors file, by whatever name; a batch normalisation without scale and offset is
/// known by its statistics.
#[test]
fn other_safetensors() {
    let bench = Bench::new();
    bench.train_classifier("--model LeNetBN --dataset Digits --epochs 1 --seed 1").ended(0);
    bench.export("--checkpoint_path log/LeNetBN/Digits_Momentum_lr=0.01 --output a").ended(0);
    let bytes = fs::read(bench.path("a")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let names = file.names();
    let norms: Vec<_> = names.iter().filter_map(|name| name.strip_suffix("running_mean")).collect();
    let is_affine = |name: &str| {
        ["weight", "bias"]
            .iter()
            .any(|leaf| norms.iter().any(|norm| format!("{norm}{leaf}") == name))
    };
    assert!(!norms.is_empty());
    let shape = || vec![2];
    let ids = TensorView::new(Dtype::I32, shape(), &[0; 8]).unwrap();
    let flags = TensorView::new(Dtype::BOOL, shape(), &[1; 2]).unwrap();
    let others = [("ids", ids), ("flags", flags)];
    let whole: Vec<_> = file.tensors().into_iter().filter(|(name, _)| !is_affine(name)).collect();
    for (number, prefix) in
        ["", "module.", "_orig_mod.module.", "model.", "anything."].iter().enumerate()
    {
        let renamed = whole.iter().map(|(name, view)| (format!("{prefix}{name}"), view.clone()));
        let others = others.iter().map(|(name, view)| (format!("{prefix}{name}"), view.clone()));
        let file = safetensors::serialize(renamed.chain(others), None).unwrap();
        let name = ["b.safetensors", "b.SAFETENSORS", "b.bin", "b", "b.ckpt"][number];
        fs::write(bench.path(name), file).unwrap();
        let line = format!(
            "--model LeNetBN --dataset Digits --epochs 1 --comment {number} --checkpoint_path {name}"
        );
        let done = bench.train_classifier(&line).ended(0);
        let row = |what: &str| done.stderr.lines().find_map(|line| line.trim().strip_prefix(what));
        let loaded: Vec<_> = row("loaded: ").unwrap().split(", ").collect();
        assert_eq!(loaded.len(), whole.len(), "{}", done.stderr);
        for norm in &norms {
            assert!(loaded.contains(&format!("{norm}moving_mean").as_str()), "{}", done.stderr);
        }
        assert_eq!(row("taken off the names in the file: ").unwrap_or(""), *prefix);
        assert!(row("not in the model: ").is_none(), "{}", done.stderr);
        let skipped = row("not read, as only F32, F64, F16 and BF16 are: ").unwrap();
        assert_eq!(
            skipped,
            format!("`{prefix}flags` holds BOOL, `{prefix}ids` holds I32"),
            "{}",
            done.stderr
        );
    }
}

/// What is no file of weights is said to be what it is, and nobody is told to delete it.
#[test]
fn files_of_other_programs() {
    let bench = Bench::new();
    let png = image::GrayImage::new(3, 3);
    png.save(bench.path("picture.png")).unwrap();
    fs::rename(bench.path("picture.png"), bench.path("picture.ckpt")).unwrap();
    for (name, bytes, what) in [
        ("model.pt.gz", &b"\x1f\x8b\x08\0\0\0\0\0"[..], "gzip"),
        ("model.h5", b"\x89HDF\r\n\x1a\n\0\0\0\0\0", "HDF5"),
        ("model.onnx", b"\x08\x08\x12\x07pytorch\x1a\x032.1", "ONNX"),
        ("pointer.safetensors", b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"),
        ("config.json", b"{\"model\": \"LeNet\"}", "a JSON file"),
        ("empty.pt", b"", "an empty file"),
        ("noise.pth", &[0xfe; 2000], "not known"),
    ] {
        fs::write(bench.path(name), bytes).unwrap();
        let done = bench.train_classifier(&format!("{TOP} --epochs 1 --checkpoint_path {name}"));
        let stderr = done.ended(1).stderr;
        assert!(stderr.contains(&format!("the weights in `{name}`")), "{stderr}");
        assert!(stderr.contains(what) && !stderr.contains("delete"), "{name}: {stderr}");
    }
    let done = bench.train_classifier(&format!("{TOP} --epochs 1 --checkpoint_path picture.ckpt"));
    let stderr = done.ended(1).stderr;
    assert!(stderr.contains("it is a picture") && !stderr.contains("delete"), "{stderr}");
}

/// No panic, no command run, no more memory than the file has; what can be read is read.
#[test]
fn damaged_files_of_pytorch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.pt");
    let bytes = fs::read(interchange("bfloat16.pt")).unwrap();
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Weights::from_pytorch(&path)
    };
    assert!(read(&bytes).is_ok());
    for length in (0..bytes.len()).step_by(13) {
        assert!(read(&bytes[..length]).is_err(), "{length}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x11;
        // Padding and times nobody checks.
        let _ = read(&damaged);
    }
}

/// One clear error, its exit code, and no run.
#[test]
fn bad_input() {
    let bench = Bench::new();
    let weights = |name: &str, shape: [usize; 4]| {
        let mut weights = Weights::default();
        let values = vec![0.5; shape.iter().product()];
        weights.insert(name, Values::new(shape.to_vec(), values)).unwrap();
        weights.to_safetensors(&[]).unwrap()
    };
    fs::write(bench.path("alien.safetensors"), weights("features.0.weight", [2, 1, 3, 3])).unwrap();
    let colour = weights("encode.weight", [32, 3, 3, 3]);
    fs::write(bench.path("colour.safetensors"), &colour).unwrap();
    fs::write(bench.path("cut.safetensors"), &colour[..colour.len() - 1]).unwrap();
    fs::write(bench.path("command.pt"), b"cposix\nsystem\nX\x09\0\0\0touch ran\x85R.").unwrap();
    fs::write(bench.path("text"), "weights").unwrap();
    fs::create_dir(bench.path("folder")).unwrap();
    fs::create_dir(bench.path("folder.pt")).unwrap();
    for file in ["expanded.pt", "integers.pt"] {
        fs::copy(interchange(file), bench.path(file)).unwrap();
    }
    let all = "encode.weight, encode.bias, softmax_linear.weight, softmax_linear.bias";
    for (flags, code, needles) in [
        ("--checkpoint_path nowhere", 1, ["no checkpoint in `nowhere`", "a run's folder"]),
        ("--checkpoint_path nowhere.pt", 1, ["`nowhere.pt`", "No such file"]),
        ("--checkpoint_path nowhere.safetensors", 1, ["`nowhere.safetensors`", "No such file"]),
        ("--checkpoint_path folder", 1, ["no checkpoint in `folder`", "a run's folder"]),
        // Folders and files are known by their content.
        ("--checkpoint_path folder.pt", 1, ["no checkpoint in `folder.pt`", "a run's folder"]),
        ("--checkpoint_path text", 1, ["the weights in `text`", "it is a text file"]),
        ("--checkpoint_path cut.safetensors", 1, ["`cut.safetensors`", "not fully covered"]),
        ("--checkpoint_path command.pt", 1, ["`command.pt`", "dictionary"]),
        ("--checkpoint_path expanded.pt", 1, ["`expanded.pt`", "more than 4 times its size"]),
        ("--checkpoint_path integers.pt", 1, ["`encode.bias` holds I64", "F32, F64, F16 and BF16"]),
        (
            "--checkpoint_path alien.safetensors",
            1,
            [
                "it has: features.0.weight [2, 1, 3, 3]",
                "the model has: encode.weight [32, 1, 3, 3]",
            ],
        ),
        (
            "--checkpoint_path colour.safetensors",
            1,
            ["nothing in `colour.safetensors`", "it has: encode.weight [32, 3, 3, 3]"],
        ),
        ("--checkpoint_path colour.safetensors --exclude_scopes encod", 2, ["scope `encod`", all]),
        ("--exclude_scopes encode", 2, ["--checkpoint_path", "required"]),
        ("--trainable_scopes softmax", 2, ["no parameter of the model is in the scope", all]),
        ("--trainable_scopes encode,decode", 2, ["`decode`", all]),
        ("--trainable_scopes encode,", 2, ["names with commas", "--trainable_scopes"]),
    ] {
        let done = bench.train_classifier(&format!("{TOP} --epochs 1 {flags}")).ended(code);
        for needle in needles {
            assert!(done.stderr.contains(needle), "{flags}: {needle}: {}", done.stderr);
        }
        let errors = done.stderr.lines().filter(|line| line.starts_with("error:"));
        assert_eq!(errors.count(), 1, "{flags}: {}", done.stderr);
        assert!(done.stdout.is_empty() && !bench.path("log").exists(), "{flags}");
    }

    // Beside a tensor, a command is passed over.
    fs::copy(interchange("command.pt"), bench.path("command.pt")).unwrap();
    let line = format!("{TOP} --epochs 1 --checkpoint_path command.pt");
    assert_says(&bench.train_classifier(&line).ended(0), "loaded: encode.bias");
    assert!(!bench.path("ran").exists(), "the command was run");
}

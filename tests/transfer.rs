//! Training on top of something trained: `--checkpoint_path`, `--exclude_scopes` and
//! `--trainable_scopes`, as a user runs them.
//!
//! The files of PyTorch in `interchange/` and the losses that it had on them are those of
//! `interchange/write.py`.

#[path = "common/command.rs"]
mod command;

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use command::{Bench, Done};
use dytb::models::MODELS;
use dytb::run::{Checkpoint, latest};
use dytb::weights::{Values, Weights};
use dytb::{Examples, Feed, Init, Learner, Pass};

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
    let mut learner = Learner::new(*model, [1, 8, 8], 10, &mut Init::new(7, &device)).unwrap();
    learner.network_mut().load_bytes(last(&folder.join("best")).model).unwrap();
    let pixels = (0..3 * 64).map(|n| (n * 37 % 256) as u8).collect();
    let feed = Feed::new(Examples::new([1, 8, 8], pixels, vec![0, 1, 2]).unwrap(), &device);
    let expected = fs::read(interchange("losses.json")).unwrap();
    let expected: Vec<f32> = serde_json::from_slice(&expected).unwrap();
    for (index, expected) in expected.into_iter().enumerate() {
        let measured = learner.measure(&feed, &[index], |_| false, &mut Pass::evaluation());
        let loss = measured.loss.into_scalar::<f32>();
        assert!((loss - expected).abs() < 1e-5, "{index}: {loss}, expected {expected}");
    }
    let half = Weights::from_pytorch(&interchange("bfloat16.pt")).unwrap();
    assert_eq!(half.len(), 1);
    assert_eq!(half.get("encode.bias"), Some(&Values::new(vec![32], vec![1.5; 32])));
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
        ("--checkpoint_path folder.pt", 1, ["`folder.pt`", "directory"]),
        ("--checkpoint_path text", 1, ["`text` is damaged", "failed to read"]),
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

//! `evaluate_autoencoder` and `evaluate_classifier` on what a run's folder says, and on other data: classes
//! are matched by name.

use std::fs;
use std::path::Path;

use crate::common::command::Bench;
use dytb::run::{Checkpoint, RunConfig, latest};
use image::{GrayImage, Luma};
use serde_json::Value;

/// Pictures of 8x8 of each class, of a brightness of its own, enough for every split.
fn pictures(folder: &Path, classes: &[&str]) {
    for class in classes {
        let below = folder.join(class);
        fs::create_dir_all(&below).unwrap();
        for number in 0..40_u8 {
            let brightness = class.bytes().map(u32::from).sum::<u32>() as u8;
            let pixel = |x: u32, y: u32| Luma([brightness.wrapping_add((x * y) as u8 + number)]);
            GrayImage::from_fn(8, 8, pixel).save(below.join(format!("{number}.png"))).unwrap();
        }
    }
}

/// A classifier of the pictures in `data`, with these flags; its folder.
fn trained(bench: &Bench, data: &str, flags: &str) -> String {
    let line = format!(
        "--model SingleLayerCAEClassifier --dataset ImageFolder --data_dir '{data}' --epochs 1 --seed 1 \
         --images_every 0 --json {flags}"
    );
    bench.train_classifier(&line).ended(0).json()["folder"].as_str().unwrap().to_owned()
}

/// Names of the classes with examples, and their numbers of examples.
fn classes(result: &Value) -> Vec<(String, u64)> {
    let rows = result["classes"].as_array().unwrap().iter();
    let rows = rows
        .map(|row| (row["class"].as_str().unwrap().to_owned(), row["examples"].as_u64().unwrap()));
    rows.filter(|(_, examples)| *examples > 0).collect()
}

#[test]
fn classes_are_matched_by_name() {
    let bench = Bench::new();
    pictures(&bench.path("trained on"), &["birds", "cats", "dogs"]);
    pictures(&bench.path("other"), &["cats", "dogs", "eels"]);
    pictures(&bench.path("some"), &["dogs", "cats"]);
    let run = trained(&bench, "trained on", "");
    let evaluate = |flags: &str| bench.evaluate_classifier(&format!("'{run}' --json {flags}"));
    let own = evaluate("").ended(0).json();
    assert_eq!(classes(&own).len(), 3);

    // As many classes, but others.
    let refused = evaluate("--data_dir other").ended(1);
    for needle in
        ["it was trained on: birds, cats, dogs", "ImageFolder has: cats, dogs, eels", "eels"]
    {
        assert!(refused.stderr.contains(needle), "{}", refused.stderr);
    }
    // Those that it knows, which are others by their numbers.
    let known = evaluate("--data_dir other --classes cats,dogs").ended(0).json();
    let fewer = evaluate("--data_dir some").ended(0).json();
    let own_two = evaluate("--classes cats,dogs").ended(0).json();
    for result in [&known, &fewer, &own_two] {
        let names: Vec<_> = classes(result).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["cats", "dogs"]);
        assert_eq!(result["accuracy"], own_two["accuracy"]);
        // A row for each class that the model tells, with examples or without.
        assert_eq!(result["classes"].as_array().unwrap().len(), 3);
    }
    // One class of three, as the help offers.
    let one = evaluate("--classes birds").ended(0).json();
    assert_eq!(classes(&one).len(), 1);
    let refused = evaluate("--data_dir other --classes eels").ended(1);
    assert!(refused.stderr.contains("does not know: eels"), "{}", refused.stderr);
}

#[test]
fn a_model_of_some_classes() {
    let bench = Bench::new();
    pictures(&bench.path("all"), &["a", "b", "c", "d"]);
    let run = trained(&bench, "all", "--classes b,d");
    let evaluate = |flags: &str| bench.evaluate_classifier(&format!("'{run}' --json {flags}"));
    let own = evaluate("").ended(0).json();
    assert_eq!(classes(&own).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["b", "d"]);
    let both = evaluate("--classes d,b").ended(0).json();
    assert_eq!(both, own);
    let refused = evaluate("--classes a,c").ended(1);
    assert!(refused.stderr.contains("it was trained on: b, d"), "{}", refused.stderr);
    assert!(refused.stderr.contains("does not know: a, c"), "{}", refused.stderr);
    assert_eq!(classes(&evaluate("--classes d").ended(0).json()).len(), 1);
}

/// Checkpoints of before their classes were kept: matched by their places in the data set.
#[test]
fn old_checkpoints() {
    let bench = Bench::new();
    pictures(&bench.path("all"), &["a", "b", "c", "d"]);
    for flags in ["", "--classes b,d --comment some"] {
        let run = trained(&bench, "all", flags);
        let new = bench.evaluate_classifier(&format!("'{run}' --json")).ended(0).json();
        let (path, mut checkpoint) = latest(&bench.path(&run).join("best")).unwrap().unwrap();
        checkpoint.state.data = None;
        checkpoint.save(path.parent().unwrap()).unwrap();
        let old = bench.evaluate_classifier(&format!("'{run}' --json")).ended(0).json();
        assert_eq!(old, new, "{flags}");
    }
}

/// The folder alone says the model, the data set and where its files were; what is named has to be so.
#[test]
fn the_folder_alone_is_enough() {
    let bench = Bench::new();
    pictures(&bench.path("pets"), &["a", "b"]);
    let classifier = trained(&bench, "pets", "");
    let line = "--model SingleLayerCAE --dataset ImageFolder --data_dir pets --epochs 1 --json";
    let autoencoder = bench.train(line).ended(0).json();
    let folder = autoencoder["folder"].as_str().unwrap();
    for path in [folder.to_owned(), format!("--checkpoint_dir {folder}/best"), format!("{folder}/")]
    {
        let done = bench.evaluate(&format!("{path} --test --json")).ended(0);
        assert_eq!(done.json()["error"], autoencoder["test_error"], "{path}");
    }
    bench.reconstruct(&format!("--checkpoint_path {folder}")).ended(0);
    // Moved, the data have to be named.
    fs::rename(bench.path("pets"), bench.path("animals")).unwrap();
    let refused = bench.evaluate(folder).ended(4);
    assert!(refused.stderr.contains("--data_dir"), "{}", refused.stderr);
    assert!(refused.stderr.contains("/pets`"), "{}", refused.stderr);
    let config = format!("--config {folder}/config.json --epochs 2");
    let refused = bench.train(&config).ended(4);
    assert!(refused.stderr.contains("/pets`"), "{}", refused.stderr);
    bench.evaluate(&format!("{folder} --data_dir animals")).ended(0);
    // Back again, the run goes on where its data are.
    fs::rename(bench.path("animals"), bench.path("pets")).unwrap();
    bench.train(&config).ended(0);
    // Finished, it says that it has not looked at other data.
    fs::create_dir(bench.path("elsewhere")).unwrap();
    pictures(&bench.path("elsewhere/pets"), &["a", "b"]);
    let finished =
        bench.train(&line.replace("pets", "elsewhere/pets").replace("--epochs 1", "--epochs 2"));
    assert!(finished.ended(0).stderr.contains("elsewhere/pets` were not read"));

    let refused = bench.evaluate(&classifier).ended(1);
    assert!(refused.stderr.contains("evaluate_classifier evaluates it"), "{}", refused.stderr);
    let refused = bench.evaluate_classifier(folder).ended(1);
    assert!(refused.stderr.contains("evaluate_autoencoder evaluates it"), "{}", refused.stderr);
    let refused = bench.evaluate(&format!("{folder} --model StackedCAE")).ended(1);
    assert!(refused.stderr.contains("it is a checkpoint of SingleLayerCAE"), "{}", refused.stderr);
    let refused = bench.evaluate("").ended(2);
    assert!(refused.stderr.contains("<RUN"), "{}", refused.stderr);
}

/// Other data under the same name: a run goes on only with its own.
#[test]
fn a_run_goes_on_with_its_own_data_only() {
    let bench = Bench::new();
    let write = |folder: &str, images: usize, byte: u8| {
        let below = bench.path(folder);
        fs::create_dir_all(&below).unwrap();
        for (name, records) in [("train.bin", images), ("test.bin", 100)] {
            let mut file: Vec<u8> = (0..records * 3074).map(|i| (i * 31 % 251) as u8).collect();
            for (index, record) in file.chunks_exact_mut(3074).enumerate() {
                record[..2].copy_from_slice(&[0, (index % 100) as u8]);
            }
            file[5] = byte;
            fs::write(below.join(name), file).unwrap();
        }
    };
    write("one", 300, 7);
    write("fewer", 200, 7);
    write("a byte", 300, 8);
    let line = |data: &str, epochs: usize| {
        format!(
            "--model SingleLayerCAE --dataset Cifar100 --data_dir '{data}' --offline --seed 1 \
             --images_every 0 --epochs {epochs}"
        )
    };
    bench.train(&line("one", 1)).ended(0);
    for (other, needle) in [
        ("fewer", "training examples: 300 there, 200 now"),
        ("a byte", "sha256 of labels and pixels"),
    ] {
        let refused = bench.train(&line(other, 2)).ended(1);
        assert!(refused.stderr.contains("was trained on other data"), "{}", refused.stderr);
        assert!(refused.stderr.contains(needle), "{other}: {}", refused.stderr);
    }
    // The same data elsewhere are the same.
    write("moved", 300, 7);
    bench.train(&line("moved", 2)).ended(0);
}

/// What a checkpoint says of itself survives, and one without it is read.
#[test]
fn checkpoints_of_before() {
    let bench = Bench::new();
    bench.train("--model SingleLayerCAE --dataset Digits --seed 1 --epochs 1").ended(0);
    let run = bench.path("log/SingleLayerCAE/Digits_Momentum_lr=0.01");
    let (path, checkpoint) = latest(&run.join("checkpoints")).unwrap().unwrap();
    let data = checkpoint.state.data.as_ref().unwrap();
    assert_eq!((data.shape, data.examples, data.class_names.len()), ([1, 8, 8], [1297, 250], 10));
    let config: RunConfig = checkpoint.state.config.clone();
    assert_eq!(config.name(), "Digits_Momentum_lr=0.01");
    let mut old = checkpoint.clone();
    old.state.data = None;
    old.save(&run.join("checkpoints")).unwrap();
    assert!(Checkpoint::load(&path).unwrap().state.data.is_none());
    bench.train("--model SingleLayerCAE --dataset Digits --epochs 2").ended(0);
    let (_, newest) = latest(&run.join("checkpoints")).unwrap().unwrap();
    assert_eq!(newest.state.data, checkpoint.state.data);
}

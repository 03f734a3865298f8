//! `--augment`, `--mixup`, `--cutmix`, `--label_smoothing`, `--normalize`: what a run with them leaves is a function of
//! its configuration, and what makes no sense is refused before anything is made.

use std::fs;

use dytb::data::{Augmentation, Source, Split};
use dytb::registry;
use dytb::run::latest;
use safetensors::SafeTensors;

use crate::common::command::Bench;
use crate::common::remains::assert_same;

/// All of it, on small images.
const ALL: &str = "--model SingleLayerCAEClassifier --dataset Digits --seed 3 --batch_size 100 --images_every 0 \
                   --augment crop:2,flip,rotate:15,shift:1,scale:0.9..1.1,cutout:3,jitter:0.2,erase:0.5,rand:2,9 \
                   --mixup 0.2 --cutmix 1 --label_smoothing 0.1 --normalize standard --lr 0.01";

#[test]
fn threads_and_interruptions_change_nothing() {
    let (through, paused) = (Bench::new(), Bench::new());
    let line = format!("{ALL} --epochs 3");
    let folder = through.folder_of("1", &line);
    for threads in ["2", "3"] {
        let other = Bench::new();
        other.folder_of(threads, &line);
        assert_same(&through, &other, &folder);
    }
    for epochs in 1..=2 {
        let line = format!("{line} --stop_after {epochs}");
        paused.train_classifier(&line).ended(0);
    }
    paused.folder_of("2", &line);
    assert_same(&through, &paused, &folder);
}

/// In the midst of an epoch too, by whatever ends it.
#[cfg(unix)]
#[test]
fn killed_and_resumed_it_ends_the_same() {
    let (through, killed) = (Bench::new(), Bench::new());
    let line = format!("{ALL} --epochs 12");
    let folder = through.folder_of("2", &line);
    for signal in ["TERM", "KILL"] {
        let mut child =
            killed.command(env!("CARGO_BIN_EXE_train_classifier"), &line).spawn().unwrap();
        let checkpoints = killed.path(&folder).join("checkpoints");
        let before = latest(&checkpoints).unwrap().map(|(_, found)| found.state.step);
        let is_later = || latest(&checkpoints).unwrap().map(|(_, found)| found.state.step) > before;
        while !is_later() {
            std::thread::yield_now();
        }
        let pid = child.id().to_string();
        std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        child.wait().unwrap();
    }
    killed.folder_of("2", &line);
    assert_same(&through, &killed, &folder);
}

/// An `--augment flip` is what CIFAR has without being asked, but for the name; so is `none` of other data.
#[test]
fn what_changes_nothing_is_the_run_without_it() {
    let bench = Bench::new();
    let plain =
        "--model SingleLayerCAEClassifier --dataset Digits --seed 1 --epochs 1 --images_every 0";
    let folder = bench.folder_of("1", plain);
    let parameters =
        |folder: &str| latest(&bench.path(folder).join("best")).unwrap().unwrap().1.model;
    for flags in ["--augment none", "--normalize 0.5/0.5"] {
        let other = bench.folder_of("1", &format!("{plain} {flags}"));
        assert_ne!(other, folder);
        assert!(parameters(&other) == parameters(&folder), "{flags}");
    }
    for flags in ["--mixup 0", "--cutmix 0 --label_smoothing 0", "--normalize range"] {
        assert_eq!(bench.folder_of("1", &format!("{plain} {flags}")), folder);
    }
    for flags in [
        "--augment flip",
        "--mixup 1",
        "--cutmix 1",
        "--label_smoothing 0.1",
        "--normalize standard",
    ] {
        let other = bench.folder_of("1", &format!("{plain} {flags}"));
        assert!(parameters(&other) != parameters(&folder), "{flags}");
    }
}

/// Mean and deviation are kept with the run: what is evaluated and exported has them.
#[test]
fn the_numbers_of_a_normalisation_are_kept() {
    let bench = Bench::new();
    let folder = bench.folder_of("1", &format!("{ALL} --epochs 1"));
    let digits = registry::dataset("Digits", &Source::default()).unwrap();
    let train = digits.load(Split::Train).unwrap();
    let pixels: Vec<u8> =
        (0..train.len()).flat_map(|index| train.image(index).unwrap().into_owned()).collect();
    let n = pixels.len() as f64;
    let mean = pixels.iter().map(|&x| f64::from(x) / 255.0).sum::<f64>() / n;
    let squares = pixels.iter().map(|&x| (f64::from(x) / 255.0 - mean).powi(2));
    let std = (squares.sum::<f64>() / n).sqrt();

    let (_, checkpoint) = latest(&bench.path(&folder).join("best")).unwrap().unwrap();
    let kept = checkpoint.state.normalization().unwrap().unwrap();
    assert!((kept.mean[0] - mean).abs() < 1e-12 && (kept.std[0] - std).abs() < 1e-12, "{kept:?}");
    bench.export(&format!("'{folder}' --output a.safetensors")).ended(0);
    let bytes = fs::read(bench.path("a.safetensors")).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    assert_eq!(metadata["mean"], format!("{:?}", kept.mean));
    assert_eq!(metadata["std"], format!("{:?}", kept.std));
    // The test of the training and an evaluation of its own take the same pixels.
    let results = bench.dytb(&format!("evaluate '{folder}' --test --json")).ended(0).json();
    let line = bench.lines("test_results.txt").pop().unwrap();
    let accuracy = results["accuracy"].as_f64().or(results["test_accuracy"].as_f64());
    assert_eq!(line.rsplit(' ').next().unwrap().parse().ok(), accuracy, "{results}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bench = Bench::new();
    let classifier = "--model LeNet --dataset Digits --epochs 1";
    for (flags, needle) in [
        ("--augment flipp", "a similar one: `flip`; there are: none, crop:4"),
        ("--augment none,flip", "none contradicts"),
        ("--augment flip,crop:1,flip", "flip is listed twice"),
        ("--augment rotate:999", "degrees"),
        ("--augment crop:8", "the images are 8x8"),
        ("--augment flip,cutout:9", "`--augment cutout:9`: the images are 8x8"),
        ("--mixup -1", "Beta(A, A)"),
        ("--cutmix nan", "Beta(A, A)"),
        ("--label_smoothing 1", "less than 1"),
        ("--normalize minmax", "there are: range, standard"),
        ("--normalize 0.1,0.2/0.3", "the images have one channel"),
        ("--auto_augment ra", "--augment rand:2,9"),
    ] {
        let done = bench.train_classifier(&format!("{classifier} {flags}")).ended(2);
        assert!(done.stderr.contains(needle), "{flags}: {}", done.stderr);
    }
    for flags in ["--mixup 0.2", "--cutmix 1", "--label_smoothing 0.1", "--normalize standard"] {
        let line = format!("--model SingleLayerCAE --dataset Digits --epochs 1 {flags}");
        let done = bench.train(&line).ended(2);
        assert!(done.stderr.contains("an autoencoder"), "{flags}: {}", done.stderr);
    }
    assert!(bench.is_empty());
    // A file's values are checked as the flags' are.
    let config = r#"{"model": "LeNet", "dataset": "Digits", "optimizer": "AdamOptimizer", "batch_size": 9,
        "optimizer_args": {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}, "epochs": 1,
        "l2_penalty": 0.0, "seed": 1, "comment": null, "NAME": VALUE}"#;
    for (name, value, needle) in [
        ("augment", "\"spin\"", "there is no augmentation `spin`"),
        ("mixup", "-1.0", "mixup: it has to be"),
        ("normalize", "\"0.5/0\"", "more than 0"),
        ("label_smoothing", "2.0", "label_smoothing: it has to be"),
    ] {
        fs::write(bench.path("c.json"), config.replace("NAME", name).replace("VALUE", value))
            .unwrap();
        let done = bench.train_classifier("--config c.json").ended(2);
        assert!(done.stderr.contains(needle) && done.stderr.contains("c.json"), "{}", done.stderr);
    }
}

/// The list of an epoch is public, for what shows augmented images.
#[test]
fn a_loader_gives_the_bytes_that_are_trained_on() {
    let digits = registry::dataset("Digits", &Source::default()).unwrap();
    let train = digits.load(Split::Train).unwrap();
    let loader = dytb::data::DataLoader::new(train.clone(), &burn::tensor::Device::flex());
    let list: Augmentation = "crop:2,rotate:20".parse().unwrap();
    let batch = dytb::data::Batch::augmented(&[5, 9], list.of_epoch(1, 4));
    let bytes = loader.bytes(batch);
    let mut ninth = train.image(9).unwrap().into_owned();
    list.of_epoch(1, 4).unwrap().apply(9, &mut ninth, train.shape());
    assert_eq!(bytes[64..], ninth);
    assert_ne!(ninth, train.image(9).unwrap().into_owned());
    let images: Vec<f32> = loader.images(batch).into_data().try_to_vec().unwrap();
    let scaled = bytes.iter().map(|&byte| (f32::from(byte) / 255.0 - 0.5) * 2.0);
    assert!(images.into_iter().eq(scaled));
}

//! Images that do not fit into memory: the programs, with `--memory`.

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use crate::common::command::Bench;
use image::{GrayImage, ImageFormat};

/// A classifier and an autoencoder; one epoch.
const MODELS: [&str; 2] = ["SingleLayerCAE", "SingleLayerCAEClassifier"];

/// Pictures of 12x10 in two classes below `pets`: noise, bright and dark.
fn pictures(bench: &Bench, count: u32) {
    for number in 0..count {
        for (class, base) in [("dark", 0), ("bright", 120)] {
            let pixel = |x: u32, y: u32| {
                let noise = x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (number * 97);
                image::Luma([(base + noise % 100) as u8])
            };
            let path = bench.path(&format!("pets/{class}/{number}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            GrayImage::from_fn(10, 12, pixel).save_with_format(path, ImageFormat::Png).unwrap();
        }
    }
}

fn line(model: &str, data: &str, more: &str) -> String {
    format!(
        "train --model {model} --dataset {data} --epochs 2 --batch_size 16 --seed 3 --json --images_every 1 {more}"
    )
}

/// The files of decoded images.
fn decoded(bench: &Bench, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(bench.path("cache/dytb/decoded")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == ending)).collect()
}

/// The same bits, whatever is in memory: all, nothing, the training pictures alone.
#[test]
fn a_run_from_a_file_is_the_run_in_memory() {
    let bench = Bench::new();
    pictures(&bench, 60);
    for model in MODELS {
        for (data, more) in [
            ("ImageFolder --data_dir pets", ""),
            ("ImageFolder --data_dir pets", "--validation_split 0.3"),
            ("Digits", "--classes 1,7"),
        ] {
            let logs = ["", "0", "13k"].map(|memory| {
                let log = format!("log{memory}");
                let memory = if memory.is_empty() { "" } else { &format!("--memory {memory}") };
                let run = format!("{} --log_dir {log} {memory}", line(model, data, more));
                let done = bench.dytb(&run).ended(0).json();
                let folder = bench.path(done["folder"].as_str().unwrap());
                let files = ["checkpoints", "best"].map(|below| {
                    let mut files: Vec<_> = fs::read_dir(folder.join(below)).unwrap().collect();
                    files.retain(|file| file.as_ref().unwrap().path().is_file());
                    let file = files.pop().unwrap().unwrap().path();
                    fs::read(file).unwrap()
                });
                let events = fs::read(folder.join("test_images.csv")).unwrap();
                fs::remove_dir_all(bench.path(&log)).unwrap();
                (done["test_error"].clone(), done["test_accuracy"].clone(), files, events)
            });
            assert!(logs.iter().all(|log| *log == logs[0]), "{model} {data} {more}");
        }
    }
    assert!(decoded(&bench, "images").len() >= 4 && decoded(&bench, "part").is_empty());
}

/// A second run reads no picture; another picture is noticed.
#[test]
fn pictures_are_decoded_once() {
    let bench = Bench::new();
    pictures(&bench, 40);
    fs::write(bench.path("pets/dark/torn.png"), {
        let whole = fs::read(bench.path("pets/dark/1.png")).unwrap();
        whole[..whole.len() - 20].to_vec()
    })
    .unwrap();
    let run = |more: &str| {
        let data = format!("ImageFolder --data_dir pets --memory 0 {more}");
        bench.dytb(&line("SingleLayerCAE", &data, "")).ended(0)
    };
    let first = run("");
    assert!(first.stderr.contains("decoding"), "{}", first.stderr);
    assert!(first.stderr.contains("torn.png: it ends too early"), "{}", first.stderr);
    let second = run("--comment again");
    assert!(!second.stderr.contains("decoding"), "{}", second.stderr);
    assert!(second.stderr.contains("torn.png: it ends too early"), "{}", second.stderr);
    assert_eq!(first.json()["test_error"], second.json()["test_error"]);
    let files = decoded(&bench, "images").len();
    fs::copy(bench.path("pets/dark/2.png"), bench.path("pets/dark/3.png")).unwrap();
    let third = run("--comment third");
    assert!(third.stderr.contains("decoding"), "{}", third.stderr);
    assert!(decoded(&bench, "images").len() > files);
    // An evaluation and the pictures of reconstructions come from the files, too.
    let folder = second.json()["folder"].as_str().unwrap().to_owned();
    let [from_file, from_memory] = ["--memory 0", ""].map(|memory| {
        bench.reconstruct(&format!("'{folder}' --worst 3 --json --output shown {memory}")).ended(0);
        fs::read(bench.path("shown/reconstructions.png")).unwrap()
    });
    assert!(from_file == from_memory);
}

/// Killed while it decodes, and again; then it goes on.
#[test]
#[cfg(unix)]
fn a_killed_process_leaves_nothing_that_is_believed() {
    let bench = Bench::new();
    pictures(&bench, 400);
    let data = "ImageFolder --data_dir pets --image_size 200 --memory 0 --comment killed";
    let run = line("SingleLayerCAE", data, "--epochs 1");
    let run = run.replace("--epochs 2", "");
    for _ in 0..2 {
        let mut child = bench.command(env!("CARGO_BIN_EXE_dytb"), &run).spawn().unwrap();
        let has_begun =
            || !decoded(&bench, "part").is_empty() || !decoded(&bench, "images").is_empty();
        while !has_begun() && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let after = bench.dytb(&run).ended(0).json();
    let other = run.replace("--memory 0 --comment killed", "--comment whole");
    assert_eq!(bench.dytb(&other).ended(0).json()["test_error"], after["test_error"]);
    assert!(decoded(&bench, "part").is_empty());
}

/// A limit of the size of files is as a full disk: an error, and the next run is right.
#[test]
#[cfg(unix)]
fn no_room_is_an_error() {
    let bench = Bench::new();
    pictures(&bench, 40);
    let data = "ImageFolder --data_dir pets --image_size 64";
    let run = line("SingleLayerCAE", data, "--memory 0");
    let shell = format!("ulimit -f 100; exec {} {run}", env!("CARGO_BIN_EXE_dytb"));
    let output = bench.command("sh", "-c").arg(shell).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot keep decoded images in") && told.contains("--memory"), "{told}");
    let after = bench.dytb(&run).ended(0).json();
    let other = line("SingleLayerCAE", data, "--comment memory");
    assert_eq!(bench.dytb(&other).ended(0).json()["test_error"], after["test_error"]);
}

#[test]
fn listed_and_removed() {
    let bench = Bench::new();
    assert!(bench.dytb("data").ended(0).stdout.starts_with("0 files"));
    pictures(&bench, 40);
    bench.dytb(&line("SingleLayerCAE", "ImageFolder --data_dir pets --memory 0", "")).ended(0);
    let listed = bench.dytb("data --json").ended(0).json();
    let files = listed["files"].as_array().unwrap();
    assert_eq!(files.len(), decoded(&bench, "images").len());
    let bytes: u64 = files.iter().map(|file| file["bytes"].as_u64().unwrap()).sum();
    bench.dytb("data --older_than 3").ended(2);
    let kept = bench.dytb("data --prune --older_than 3").ended(0);
    assert!(kept.stdout.starts_with("0 files removed"), "{}", kept.stdout);
    let removed = bench.dytb("data --prune").ended(0).stdout;
    let expected = format!("{} files removed, {bytes} bytes", files.len());
    assert!(removed.contains(&expected), "{removed}");
    assert!(decoded(&bench, "images").is_empty() && decoded(&bench, "sha256").is_empty());
}

#[test]
fn memory_is_a_number_of_bytes() {
    let bench = Bench::new();
    for wrong in ["-1", "half", "4X", ""] {
        let run = line("SingleLayerCAE", "Digits", &format!("--memory '{wrong}'"));
        let refused = bench.dytb(&run).ended(2);
        assert!(refused.stderr.contains("512M"), "{}", refused.stderr);
    }
}

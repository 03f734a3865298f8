//! `predict` on pictures of the user's, and what `evaluate` shows of a classifier's mistakes.

use std::fs;

use crate::common::command::Bench;
use dytb::data::{Dataset, Split};
use dytb::inputs::INPUTS;
use image::{GrayImage, RgbImage};
use serde_json::Value;

/// A run of the model on Digits, in one epoch; its folder.
fn trained(bench: &Bench, model: &str, flags: &str) -> String {
    let line = format!(
        "train --model {model} --dataset Digits --epochs 1 --seed 1 --images_every 0 --json {flags}"
    );
    bench.dytb(&line).ended(0).json()["folder"].as_str().unwrap().to_owned()
}

fn digits() -> Box<dyn Dataset> {
    let (_, open) = INPUTS.iter().find(|(name, _)| *name == "Digits").unwrap();
    open(&Default::default()).unwrap()
}

/// The first `count` images for validation as files `000.png` and so on in the folder `digits`.
fn write_digits(bench: &Bench, count: usize) {
    let examples = digits().load(Split::Validation).unwrap();
    fs::create_dir_all(bench.path("digits")).unwrap();
    for index in 0..count {
        let bytes = examples.image(index).unwrap().into_owned();
        let picture = GrayImage::from_raw(8, 8, bytes).unwrap();
        picture.save(bench.path(&format!("digits/{index:03}.png"))).unwrap();
    }
}

/// The fields of each line.
fn rows(csv: &str) -> Vec<Vec<String>> {
    csv.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn classes_and_their_probabilities() {
    let bench = Bench::new();
    write_digits(&bench, 20);
    let run = trained(&bench, "LeNet", "--normalize standard");
    let done = bench.dytb(&format!("predict {run} digits")).ended(0);
    let rows = rows(&done.stdout);
    assert_eq!(
        rows[0].join(","),
        "file,class,probability,class_2,probability_2,class_3,probability_3,reason"
    );
    assert_eq!((rows.len(), rows[1][0].as_str()), (21, "digits/000.png"));
    // All of them sum up to one, whichever are shown.
    let line = format!("predict {run} digits --top 99 --json");
    let all = bench.dytb(&line).ended(0).stdout;
    for (line, row) in all.lines().zip(&rows[1..]) {
        let object: Value = serde_json::from_str(line).unwrap();
        let classes = object["classes"].as_array().unwrap();
        let of = |at: usize| classes[at]["probability"].as_f64().unwrap();
        assert_eq!(classes.len(), 10);
        assert!(((0..10).map(of).sum::<f64>() - 1.0).abs() < 1e-5);
        assert!((1..10).all(|at| of(at) <= of(at - 1)));
        assert_eq!(
            (&object["file"], &classes[0]["class"]),
            (&row[0].clone().into(), &row[1].clone().into())
        );
    }
    // The images are prepared as those of the data set: the accuracy is that of `evaluate`.
    write_digits(&bench, 250);
    let done = bench.dytb(&format!("predict {run} digits --top 1")).ended(0);
    let labels = digits().load(Split::Validation).unwrap().labels().to_vec();
    let predicted = done.stdout.lines().skip(1);
    let right = predicted
        .zip(&labels)
        .filter(|(line, label)| line.split(',').nth(1).unwrap() == label.to_string());
    let accuracy = bench.evaluate_classifier(&format!("{run} --json")).ended(0).json();
    assert_eq!(accuracy["accuracy"], right.count() as f64 / 250.0);
}

#[test]
fn errors_and_what_is_normal() {
    let bench = Bench::new();
    write_digits(&bench, 250);
    let run = trained(&bench, "SingleLayerCAE", "--classes 1,7");
    let before = bench.dytb(&format!("predict {run} digits/000.png")).ended(0);
    assert!(before.stderr.contains("evaluate RUN --normal"), "{}", before.stderr);
    assert_eq!(rows(&before.stdout)[1][4], "");

    let report = bench.dytb(&format!("evaluate {run} --normal --scores s.csv --json")).ended(0);
    let threshold = report.json()["threshold"].as_f64().unwrap();
    let scores = fs::read_to_string(bench.path("s.csv")).unwrap();
    let done = bench.dytb(&format!("predict {run} digits")).ended(0);
    assert_eq!(done.stderr, "");
    assert_eq!(rows(&done.stdout)[0].join(","), "file,error,psnr,score,normal,reason");
    for (ours, theirs) in rows(&done.stdout)[1..].iter().zip(&rows(&scores)[1..]) {
        let [error, psnr, score] = [1, 2, 3].map(|at| ours[at].parse::<f64>().unwrap());
        assert_eq!((&ours[3], error), (&theirs[3], score));
        assert!((psnr - 10.0 * (2.0 / error).log10()).abs() < 1e-9);
        assert_eq!(ours[4] == "1", score <= threshold);
    }
    // By itself as among the others.
    let alone = bench.dytb(&format!("predict {run} digits/000.png")).ended(0);
    assert_eq!(rows(&alone.stdout)[1], rows(&done.stdout)[1]);
    // Of another score, or of another model of the run, it is not known.
    let other = bench.dytb(&format!("predict {run} digits/000.png --score max --json")).ended(0);
    assert!(other.stderr.contains("--score max"), "{}", other.stderr);
    assert_eq!(other.json()["normal"], Value::Null);
    let line = "train --model SingleLayerCAE --dataset Digits --epochs 3 --seed 1 --images_every 0 --classes 1,7";
    bench.dytb(line).ended(0);
    let later = bench.dytb(&format!("predict {run} digits/000.png")).ended(0);
    assert!(later.stderr.contains("model of step"), "{}", later.stderr);
}

/// An unreadable file is a line, and the others are predicted all the same.
#[test]
fn odd_files() {
    let bench = Bench::new();
    let run = trained(&bench, "SingleLayerCAE", "");
    fs::create_dir_all(bench.path("in/deep")).unwrap();
    RgbImage::new(31, 17).save(bench.path("in/a.png")).unwrap();
    fs::write(bench.path("in/b.png"), "no picture").unwrap();
    GrayImage::new(8, 8).save(bench.path("in/deep/c, d.png")).unwrap();
    fs::write(bench.path("in/empty.png"), "").unwrap();
    let done = bench.dytb(&format!("predict {run} in gone.png")).ended(1);
    assert!(done.stderr.contains("3 of 5 pictures were not read"), "{}", done.stderr);
    let lines: Vec<_> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{}", done.stdout);
    assert!(lines[2].starts_with("in/b.png,,,,,it is no picture"), "{}", lines[2]);
    assert!(lines[3].starts_with("\"in/deep/c, d.png\",0."), "{}", lines[3]);
    assert!(lines[5].starts_with("gone.png,,,,,\"it is not there"), "{}", lines[5]);
    let done = bench.dytb(&format!("predict {run} in gone.png --json")).ended(1);
    let objects: Vec<Value> =
        done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let read = objects.iter().filter(|object| object.get("reason").is_none());
    assert_eq!((objects.len(), read.count()), (5, 2));
    // Nobody's picture is another's: alone it has the same numbers.
    let alone = bench.dytb(&format!("predict {run} in/a.png")).ended(0);
    assert_eq!(alone.stdout.lines().nth(1).unwrap(), lines[1]);

    // Nobody writes to it.
    #[cfg(unix)]
    {
        let pipe = bench.path("pipe.png");
        assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
        let done = bench.dytb(&format!("predict {run} pipe.png")).ended(1);
        assert!(done.stdout.ends_with("pipe.png,,,,,it is no regular file\n"), "{}", done.stdout);
    }

    fs::create_dir(bench.path("nothing")).unwrap();
    let classifier = trained(&bench, "SingleLayerCAEClassifier", "");
    for (line, code, needle) in [
        (format!("{run} nothing"), 1, "no file in `nothing`"),
        (run.clone(), 2, "no picture to predict"),
        (format!("{run} in/a.png --top 2"), 2, "predicts no classes"),
        (format!("{classifier} in/a.png --score max"), 2, "makes no reconstructions"),
        ("nowhere in/a.png".to_owned(), 1, "no checkpoint in `nowhere`"),
    ] {
        let done = bench.dytb(&format!("predict {line}")).ended(code);
        assert!(done.stderr.contains(needle), "{line}: {}", done.stderr);
        assert_eq!(done.stdout, "");
    }
}

#[test]
fn a_classifiers_mistakes() {
    let bench = Bench::new();
    let run = trained(&bench, "SingleLayerCAEClassifier", "");
    let line = format!("evaluate {run} --confused 3 --gallery w.png --worst 5 --json");
    let report = bench.dytb(&line).ended(0).json();
    let pairs = report["confused"].as_array().unwrap();
    assert_eq!(pairs.len(), 3);
    let count = |at: usize| pairs[at]["examples"].as_u64().unwrap();
    assert!(count(0) >= count(1) && count(1) >= count(2) && count(2) > 0);
    assert!(pairs.iter().all(|pair| pair["class"] != pair["taken_for"]));
    let small = image::open(bench.path("w.png")).unwrap();
    bench.dytb(&format!("evaluate {run} --gallery w.png")).ended(0);
    let large = image::open(bench.path("w.png")).unwrap();
    assert!(large.width() * large.height() > small.width() * small.height());
    let text = bench.dytb(&format!("evaluate {run} --confused")).ended(0).stdout;
    assert!(text.contains("taken for") && text.lines().count() <= 2 + 11, "{text}");

    let autoencoder = trained(&bench, "SingleLayerCAE", "");
    let refused = bench.dytb(&format!("evaluate {autoencoder} --gallery w.png")).ended(2);
    assert!(refused.stderr.contains("dytb reconstruct RUN --worst 16"), "{}", refused.stderr);
    let refused = bench.dytb(&format!("evaluate {run} --worst 5")).ended(2);
    assert!(refused.stderr.contains("--gallery"), "{}", refused.stderr);
}

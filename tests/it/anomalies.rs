//! `evaluate --normal` and `train --each_class`: an autoencoder tells the normal from the odd.

use std::fs;

use crate::common::command::Bench;
use dytb::metrics::ranking::Ranking;
use serde_json::Value;

/// An autoencoder of the ones and sevens of Digits, and its folder.
fn trained(bench: &Bench) -> String {
    let line = "train --model SingleLayerCAE --dataset Digits --classes 1,7 --epochs 2 --seed 1 \
                --images_every 0 --json";
    bench.dytb(line).ended(0).json()["folder"].as_str().unwrap().to_owned()
}

/// The lines of a CSV file below its head.
fn rows(bench: &Bench, file: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(bench.path(file)).unwrap();
    let fields = |line: &str| line.split(',').map(str::to_owned).collect();
    text.lines().skip(1).map(fields).collect()
}

#[test]
fn the_report_is_that_of_the_scores() {
    let bench = Bench::new();
    let run = trained(&bench);
    for score in ["mean", "max", "p99", "ssim"] {
        let line = format!(
            "evaluate '{run}' --test --normal --score {score} --scores s.csv --roc r.png --histogram h.png --json"
        );
        let report = bench.dytb(&line).ended(0).json();
        assert_eq!((&report["normal"][0], &report["split"]), (&"1".into(), &"test".into()));
        let rows = rows(&bench, "s.csv");
        assert_eq!(rows.len(), 250);
        let parsed: Vec<(String, bool, f64, bool)> = rows
            .iter()
            .map(|row| (row[1].clone(), row[2] == "1", row[3].parse().unwrap(), row[4] == "1"))
            .collect();
        assert!(parsed.iter().all(|(class, normal, ..)| *normal == ["1", "7"].contains(&&**class)));
        let ranking = Ranking::new(parsed.iter().map(|row| (row.2, !row.1))).unwrap();
        assert_eq!(report["auroc"], ranking.auroc());
        assert_eq!(report["average_precision"], ranking.average_precision());
        // What is called odd is above the threshold, which the run has.
        let threshold = report["threshold"].as_f64().unwrap();
        assert!(parsed.iter().all(|row| row.3 == (row.2 > threshold)));
        let kept = fs::read_to_string(bench.path(&run).join("anomalies.json")).unwrap();
        let kept: Value = serde_json::from_str(&kept).unwrap();
        assert_eq!((&kept["threshold"], &kept["score"]), (&report["threshold"], &score.into()));
        let share = |normal: bool, odd: bool| {
            let of_kind: Vec<_> = parsed.iter().filter(|row| row.1 == normal).collect();
            of_kind.iter().filter(|row| row.3 == odd).count() as f64 / of_kind.len() as f64
        };
        assert!((report["false_alarms"].as_f64().unwrap() - share(true, true)).abs() < 1e-12);
        assert_eq!(report["missed"], share(false, false));
        assert_eq!(report["classes"].as_array().unwrap().len(), 8);
        for picture in ["r.png", "h.png"] {
            assert!(image::open(bench.path(picture)).is_ok());
        }
    }
}

/// The threshold keeps 95 % of the validation's normal images, and the test is read only when that is asked for.
#[test]
fn without_test_the_validation_is_told_apart() {
    let bench = Bench::new();
    let run = trained(&bench);
    let report = bench.dytb(&format!("evaluate {run} --normal --json")).ended(0).json();
    assert_eq!(report["split"], "validation");
    let images = report["threshold_images"].as_f64().unwrap();
    let alarms = report["false_alarms"].as_f64().unwrap();
    assert!(alarms <= 0.05 + 1e-12 && alarms > 0.05 - 1.0 / images, "{alarms} of {images}");
    // The same by name as by default; fewer others are fewer.
    let named = bench.dytb(&format!("evaluate {run} --normal 7,1 --json")).ended(0).json();
    assert_eq!(named, report);
    let some = bench.evaluate(&format!("{run} --normal --classes 0,8 --json")).ended(0).json();
    assert_eq!(some["classes"].as_array().unwrap().len(), 2);
    assert_eq!(some["threshold"], report["threshold"]);
}

#[test]
fn what_cannot_be_told_apart() {
    let bench = Bench::new();
    let run = trained(&bench);
    let all = "--model SingleLayerCAE --dataset Digits --epochs 1 --images_every 0 --json";
    let of_all = bench.train(all).ended(0).json()["folder"].as_str().unwrap().to_owned();
    let classifier = all.replace("SingleLayerCAE", "SingleLayerCAEClassifier");
    let classifier = bench.train_classifier(&classifier).ended(0).json();
    let classifier = classifier["folder"].as_str().unwrap();
    for (line, code, needles) in [
        (format!("{run} --normal 1,x"), 2, vec!["`--normal`", "no class `x`", "0, 1, 2, 3"]),
        (format!("{run} --normal 1,,7"), 2, vec!["comma"]),
        (format!("{run} --normal 0,1,2,3,4,5,6,7,8,9"), 2, vec!["no class is left"]),
        (format!("{run} --normal --classes 1"), 2, vec!["no class is left", "--classes"]),
        (format!("{of_all} --normal"), 2, vec!["all classes of Digits", "--normal 0"]),
        (format!("{classifier} --normal 1"), 1, vec!["no autoencoder", "no reconstructions"]),
        (format!("{run} --normal --per_class"), 2, vec!["--per_class", "classifiers"]),
        (format!("{run} --scores s.csv"), 2, vec!["--normal"]),
        (format!("{run} --normal --roc r.svg"), 2, vec!["PNG"]),
        (format!("{run} --normal --roc r.png --histogram r.png"), 2, vec!["two files"]),
        (format!("{run} --normal --score median"), 2, vec!["mean, max, p99, ssim"]),
        (format!("{run} --normal --model StackedCAE"), 1, vec!["is no StackedCAE"]),
    ] {
        let done = bench.dytb(&format!("evaluate {line}")).ended(code);
        for needle in needles {
            assert!(done.stderr.contains(needle), "{line}: {}", done.stderr);
        }
    }
    assert!(!bench.path(&run).join("anomalies.json").exists());
}

#[test]
fn each_class_against_the_rest() {
    let bench = Bench::new();
    let line = "train --model SingleLayerCAE --dataset Digits --each_class --seeds 2 --epochs 1 \
                --images_every 0";
    let first = bench.dytb(&format!("{line} --json")).ended(0).json();
    assert_eq!(first["runs"].as_array().unwrap().len(), 20);
    let classes = first["each_class"]["classes"].as_array().unwrap();
    assert_eq!(classes.len(), 10);
    for class in classes {
        assert_eq!(class["aurocs"].as_array().unwrap().len(), 2);
        // The same as of the run by itself.
        let run = format!(
            "log/SingleLayerCAE/Digits_classes={}_Momentum_lr=0.01_seed=2",
            class["normal"].as_str().unwrap()
        );
        let alone = bench.dytb(&format!("evaluate {run} --test --normal --json")).ended(0).json();
        assert_eq!(alone["auroc"], class["aurocs"][1]);
    }
    // Nothing is trained again; a table for people.
    let again = bench.dytb(line).ended(0);
    assert!(again.stdout.contains("each class against the rest"), "{}", again.stdout);
    assert!(again.stdout.contains("mean"), "{}", again.stdout);
}

/// What follows the flag is taken for classes, and a run is none.
#[test]
fn a_run_is_no_class() {
    let bench = Bench::new();
    let run = trained(&bench);
    for named in [run.clone(), format!("{run}/checkpoints/..")] {
        let done = bench.dytb(&format!("evaluate --normal '{named}'")).ended(2);
        assert!(done.stderr.contains("name the run first"), "{}", done.stderr);
    }
    bench.dytb(&format!("evaluate --normal 1,7 '{run}'")).ended(0);
}

#[test]
fn each_class_where_that_makes_no_sense() {
    let bench = Bench::new();
    for (line, needle) in [
        ("train --model LeNet --dataset Digits --each_class", "a classifier needs two classes"),
        ("train --model SingleLayerCAE --dataset Digits --each_class --classes 1", "--classes"),
        ("train --model SingleLayerCAE --dataset Digits --score max", "--each_class"),
        (
            "sweep --model SingleLayerCAE --dataset Digits --each_class --vary lr=1,2",
            "--each_class",
        ),
    ] {
        let done = bench.dytb(line).ended(2);
        assert!(done.stderr.contains(needle), "{line}: {}", done.stderr);
    }
}

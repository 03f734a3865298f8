//! `train_classifier` and `evaluate_classifier`, as a user runs them.

use crate::common::command::{Bench, scalars};
use dytb::run::latest;

/// A short run on the data set that is in the program.
const DIGITS: &str = "--model LeNet --dataset Digits --seed 1 --json";
const RUN: &str = "log/LeNet/Digits_Momentum_lr=0.01";

#[test]
fn a_run_from_nothing() {
    let bench = Bench::new();
    let results = bench.train_classifier(&format!("{DIGITS} --epochs 3")).ended(0).json();
    assert_eq!(results["folder"], RUN);
    let accuracy = results["validation_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.85, "{results}");
    for (file, accuracy) in
        [("validation_results.txt", "validation_accuracy"), ("test_results.txt", "test_accuracy")]
    {
        assert_eq!(
            bench.lines(file),
            [format!("LeNet: Digits_Momentum_lr=0.01 {}", results[accuracy])]
        );
    }
    for (test, split) in [("", "validation"), (" --test", "test")] {
        let line = format!("--model LeNet --dataset Digits --checkpoint_dir '{RUN}'{test}");
        let evaluated = bench.evaluate_classifier(&format!("{line} --json")).ended(0).json();
        for what in ["accuracy", "loss"] {
            assert_eq!(evaluated[what], results[format!("{split}_{what}")], "{evaluated}");
        }
        let text = bench.evaluate_classifier(&line).ended(0).stdout;
        assert!(text.starts_with(&format!("{split} accuracy = 0.")), "{text}");
    }
    // The best by accuracy: the first epoch that reached it.
    let validation = scalars(&bench.path(&format!("{RUN}/validation")));
    let accuracies: Vec<_> = validation.iter().filter(|(_, tag, _)| tag == "accuracy").collect();
    assert_eq!(accuracies.len(), 3);
    let (best_step, ..) = accuracies.iter().rev().max_by(|a, b| a.2.total_cmp(&b.2)).unwrap();
    assert_eq!(results["best_step"], *best_step);
    let train = scalars(&bench.path(&format!("{RUN}/train")));
    for tag in ["loss", "accuracy", "learning_rate"] {
        assert!(train.iter().any(|(step, found, _)| found == tag && *step == 33), "{tag}");
    }
}

/// The matrix as CSV and as a picture, the accuracy of each class: all of the same counts.
#[test]
fn per_class_insight() {
    let bench = Bench::new();
    bench.train_classifier(&format!("{DIGITS} --epochs 1")).ended(0);
    let line = format!("--model LeNet --dataset Digits --checkpoint_dir '{RUN}' --test");
    let json = bench
        .evaluate_classifier(&format!("{line} --json --confusion_matrix matrix"))
        .ended(0)
        .json();
    let classes = json["classes"].as_array().unwrap();
    let csv = std::fs::read_to_string(bench.path("matrix.csv")).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|row| row.split(',').collect()).collect();
    assert_eq!((classes.len(), rows.len()), (10, 10));
    let (mut right, mut all) = (0, 0);
    for (place, (class, row)) in classes.iter().zip(&rows).enumerate() {
        let counts: Vec<u64> = row[1..11].iter().map(|count| count.parse().unwrap()).collect();
        let examples: u64 = counts.iter().sum();
        assert_eq!(class["examples"], examples);
        assert_eq!(class["accuracy"], counts[place] as f64 / examples as f64);
        (right, all) = (right + counts[place], all + examples);
    }
    assert_eq!(json["accuracy"], right as f64 / all as f64);
    assert_eq!(json["files"], serde_json::json!(["matrix.csv", "matrix.png"]));
    assert!(csv.starts_with("true class \\ predicted class,0,1,"), "{csv}");
    let (width, height) = image::image_dimensions(bench.path("matrix.png")).unwrap();
    assert!((700..=1200).contains(&width) && (700..=1200).contains(&height), "{width}x{height}");
    // An ending is not doubled, and what is written is told.
    for path in ["again.png", "again.csv", "again"] {
        let done = bench.evaluate_classifier(&format!("{line} --confusion_matrix {path}")).ended(0);
        let told: Vec<_> =
            done.stderr.lines().filter(|line| line.starts_with("written:")).collect();
        assert_eq!(told, ["written: again.csv", "written: again.png"], "{path}");
        for ending in ["csv", "png"] {
            let read = |stem: &str| std::fs::read(bench.path(&format!("{stem}.{ending}"))).unwrap();
            assert!(read("again") == read("matrix"), "{path}: {ending}");
            std::fs::remove_file(bench.path(&format!("again.{ending}"))).unwrap();
        }
    }

    let text = bench.evaluate_classifier(&format!("{line} --per_class")).ended(0).stdout;
    assert_eq!(text.lines().count(), 12, "{text}");
    let results = std::fs::read(bench.path(&format!("{RUN}/results.json"))).unwrap();
    let results: serde_json::Value = serde_json::from_slice(&results).unwrap();
    assert_eq!(results["test_classes"], json["classes"]);
    let validation = scalars(&bench.path(&format!("{RUN}/validation")));
    assert!(validation.iter().any(|(_, tag, _)| tag == "class_accuracy/9"));

    let done = bench.evaluate_classifier(&format!("{line} --confusion_matrix no/matrix")).ended(1);
    assert!(done.stderr.contains("cannot write `no/matrix.csv`"), "{}", done.stderr);
}

/// Statistics and dropped neurons too: the end is the same as without an end between.
#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    for model in ["LeNetBN", "LeNetBinomialDropout"] {
        let (through, in_two) = (Bench::new(), Bench::new());
        let line = format!("--model {model} --dataset Digits --seed 1 --json --images_every 2");
        let expected = through.train_classifier(&format!("{line} --epochs 3")).ended(0).json();
        in_two.train_classifier(&format!("{line} --epochs 1")).ended(0);
        let resumed = in_two.train_classifier(&format!("{line} --epochs 3")).ended(0);
        assert_eq!(resumed.json(), expected, "{model}");
        let end = |bench: &Bench| {
            let folder = bench.path(&format!("log/{model}/Digits_Momentum_lr=0.01/checkpoints"));
            latest(&folder).unwrap().unwrap().1
        };
        assert!(end(&through) == end(&in_two), "{model}: the checkpoints differ");
    }
}

#[test]
fn models_of_the_other_kind_are_not_offered() {
    let bench = Bench::new();
    for (done, other) in [
        (bench.train_classifier("--model SingleLayerCAE --dataset Digits"), "LeNetBN"),
        (bench.train("--model LeNet --dataset Digits"), "SingleLayerCAE"),
    ] {
        let done = done.ended(2);
        let choices = done.stderr.lines().find(|line| line.contains("possible values")).unwrap();
        assert!(choices.contains(other), "{choices}");
    }
}

#[test]
fn images_that_are_too_small() {
    let bench = Bench::new();
    let done = bench.train_classifier("--model VGG --dataset Digits").ended(1);
    assert!(done.stderr.contains("VGG cannot take images of 8x8"), "{}", done.stderr);
    assert!(done.stderr.contains("32x32 or larger"), "{}", done.stderr);
    assert!(bench.is_empty());
}

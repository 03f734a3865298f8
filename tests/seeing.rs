//! What a user sees of runs: `compare`, `reconstruct`, and the flags that decide what is trained and
//! shown.

#[path = "common/command.rs"]
mod command;

use std::fs;

use command::{Bench, scalars};
use serde_json::Value;

/// A short run on the data set that is in the program.
const AUTOENCODER: &str =
    "--model SingleLayerCAE --dataset Digits --seed 1 --json --images_every 0";
const CLASSIFIER: &str = "--model SingleLayerCAEClassifier --dataset Digits --seed 1 --json";
/// The folder of the autoencoders.
const LOG: &str = "log/SingleLayerCAE";

/// The size of the PNG file `file`.
fn size(bench: &Bench, file: &str) -> (u32, u32) {
    image::image_dimensions(bench.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The errors of the images that `reconstruct` has shown.
fn errors_of(shown: &Value) -> Vec<f64> {
    let images = shown["images"].as_array().unwrap();
    images.iter().map(|image| image["error"].as_f64().unwrap()).collect()
}

#[test]
fn runs_side_by_side() {
    let bench = Bench::new();
    let better = bench.train(&format!("{AUTOENCODER} --epochs 2")).ended(0).json();
    bench.train(&format!("{AUTOENCODER} --epochs 1 --batch_size 512 --comment large")).ended(0);
    let diverging = "--optimizer GradientDescent --optimizer_args '{\"learning_rate\": 1e30}'";
    bench.train(&format!("{AUTOENCODER} --epochs 1 {diverging}")).ended(3);
    bench.train_classifier(&format!("{CLASSIFIER} --epochs 1")).ended(0);

    let table = bench.compare("").ended(0).stdout;
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    for name in ["batch_size", "comment", "learning_rate", "best validation", "test", "status"] {
        assert!(lines[0].contains(name), "{name}: {table}");
    }
    assert!(!lines[0].contains("l2_penalty"), "{table}");
    let best = format!("{:.6}", better["validation_error"].as_f64().unwrap());
    assert!(lines[1].contains(&best) && lines[1].contains("finished"), "{table}");
    assert!(lines[2].contains("_large") && lines[3].contains("Classifier"), "{table}");
    assert!(lines[4].contains("diverged 0/1"), "{table}");

    let json: Value = bench.compare("--json").ended(0).json();
    assert_eq!(json[0]["validation_error"], better["validation_error"]);
    assert_eq!(json[0]["test_error"], better["test_error"]);
    assert_eq!((&json[0]["status"], &json[3]["status"]), (&"finished".into(), &"diverged".into()));
    assert_eq!(json[1]["flags"]["batch_size"], 512);
    assert_eq!(json[2]["test_classes"].as_array().unwrap().len(), 10);
    let csv = bench.compare("--csv log/SingleLayerCAE").ended(0).stdout;
    assert_eq!(csv.lines().count(), 4, "{csv}");
    let fields = |line: &str| line.split(',').count();
    assert!(csv.lines().all(|line| fields(line) == fields(csv.lines().next().unwrap())), "{csv}");

    let classes = bench.compare("--per_class --model SingleLayerCAEClassifier").ended(0).stdout;
    assert_eq!(classes.lines().count(), 2 + 1 + 11 + 1, "{classes}");

    for file in ["curves.png", "curves.svg"] {
        let done = bench.compare(&format!("{LOG} --plot {file}")).ended(0);
        assert!(done.stderr.contains("has no curve"), "{}", done.stderr);
    }
    assert_eq!(size(&bench, "curves.png"), (1200, 750));
    let svg = fs::read_to_string(bench.path("curves.svg")).unwrap();
    assert!(svg.contains("Digits_Momentum_lr=0.01_large") && svg.contains("validation error"));
    let wrong = bench.compare("--plot curves.pdf").ended(2).stderr;
    assert!(wrong.contains(".png or .svg"), "{wrong}");
    let nowhere = bench.compare("elsewhere").ended(1).stderr;
    assert!(nowhere.contains("no folder `elsewhere`"), "{nowhere}");
}

#[test]
fn a_run_without_progress_ends() {
    let bench = Bench::new();
    // Steps so small that no float changes: the first validation stays the best.
    let still = "--optimizer GradientDescent --optimizer_args '{\"learning_rate\": 1e-30}'";
    let line = format!("{AUTOENCODER} --epochs 40 {still}");
    let first = bench.train(&format!("{line} --patience 3")).ended(0);
    assert!(first.stderr.contains("3 epochs without a better validation"), "{}", first.stderr);
    assert_eq!((&first.json()["epochs"], &first.json()["best_epoch"]), (&4.into(), &1.into()));
    let again = bench.train(&format!("{line} --patience 3")).ended(0);
    assert!(again.stderr.contains("this run is finished"), "{}", again.stderr);
    // More patience goes on.
    assert_eq!(bench.train(&format!("{line} --patience 5")).ended(0).json()["epochs"], 6);
}

/// The article's closing experiment: an autoencoder that has seen two classes only reconstructs the
/// others worse.
#[test]
fn what_it_never_saw() {
    let bench = Bench::new();
    let run = format!("{LOG}/Digits_classes=1,7_Momentum_lr=0.01");
    let seen = bench.train(&format!("{AUTOENCODER} --epochs 8 --classes 7,1")).ended(0).json();
    assert_eq!(seen["folder"], run);
    let evaluate = |classes: &str| {
        let line = format!("--model SingleLayerCAE --dataset Digits --checkpoint_dir {run} --test");
        bench.evaluate(&format!("{line} --json {classes}")).ended(0).json()["error"]
            .as_f64()
            .unwrap()
    };
    assert_eq!(evaluate(""), seen["test_error"].as_f64().unwrap());
    assert!(evaluate("--classes 0,2,3,4,5,6,8,9") > evaluate("--classes 1,7"));
    let wrong = bench.train(&format!("{AUTOENCODER} --classes 1,ten")).ended(2).stderr;
    assert!(wrong.contains("no class `ten`") && wrong.contains("0, 1, 2"), "{wrong}");
}

#[test]
fn pictures_of_reconstructions() {
    let bench = Bench::new();
    bench.train(&format!("{AUTOENCODER} --epochs 2")).ended(0);
    let run = format!("--checkpoint_path {LOG}/Digits_Momentum_lr=0.01");

    let text = bench.reconstruct(&format!("{run} --index 0,5,2")).ended(0).stdout;
    // 8x8 pixels are drawn 14 times as large: three images, in two groups of two and one.
    let (width, height) = (4 * 112 + 3 * 2, 2 * 112 + 2);
    assert_eq!(size(&bench, "reconstructions/reconstructions.png"), (width, height), "{text}");
    let csv = fs::read_to_string(bench.path("reconstructions/errors.csv")).unwrap();
    let images: Vec<_> = csv.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(images, ["image", "0", "5", "2"]);
    for file in ["filters_encode.png", "maps_encode.png", "maps_decode.png"] {
        assert!(text.contains(file), "{text}");
        size(&bench, &format!("reconstructions/{file}"));
    }

    let worst = bench
        .reconstruct(&format!("{run} --worst 4 --error_map --output w --json"))
        .ended(0)
        .json();
    let errors = errors_of(&worst);
    assert!(errors.len() == 4 && errors.is_sorted_by(|one, next| one >= next), "{errors:?}");
    assert_eq!(size(&bench, "w/reconstructions.png"), (6 * 112 + 5 * 2, 2 * 112 + 2));
    let all =
        bench.reconstruct(&format!("{run} --random 1000 --output all --json")).ended(0).json();
    let all = errors_of(&all);
    assert_eq!(all.len(), 250);
    assert_eq!(all.iter().copied().fold(0.0, f64::max), errors[0]);
    let mean = all.iter().sum::<f64>() / 250.0;
    let line = "--model SingleLayerCAE --dataset Digits --checkpoint_dir log/SingleLayerCAE/Digits_Momentum_lr=0.01";
    let whole =
        bench.evaluate(&format!("{line} --test --json")).ended(0).json()["error"].as_f64().unwrap();
    assert!((mean / whole - 1.0).abs() < 1e-6, "{mean} and {whole}");

    // The user's own picture, of another size.
    fs::copy(bench.path("w/reconstructions.png"), bench.path("own.png")).unwrap();
    let own = bench.reconstruct(&format!("{run} --images own.png --output own")).ended(0).stdout;
    assert!(own.contains("own.png  -"), "{own}");

    let wrong = bench.reconstruct(&format!("{run} --index 250")).ended(2).stderr;
    assert!(wrong.contains("there are 250: 0 to 249"), "{wrong}");
    bench.train_classifier(&format!("{CLASSIFIER} --epochs 1")).ended(0);
    let classifier = "log/SingleLayerCAEClassifier/Digits_Momentum_lr=0.01";
    let wrong = bench.reconstruct(&format!("--checkpoint_path {classifier}")).ended(1).stderr;
    assert!(wrong.contains("makes no reconstructions"), "{wrong}");
}

/// The folder itself has what concerns the whole run: once, also after going on.
#[test]
fn cards_of_a_run() {
    let bench = Bench::new();
    let first = bench.train(&format!("{AUTOENCODER} --epochs 1")).ended(0).json();
    let run = bench.path(&format!("{LOG}/Digits_Momentum_lr=0.01"));
    let reached = |results: &Value| {
        ["validation_error", "test_error"].map(|name| results[name].as_f64().unwrap() as f32)
    };
    let shown = || {
        let rows = scalars(&run);
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!(
            (rows[0].1.as_str(), rows[1].1.as_str()),
            ("best_validation_error", "test_error")
        );
        [rows[0].2, rows[1].2]
    };
    assert_eq!(shown(), reached(&first));
    let second = bench.train(&format!("{AUTOENCODER} --epochs 2")).ended(0).json();
    assert_eq!(shown(), reached(&second));
    assert_eq!(dytb::events::event_files(&run).unwrap().len(), 1);
}

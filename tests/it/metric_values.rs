//! The metrics against the numbers that scikit-learn, scikit-image and torchmetrics printed:
//! `tests/golden/metrics.py` has the inputs and the calls, each number in `metrics.json` its `source`.

use crate::common::golden::{flat, golden};
use dytb::metrics::class_quality::{auroc, calibration_error, macro_scores, softmax, top_k};
use dytb::metrics::image_quality::{ImageError, image_errors, psnr, ssim};
use dytb::metrics::ranking::{Ranking, quantile};
use dytb::metrics::representation::class_information;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Of numbers computed in 64 bits; relative, absolute below 1.
const DOUBLE: f64 = 1e-9;
/// Of those that torchmetrics computed in 32 bits, and of probabilities.
const SINGLE: f64 = 1e-6;

/// A value in the golden file.
fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("a value of this type")
}

/// The cases of a kind, at least one.
fn cases(kind: &str) -> Vec<Value> {
    let cases: Vec<Value> = read(&golden("metrics.json")[kind]);
    assert!(!cases.is_empty(), "no {kind}");
    cases
}

/// Fails where ours is not near an expectation's `value`: torchmetrics' are of 32 bits.
#[track_caller]
fn assert_near(what: &str, ours: f64, expected: &Value) {
    let (source, theirs): (String, f64) = (read(&expected["source"]), read(&expected["value"]));
    let relative = if source.starts_with("torchmetrics") { SINGLE } else { DOUBLE };
    let tolerance = relative * theirs.abs().max(1.0);
    assert!((ours - theirs).abs() <= tolerance, "{what}: {ours}, {theirs} of {source}");
}

/// A case of class probabilities: its name, their number of classes, they and the labels.
fn classified(case: &Value) -> (String, usize, Vec<f32>, Vec<u32>) {
    let probabilities = flat(&case["probabilities"]);
    (read(&case["name"]), read(&case["classes"]), probabilities, read(&case["labels"]))
}

#[test]
fn softmax_is_scipys() {
    let cases: Vec<_> =
        cases("classes").into_iter().filter(|case| case["logits"].is_array()).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let ours = softmax(&flat(&case["logits"]), read(&case["classes"]));
        let theirs: Vec<f64> = read(&case["softmax"]["value"]);
        assert_eq!(ours.len(), theirs.len());
        for (our, their) in ours.iter().zip(theirs) {
            assert!((f64::from(*our) - their).abs() <= SINGLE, "{our}, {their} of SciPy");
        }
    }
}

#[test]
fn top_k_is_scikit_learns() {
    for case in cases("classes") {
        let (name, classes, probabilities, labels) = classified(&case);
        for (k, expected) in case["top_k"].as_object().expect("by k") {
            let ours = top_k(&probabilities, classes, &labels, k.parse().expect("a number"));
            assert_near(&format!("{name}, top {k}"), ours, expected);
        }
    }
}

#[test]
fn macro_scores_are_scikit_learns() {
    for case in cases("classes") {
        let (name, classes, ..) = classified(&case);
        let ours = macro_scores(&read::<Vec<u64>>(&case["confusion"]), classes);
        let theirs: [f64; 3] = read(&case["macro"]["value"]);
        for (our, their) in [ours.precision, ours.recall, ours.f1].into_iter().zip(theirs) {
            assert!((our - their).abs() <= DOUBLE, "{name}: {ours:?}, expected {theirs:?}");
        }
    }
}

#[test]
fn areas_are_scikit_learns_and_torchmetrics() {
    for case in cases("classes") {
        let (name, classes, probabilities, labels) = classified(&case);
        let ours = auroc(&probabilities, classes, &labels);
        let expectations: Vec<Value> = read(&case["auroc"]);
        assert_eq!(ours.is_none(), expectations.is_empty(), "{name}");
        for expected in expectations {
            assert_near(&name, ours.expect("an area"), &expected);
        }
    }
}

#[test]
fn calibration_errors_are_torchmetrics() {
    for case in cases("classes").into_iter().chain(cases("boundaries")) {
        let (name, classes, probabilities, labels) = classified(&case);
        for (bins, expected) in case["calibration_error"].as_object().expect("by bins") {
            let number = bins.parse().expect("a number");
            let ours = calibration_error(&probabilities, classes, &labels, number);
            assert_near(&format!("{name}, {bins} bins"), ours, expected);
        }
    }
}

#[test]
fn errors_and_decibels_are_scikit_images_and_torchmetrics() {
    for case in cases("images") {
        let name: String = read(&case["name"]);
        let (image, reconstruction) = (flat(&case["image"]), flat(&case["reconstruction"]));
        let errors = image_errors(&image, &reconstruction, image.len());
        let [ImageError { mse, mae }] = errors[..] else { panic!("{name}: {errors:?}") };
        assert_near(&name, mse, &case["mse"]);
        assert_near(&name, mae, &case["mae"]);
        match case["psnr"].as_array() {
            None => assert_eq!(psnr(mse), f64::INFINITY, "{name}"),
            Some(all) => all.iter().for_each(|expected| assert_near(&name, psnr(mse), expected)),
        }
    }
}

#[test]
fn similarities_are_scikit_images_and_torchmetrics() {
    for case in cases("images") {
        let name: String = read(&case["name"]);
        let ours =
            ssim(&flat(&case["image"]), &flat(&case["reconstruction"]), read(&case["shape"]));
        for expected in read::<Vec<Value>>(&case["ssim"]) {
            assert_near(&name, ours, &expected);
        }
    }
}

#[test]
fn rankings_are_scikit_learns() {
    for case in read::<Vec<Value>>(&golden("ranking.json")["cases"]) {
        let name: String = read(&case["name"]);
        let (scores, odd): (Vec<f64>, Vec<bool>) = (read(&case["scores"]), read(&case["odd"]));
        let ranking = Ranking::new(scores.iter().copied().zip(odd)).expect("both kinds");
        let near = |what: &str, our: f64, their: f64| {
            assert!((our - their).abs() <= DOUBLE, "{name}, {what}: {our}, expected {their}");
        };
        near("auroc", ranking.auroc(), read(&case["auroc"]));
        near("average precision", ranking.average_precision(), read(&case["average_precision"]));
        let (f1, at) = ranking.best_f1();
        near("f1", f1, read(&case["best_f1"]));
        assert_eq!(at, read::<f64>(&case["best_f1_at"]), "{name}");
        let roc: Vec<(f64, f64)> = read(&case["roc"]);
        assert_eq!(ranking.roc().len(), roc.len(), "{name}");
        for (ours, theirs) in ranking.roc().into_iter().zip(roc) {
            near("roc", ours.0, theirs.0);
            near("roc", ours.1, theirs.1);
        }
        for (share, expected) in read::<Vec<(f64, f64)>>(&case["quantiles"]) {
            assert_eq!(quantile(&scores, share), expected, "{name}, {share}");
        }
    }
}

#[test]
fn representations_are_scikit_learns() {
    for case in read::<Vec<Value>>(&golden("representation.json")["cases"]) {
        let name: String = read(&case["name"]);
        let (vectors, labels): (Vec<f32>, Vec<u32>) =
            (read(&case["vectors"]), read(&case["labels"]));
        let ours = class_information(&vectors, read(&case["values"]), &labels).expect(&name);
        assert_eq!(ours.known + ours.predicted, labels.len(), "{name}");
        assert_eq!(ours.neighbours, read::<f64>(&case["neighbours"]), "{name}");
        assert_eq!(ours.probe, read::<f64>(&case["probe"]), "{name}");
    }
}

//! The statistics over seeds against the numbers that SciPy, statsmodels and NumPy printed:
//! `tests/golden/statistics.py` has the inputs and the calls, each entry of `statistics.json` its `source`.

use crate::common::golden::golden;
use dytb::stats::{Summary, holm, mcnemar, sign_flip, spearman};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Relative, of the summaries.
const SUMMARY: f64 = 1e-12;
/// Relative, of all others.
const RELATIVE: f64 = 1e-9;

/// A value in the golden file.
fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("a value of this type")
}

/// The cases of a kind, at least one.
fn cases(kind: &str) -> Vec<Value> {
    let cases: Vec<Value> = read(&golden("statistics.json")[kind]);
    assert!(!cases.is_empty(), "no {kind}");
    cases
}

/// Fails where ours is not the number under `key` of a case, which is shown.
#[track_caller]
fn assert_near(case: &Value, key: &str, ours: f64, relative: f64) {
    let theirs: f64 = read(&case[key]);
    assert!((ours - theirs).abs() <= relative * theirs.abs(), "{key}: {ours}, expected of {case}");
}

#[test]
fn summaries_are_numpys() {
    for case in cases("summaries") {
        let values: Vec<f64> = read(&case["values"]);
        let summary = Summary::of(&values).expect("values");
        assert_eq!(summary.n, values.len());
        let deviation = summary.standard_deviation.expect("two values or more");
        assert_near(&case, "mean", summary.mean, SUMMARY);
        assert_near(&case, "standard_deviation", deviation, SUMMARY);
        assert_near(&case, "median", summary.median, SUMMARY);
        assert_near(&case, "least", summary.least, 0.0);
        assert_near(&case, "most", summary.most, 0.0);
    }
}

#[test]
fn the_sign_flip_test_is_scipys() {
    for case in cases("sign_flips") {
        let test = sign_flip(&read::<Vec<f64>>(&case["differences"]));
        assert!(test.exact && test.least_p <= test.p, "{test:?} of {case}");
        assert_near(&case, "p", test.p, RELATIVE);
    }
}

#[test]
fn mcnemars_test_is_scipys() {
    for case in cases("mcnemars") {
        let p = mcnemar(read(&case["only_first_right"]), read(&case["only_second_right"]));
        assert_near(&case, "p", p, RELATIVE);
    }
}

#[test]
fn holms_p_values_are_those_of_statsmodels() {
    for case in cases("holms") {
        let ours = holm(&read::<Vec<f64>>(&case["p"]));
        let theirs: Vec<Value> = read(&case["adjusted"]);
        assert_eq!(ours.len(), theirs.len());
        for (our, their) in ours.into_iter().zip(theirs) {
            let of_one = serde_json::json!({ "p": case["p"], "adjusted": their });
            assert_near(&of_one, "adjusted", our, RELATIVE);
        }
    }
}

#[test]
fn spearmans_correlation_is_scipys() {
    for case in cases("spearmans") {
        let (x, y): (Vec<f64>, Vec<f64>) = (read(&case["x"]), read(&case["y"]));
        assert_near(&case, "rho", spearman(&x, &y).expect("no constant"), RELATIVE);
    }
}

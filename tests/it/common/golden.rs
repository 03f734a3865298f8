//! TensorFlow's numbers (`tests/golden/`), and how near ours have to be.

use std::fs::File;
use std::path::Path;

use burn::tensor::Tensor;
use flate2::read::GzDecoder;
use serde_json::Value;

/// TensorFlow's numbers in `tests/golden/{name}.gz`.
#[track_caller]
pub fn golden(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let file = File::open(folder.join(format!("{name}.gz"))).expect(name);
    let text = std::io::read_to_string(GzDecoder::new(file)).expect(name);
    serde_json::from_str(&text).expect(name)
}

/// The numbers in nested lists, in their order.
pub fn flat(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().expect("a number") as f32],
    }
}

/// The lengths of nested lists, the outermost first.
pub fn dims(value: &Value) -> Vec<usize> {
    match value {
        Value::Array(values) => [vec![values.len()], dims(&values[0])].concat(),
        _ => vec![],
    }
}

/// The values of `tensor`.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

/// Fails unless `ours` are within 1e-5 of `theirs`, or within the share `absolute` of the largest of them where they are
/// sums of many.
#[track_caller]
pub fn assert_as(what: &str, ours: &[f32], theirs: &Value, absolute: f32) {
    let theirs = flat(theirs);
    let largest = theirs.iter().fold(0.0_f32, |most, value| value.abs().max(most));
    assert_close(what, ours, &theirs, 1e-5, absolute * largest.max(1.0));
}

/// Fails where `ours` and `theirs` differ by more than `relative` of theirs plus `absolute`.
#[track_caller]
pub fn assert_close(what: &str, ours: &[f32], theirs: &[f32], relative: f32, absolute: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (index, (our, their)) in ours.iter().zip(theirs).enumerate() {
        let tolerance = relative * their.abs() + absolute;
        assert!((our - their).abs() <= tolerance, "{what}[{index}]: {our}, expected {their}");
    }
}

//! TensorFlow's numbers, and how near ours have to be.

use std::path::PathBuf;

use serde_json::Value;

use super::skip::skipped;

/// The reference material beside the repository (`../shared`, or the folder in `DYTB_SHARED`), if
/// it is there. A test without it says so on stderr and checks nothing.
pub fn shared(what: &str) -> Option<PathBuf> {
    let root = std::env::var_os("DYTB_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        PathBuf::from,
    );
    let path = root.join(what);
    if !path.exists() {
        skipped(&format!("what needs {}, which is not there", path.display()));
        return None;
    }
    Some(path)
}

/// TensorFlow's numbers in `golden/{name}`, if they are there.
pub fn golden(name: &str) -> Option<Value> {
    let path = shared(&format!("golden/{name}"))?;
    Some(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
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

/// Fails where `ours` and `theirs` differ by more than `relative` of theirs plus `absolute`.
#[track_caller]
pub fn assert_close(what: &str, ours: &[f32], theirs: &[f32], relative: f32, absolute: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (index, (our, their)) in ours.iter().zip(theirs).enumerate() {
        let tolerance = relative * their.abs() + absolute;
        assert!((our - their).abs() <= tolerance, "{what}[{index}]: {our}, expected {their}");
    }
}

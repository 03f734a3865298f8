//! A sweep as a file of JSON: the flags by name.
//!
//! ```json
//! { "model": "LeNet", "dataset": "MNIST", "trials": 27, "search": "random", "seeds": 3,
//!   "vary": { "learning_rate": "log:1e-4..1e-1", "batch_size": [32, 128] } }
//! ```

use std::fs;
use std::path::Path;

use anyhow::Result;
use clap::Parser;
use serde_json::{Map, Value};

use super::Sweep;
use crate::error::{Exit, Failure};
use crate::sweep::separator;

/// The most bytes of a file.
const MAX_BYTES: usize = 1 << 20;

/// The sweep that the file `path` describes.
///
/// # Errors
/// [`Exit::Usage`] where it cannot be read, or describes none.
pub(super) fn read(path: &Path) -> Result<Sweep> {
    let wrong = |why: String| {
        Failure::new(Exit::Usage, format!("`--file {}`", path.display())).why(why).help(
            r#"it has the flags by name, as {"model": "LeNet", "dataset": "MNIST", "vary": {"batch_size": [32, 128]}}"#,
        )
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    if text.len() > MAX_BYTES {
        return Err(wrong(format!("it has more than {MAX_BYTES} bytes")).into());
    }
    let object: Map<String, Value> =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let words = ["dytb sweep".to_owned()].into_iter().chain(words(&object));
    let sweep = Sweep::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        wrong(text.trim_start_matches("error: ").trim_end().to_owned())
    })?;
    Ok(sweep)
}

/// The flags as words of a command line.
fn words(object: &Map<String, Value>) -> Vec<String> {
    let mut words = Vec::new();
    for (name, value) in object {
        match value {
            Value::Null | Value::Bool(false) => {}
            Value::Bool(true) => words.push(format!("--{name}")),
            Value::Object(varied) if name == "vary" => {
                let each = varied.iter().map(|(flag, values)| {
                    format!("--vary={flag}={}", listed(values, separator(flag)))
                });
                words.extend(each);
            }
            value => words.push(format!("--{name}={}", text(value))),
        }
    }
    words
}

/// A value as it is written on a command line; a list with commas.
fn text(value: &Value) -> String {
    listed(value, ",")
}

/// The same, a list with this `separator`.
fn listed(value: &Value, separator: &str) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(separator),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_by_name() {
        let json = r#"{"model": "LeNet", "seeds": [1, 2], "offline": true, "restart": false, "comment": null,
                       "vary": {"batch_size": [32, 128], "augment": ["none", "crop:4,flip"], "learning_rate": "log:1e-4..1"},
                       "optimizer_args": {"momentum": 0.9}}"#;
        let words = words(&serde_json::from_str(json).unwrap());
        assert_eq!(
            words,
            [
                "--model=LeNet",
                "--seeds=1,2",
                "--offline",
                "--vary=batch_size=32,128",
                "--vary=augment=none;crop:4,flip",
                "--vary=learning_rate=log:1e-4..1",
                r#"--optimizer_args={"momentum":0.9}"#
            ]
        );
    }
}

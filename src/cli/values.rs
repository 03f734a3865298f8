//! How the values of flags are read.

use clap::builder::{PossibleValuesParser, RangedU64ValueParser};
use serde_json::{Map, Value};

use crate::Kind;
use crate::data::picture::LONGEST;
use crate::models::MODELS;
use crate::optimizers::OPTIMIZERS;

/// Accepts the names of `table` and lists them in `--help`.
pub(super) fn names<T>(table: &'static [(&'static str, T)]) -> PossibleValuesParser {
    PossibleValuesParser::new(table.iter().map(|(name, _)| *name))
}

/// Accepts the names of the models of this kind.
pub(super) fn models(kind: Kind) -> PossibleValuesParser {
    let models = MODELS.iter().filter(|(_, model)| model.kind() == kind);
    PossibleValuesParser::new(models.map(|(name, _)| *name))
}

/// Accepts the names of the optimizers.
pub(super) fn optimizers() -> PossibleValuesParser {
    PossibleValuesParser::new(
        OPTIMIZERS
            .iter()
            .map(|entry| clap::builder::PossibleValue::new(entry.name).alias(entry.short)),
    )
}

/// A JSON object.
pub(super) fn json_object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(format!("this is no JSON object; for instance: {EXAMPLE}")),
        Err(error) => Err(format!("this is no JSON: {error}; for instance: {EXAMPLE}")),
    }
}

const EXAMPLE: &str = r#"'{"learning_rate": 1e-2, "momentum": 0.9}'"#;

/// A whole number from 1.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it has to be 1 or more".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("it has to be a whole number, 1 or more".into()),
    }
}

/// `N` or `HxW`: height and width.
pub(super) fn image_size(text: &str) -> Result<[usize; 2], String> {
    let (height, width) = text.split_once('x').unwrap_or((text, text));
    match [height, width].map(str::parse) {
        [Ok(height @ 1..=LONGEST), Ok(width @ 1..=LONGEST)] => Ok([height, width]),
        _ => Err(format!("it has to be N or HxW, each 1 to {LONGEST}, as 64 or 48x64")),
    }
}

/// The most epochs: so many, of any number of steps, can be counted.
pub(super) const MOST_EPOCHS: u64 = u32::MAX as u64;

/// A number of epochs from 1.
pub(super) fn epochs() -> RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=MOST_EPOCHS)
}

/// A number from 0.
pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        _ => Err("it has to be a number, 0 or more".into()),
    }
}

/// What may stand in the name of a folder.
pub(super) fn comment(text: &str) -> Result<String, String> {
    let forbidden = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    if text.is_empty() || text.len() > 100 || text.contains(forbidden) {
        return Err(
            "it becomes part of a folder's name: 1 to 100 characters, none of / \\ : * ? \" < > |"
                .into(),
        );
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_values_say_what_is_wanted() {
        assert!(json_object("{learning_rate: 1}").unwrap_err().contains("no JSON"));
        assert!(json_object("[1]").unwrap_err().contains("no JSON object"));
        assert!(at_least_one("0").unwrap_err().contains("1 or more"));
        assert!(at_least_one("-3").is_err());
        assert_eq!((image_size("64"), image_size("48x64")), (Ok([64, 64]), Ok([48, 64])));
        for wrong in ["", "x", "64x", "-1", "0", "1x0", "4097", "1x2x3", "1X2"] {
            assert!(image_size(wrong).unwrap_err().contains("HxW"), "{wrong}");
        }
        assert!(not_negative("nan").is_err());
        assert!(not_negative("-1e-9").is_err());
        assert_eq!(not_negative("1e-9"), Ok(1e-9));
        assert!(comment("../../etc").is_err());
        assert_eq!(comment("second try").as_deref(), Ok("second try"));
    }
}

//! The arguments of a model, which `--model_args` gives: `{"code": 32}`.
//!
//! A model names them in its constant `MODEL`; what is built has all of them, checked, the defaults filled in.
//!
//! ```
//! use dytb::nn::{Argument, ModelArguments};
//!
//! let known = &[Argument::whole("code", 32, [1, 4096])];
//! assert_eq!(ModelArguments::of("ConvAE", known, &Default::default()).unwrap().whole("code"), 32);
//! let given = serde_json::from_str(r#"{"code": 0}"#).unwrap();
//! let error = ModelArguments::of("ConvAE", known, &given).unwrap_err();
//! assert!(error.to_string().contains("a whole number, 1 to 4096"));
//! ```

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::util::argument::{self, ArgDefault, Argument, Values};

/// The flag that gives them.
const FLAG: &str = "--model_args";

/// A `value` of `argument` as all that are equal to it are written: 4 and 4.0 are one run, with one name.
fn alike(argument: &Argument, value: Value) -> Value {
    match (argument.default, value.as_f64()) {
        // -0 + 0 is 0.
        (ArgDefault::Number(_), Some(number)) => Value::from(number + 0.0),
        _ => value,
    }
}

/// Arguments of a model by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelArguments(Values);

impl ModelArguments {
    /// All arguments of the model called `name`, which knows these, where the user gave `given`.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::error::Exit::Usage) for an argument that the model does not know, and one of another kind or
    /// outside of its limit.
    pub fn of(name: &str, known: &[Argument], given: &Map<String, Value>) -> Result<Self> {
        let names: Vec<_> = known.iter().map(|argument| argument.name).collect();
        if let Some(unknown) = given.keys().find(|key| !names.contains(&key.as_str())) {
            return Err(argument::unknown(FLAG, name, unknown, &names).into());
        }
        let mut values = BTreeMap::new();
        for argument in known {
            let value = argument::check(FLAG, name, argument, given.get(argument.name))?;
            values.extend(value.map(|value| (argument.name.to_owned(), alike(argument, value))));
        }
        Ok(Self(Values(values)))
    }

    /// The same, as they are given.
    pub fn as_given(&self) -> Map<String, Value> {
        self.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }

    /// A number among them.
    ///
    /// # Panics
    /// When the model has no number of that name.
    pub fn number(&self, name: &str) -> f64 {
        self.0.number(name)
    }

    /// A whole number among them.
    ///
    /// # Panics
    /// When the model has no whole number of that name.
    pub fn whole(&self, name: &str) -> usize {
        self.0.whole(name)
    }

    /// A truth value among them.
    ///
    /// # Panics
    /// When the model has no truth value of that name.
    pub fn flag(&self, name: &str) -> bool {
        self.0.flag(name)
    }

    /// A word among them.
    ///
    /// # Panics
    /// When the model has no word of that name.
    pub fn word(&self, name: &str) -> &str {
        self.0.word(name)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use crate::models::MODELS;
    use crate::util::argument::Limit;

    /// However a default is written, it is the default: the run has one name.
    #[test]
    fn equal_numbers_are_one() {
        for (name, model) in MODELS {
            let of = |given| ModelArguments::of(name, model.arguments(), &given).unwrap();
            let default = of(Map::new());
            for argument in model.arguments() {
                let ArgDefault::Number(number) = argument.default else { continue };
                let is_whole = number.fract() == 0.0;
                let value = if is_whole { json!(number as u64) } else { json!(number) };
                let given = of(Map::from_iter([(argument.name.to_owned(), value)]));
                assert_eq!(given.as_given(), default.as_given(), "{name}");
            }
        }
        let known = [Argument::number("beta", 4.0, Limit::NotNegative)];
        let given = Map::from_iter([("beta".to_owned(), json!(-0.0))]);
        assert_eq!(
            json!(ModelArguments::of("x", &known, &given).unwrap()).to_string(),
            "{\"beta\":0.0}"
        );
    }
}

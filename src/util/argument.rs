//! Arguments that are given as a JSON object, as `{"learning_rate": 1e-3}`, checked against what there is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Exit, Failure};
use crate::util::similar::nearest;

/// An argument that somebody gives by its name.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// What it is called: for an optimizer by TensorFlow, or by burn where TensorFlow does not have it.
    pub name: &'static str,
    /// What it is when it is not given.
    pub default: ArgDefault,
    /// What it has to be, if it is a number; of others nobody looks at it.
    pub limit: Limit,
}

impl Argument {
    /// A number that is `default` where it is not given, and has to be within `limit`.
    pub const fn number(name: &'static str, default: f64, limit: Limit) -> Self {
        Self { name, default: ArgDefault::Number(default), limit }
    }

    /// A number within `limit` that has to be given.
    pub const fn required(name: &'static str, limit: Limit) -> Self {
        Self { name, default: ArgDefault::Required, limit }
    }

    /// A whole number that is `default` where it is not given, and has to be from `least` to `most`.
    pub const fn whole(name: &'static str, default: u64, [least, most]: [u64; 2]) -> Self {
        Self { name, default: ArgDefault::Whole(default), limit: Limit::Range(least, most) }
    }

    /// A truth value that is `default` where it is not given.
    pub const fn flag(name: &'static str, default: bool) -> Self {
        Self { name, default: ArgDefault::Flag(default), limit: Limit::NotNegative }
    }

    /// One of these `words`, the first where none is given.
    pub const fn words(name: &'static str, words: &'static [&'static str]) -> Self {
        Self { name, default: ArgDefault::Words(words), limit: Limit::NotNegative }
    }
}

/// What a number has to be. Outside of it an optimizer divides by 0, or moves away from where it should go; a model
/// has no layers, or more than a memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// 0 or more.
    NotNegative,
    /// More than 0.
    Positive,
    /// 0 or less.
    NotPositive,
    /// From 0 to 1, but not 1: the share of the old in a mean that is corrected for its beginning.
    BelowOne,
    /// From 0 to 1.
    UpToOne,
    /// From the first to the second.
    Range(u64, u64),
}

impl Limit {
    pub(crate) fn allows(self, value: f64) -> bool {
        match self {
            Self::NotNegative => value >= 0.0,
            Self::Positive => value > 0.0,
            Self::NotPositive => value <= 0.0,
            Self::BelowOne => (0.0..1.0).contains(&value),
            Self::UpToOne => (0.0..=1.0).contains(&value),
            Self::Range(least, most) => (least as f64..=most as f64).contains(&value),
        }
    }

    pub(crate) fn words(self) -> String {
        let words = match self {
            Self::Range(least, most) => return format!("{least} to {most}"),
            Self::NotNegative => "0 or more",
            Self::Positive => "more than 0",
            Self::NotPositive => "0 or less",
            Self::BelowOne => "0 or more and less than 1",
            Self::UpToOne => "0 to 1",
        };
        words.to_owned()
    }
}

/// What an argument is when it is not given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ArgDefault {
    /// It has to be given: a number.
    Required,
    /// A number.
    Number(f64),
    /// A whole number.
    Whole(u64),
    /// A truth value.
    Flag(bool),
    /// The first of these words; only they can be given.
    Words(&'static [&'static str]),
}

/// Values by the names of their arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Values(pub(crate) BTreeMap<String, Value>);

impl Values {
    /// A number among them.
    ///
    /// # Panics
    /// When there is no number of that name.
    pub fn number(&self, name: &str) -> f64 {
        self.0[name].as_f64().expect("numbers were checked")
    }

    /// A whole number among them.
    ///
    /// # Panics
    /// When there is no whole number of that name.
    pub fn whole(&self, name: &str) -> usize {
        self.0[name].as_u64().expect("whole numbers were checked") as usize
    }

    /// A truth value among them.
    ///
    /// # Panics
    /// When there is no truth value of that name.
    pub fn flag(&self, name: &str) -> bool {
        self.0[name].as_bool().expect("truth values were checked")
    }

    /// A word among them.
    ///
    /// # Panics
    /// When there is no word of that name.
    pub fn word(&self, name: &str) -> &str {
        self.0[name].as_str().expect("words were checked")
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// The value of `argument` of `owner`, which `flag` gives: `given`, if it is of the right kind, or the default; `None`
/// where it has to be given, and is not.
///
/// # Errors
/// [`Exit::Usage`] for a value of another kind or outside of the limit.
pub(crate) fn check(
    flag: &str,
    owner: &str,
    argument: &Argument,
    given: Option<&Value>,
) -> Result<Option<Value>, Failure> {
    let wrong = |kind: &str, value: &Value| {
        Failure::new(Exit::Usage, format!("`{flag}`: `{}` is {value}", argument.name))
            .why(format!("{owner} takes {kind} there"))
    };
    let Some(value) = given else {
        return Ok(match argument.default {
            ArgDefault::Required => None,
            ArgDefault::Number(number) => Some(Value::from(number)),
            ArgDefault::Whole(number) => Some(Value::from(number)),
            ArgDefault::Flag(flag) => Some(Value::from(flag)),
            ArgDefault::Words(words) => Some(Value::from(words[0])),
        });
    };
    let is_allowed = || value.as_f64().is_some_and(|number| argument.limit.allows(number));
    let kind = match argument.default {
        ArgDefault::Flag(_) if !value.is_boolean() => "true or false".to_owned(),
        ArgDefault::Required | ArgDefault::Number(_) if !value.is_number() => "a number".to_owned(),
        ArgDefault::Required | ArgDefault::Number(_) if !is_allowed() => {
            format!("a number, {},", argument.limit.words())
        }
        ArgDefault::Whole(_) if !value.is_u64() || !is_allowed() => {
            format!("a whole number, {},", argument.limit.words())
        }
        ArgDefault::Words(words) if !words.iter().any(|word| *value == **word) => {
            words.join(" or ")
        }
        _ => return Ok(Some(value.clone())),
    };
    Err(wrong(&kind, value))
}

/// That `owner` has no argument called `unknown`, which `flag` gives, but those of these `names`.
pub(crate) fn unknown(flag: &str, owner: &str, unknown: &str, names: &[&str]) -> Failure {
    let failure =
        Failure::new(Exit::Usage, format!("`{flag}`: {owner} has no argument `{unknown}`"));
    let failure = match names {
        [] => failure.why("it takes none"),
        _ => failure.why(format!("its arguments: {}", names.join(", "))),
    };
    match nearest(unknown, names.iter().copied(), 0.8) {
        Some(name) => failure.help(format!("a similar one: `{name}`")),
        None => failure,
    }
}

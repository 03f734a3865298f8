//! `--optimizer_args`: a JSON object, checked against what the optimizer knows.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Entry;
use crate::error::{Exit, Failure};
use crate::util::argument::{self, ArgDefault, Argument, Limit, Values};

/// The flag that gives them.
const FLAG: &str = "--optimizer_args";

/// A type that an argument is read as.
pub trait ArgumentValue {
    /// The value of the argument `name`.
    ///
    /// # Panics
    /// When the optimizer has none of that name and type.
    fn read(arguments: &Arguments, name: &str) -> Self;
}

impl ArgumentValue for f64 {
    fn read(arguments: &Arguments, name: &str) -> Self {
        arguments.number(name)
    }
}

impl ArgumentValue for bool {
    fn read(arguments: &Arguments, name: &str) -> Self {
        arguments.flag(name)
    }
}

/// An optimizer's arguments: the struct that its rule reads, and its row of
/// [`OPTIMIZERS`](crate::optim::OPTIMIZERS).
///
/// `tensorflow Adam { ... }` is `--optimizer AdamOptimizer` (or `Adam`), one of TensorFlow 1's; `later AdamW { ... }`
/// is `--optimizer AdamW`. A field is `name: type = kind(...)`, where kind is a constructor of [`Argument`]:
/// `number(default, limit)`, `required(limit)`, `flag(default)`, `words(list)`.
macro_rules! optimizer {
    ($(#[$doc:meta])* tensorflow $type:ident { $($fields:tt)* }) => {
        optimizer! {
            @ $(#[$doc])* $type, concat!(stringify!($type), "Optimizer"), true, $($fields)*
        }
    };
    ($(#[$doc:meta])* later $type:ident { $($fields:tt)* }) => {
        optimizer! { @ $(#[$doc])* $type, stringify!($type), false, $($fields)* }
    };
    (
        @ $(#[$doc:meta])* $type:ident, $name:expr, $tensorflow:literal,
        $($(#[$field_doc:meta])* $field:ident: $value:ty = $kind:ident($($of_kind:expr),*)),* $(,)?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $type {
            $($(#[$field_doc])* pub $field: $value,)*
        }

        impl $type {
            /// Its row of [`OPTIMIZERS`](crate::optim::OPTIMIZERS).
            pub const ENTRY: $crate::optim::Entry = $crate::optim::Entry {
                name: $name,
                short: stringify!($type),
                tensorflow: $tensorflow,
                arguments: &[
                    $($crate::optim::Argument::$kind(stringify!($field), $($of_kind),*),)*
                ],
                build: |arguments| $crate::optim::ByRule($type::read(arguments)).into(),
                rows: |arguments| $crate::optim::Rule::rows(&$type::read(arguments)),
            };

            fn read(_arguments: &$crate::optim::Arguments) -> Self {
                $type {
                    $($field: $crate::optim::ArgumentValue::read(_arguments, stringify!($field)),)*
                }
            }
        }
    };
}
pub(super) use optimizer;

/// The name of the one argument that every optimizer requires.
const LEARNING_RATE: Argument = Argument::required("learning_rate", Limit::NotNegative);
/// TensorFlow's optimizers take it; without parallel writers there is nothing to lock.
const USE_LOCKING: Argument = Argument::flag("use_locking", false);

/// All arguments of an optimizer, the defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Value>", into = "BTreeMap<String, Value>")]
pub struct Arguments(Values);

impl Arguments {
    /// The arguments of `entry` where the user gave `given`.
    ///
    /// # Errors
    /// [`Exit::Usage`] for an argument that `entry` does not know, one that is missing, and one of
    /// the wrong kind.
    pub fn new(entry: &Entry, given: Map<String, Value>) -> Result<Self> {
        let known = || [&LEARNING_RATE].into_iter().chain(entry.arguments);
        let locking = entry.tensorflow.then_some(&USE_LOCKING);
        let is_known = |key: &str| known().chain(locking).any(|argument| argument.name == key);
        if let Some(unknown) = given.keys().find(|key| !is_known(key)) {
            return Err(unknown_argument(entry, unknown, known()));
        }
        if let Some(value) = given.get(USE_LOCKING.name) {
            check(entry, &USE_LOCKING, Some(value))?;
        }
        let mut values = BTreeMap::new();
        for argument in known() {
            let value = check(entry, argument, given.get(argument.name))?;
            values.insert(argument.name.to_owned(), value);
        }
        Ok(Self(Values(values)))
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> f64 {
        self.number(LEARNING_RATE.name)
    }

    /// The learning rate as it was written: Python prints `1` and `1.0` differently.
    pub fn learning_rate_json(&self) -> &Value {
        &self.0.0[LEARNING_RATE.name]
    }

    /// A number among them.
    ///
    /// # Panics
    /// When the optimizer has no number of that name.
    pub fn number(&self, name: &str) -> f64 {
        self.0.number(name)
    }

    /// A truth value among them.
    ///
    /// # Panics
    /// When the optimizer has no truth value of that name.
    pub fn flag(&self, name: &str) -> bool {
        self.0.flag(name)
    }

    /// A word among them.
    ///
    /// # Panics
    /// When the optimizer has no word of that name.
    pub fn word(&self, name: &str) -> &str {
        self.0.word(name)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter()
    }
}

impl TryFrom<BTreeMap<String, Value>> for Arguments {
    type Error = String;

    /// What a file says; only the learning rate, which is in a run's name, has to be there.
    fn try_from(values: BTreeMap<String, Value>) -> Result<Self, String> {
        match values.get(LEARNING_RATE.name) {
            Some(Value::Number(_)) => Ok(Self(Values(values))),
            _ => Err("optimizer_args has no number `learning_rate`".into()),
        }
    }
}

impl From<Arguments> for BTreeMap<String, Value> {
    fn from(Arguments(Values(values)): Arguments) -> Self {
        values
    }
}

/// The value of `argument`: `given`, if it is of the right kind, or the default.
fn check(entry: &Entry, argument: &Argument, given: Option<&Value>) -> Result<Value> {
    argument::check(FLAG, entry.name, argument, given)?.ok_or_else(|| {
        Failure::new(Exit::Usage, format!("`{FLAG}` has no `{}`", argument.name))
            .why(format!("{} needs it", entry.name))
            .help(example(entry))
            .into()
    })
}

/// A complete line for `entry`.
fn example(entry: &Entry) -> String {
    let required = entry
        .arguments
        .iter()
        .filter(|argument| argument.default == ArgDefault::Required)
        .map(|argument| format!(", \"{}\": 0.9", argument.name))
        .collect::<String>();
    format!("for instance: --optimizer_args '{{\"learning_rate\": 1e-3{required}}}'")
}

fn unknown_argument<'a>(
    entry: &Entry,
    unknown: &str,
    known: impl Iterator<Item = &'a Argument>,
) -> anyhow::Error {
    let names: Vec<_> = known.map(|argument| argument.name).collect();
    let failure = argument::unknown(FLAG, entry.name, unknown, &names);
    if unknown == "momentum" && entry.short == "GradientDescent" {
        return failure.help("MomentumOptimizer has it").into();
    }
    if unknown == "lr" {
        return failure.help("a similar one: `learning_rate`").into();
    }
    failure.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::{OPTIMIZERS, find};

    fn arguments(name: &str, json: &str) -> Result<Arguments> {
        Arguments::new(find(name).unwrap(), serde_json::from_str(json).unwrap())
    }

    #[test]
    fn defaults_are_filled_in() {
        let adam = arguments("Adam", r#"{"learning_rate": 1e-5, "use_locking": true}"#).unwrap();
        assert_eq!(adam.learning_rate(), 1e-5);
        assert_eq!(adam.number("epsilon"), 1e-8);
    }

    /// No number outside of its limit gets through, of any optimizer, and every default is within it.
    #[test]
    fn limits_of_all_numbers() {
        for entry in OPTIMIZERS {
            let required = |name: &str| {
                let own = entry.arguments.iter().filter(|own| own.default == ArgDefault::Required);
                let mut given = Map::from_iter(own.map(|own| (own.name.to_owned(), 0.5.into())));
                given.insert("learning_rate".into(), 0.5.into());
                given.remove(name);
                given
            };
            Arguments::new(entry, required("")).unwrap();
            for argument in [&LEARNING_RATE].into_iter().chain(entry.arguments) {
                if !matches!(argument.default, ArgDefault::Number(_) | ArgDefault::Required) {
                    continue;
                }
                for number in [-1.0, -1e-300, 0.0, 1e-300, 0.5, 1.0, 1.5, 1e300] {
                    let mut given = required(argument.name);
                    given.insert(argument.name.into(), number.into());
                    let result = Arguments::new(entry, given);
                    let (name, allowed) = (argument.name, argument.limit.allows(number));
                    assert_eq!(result.is_ok(), allowed, "{}: {name} {number}", entry.name);
                    let error = result.err().map(|error| error.to_string()).unwrap_or_default();
                    assert!(allowed || error.contains(&argument.limit.words()), "{error}");
                }
            }
        }
        for (optimizer, argument, value) in [
            ("Adagrad", "initial_accumulator_value", 0.0),
            ("AdagradDA", "initial_gradient_squared_accumulator_value", 0.0),
            ("ProximalAdagrad", "initial_accumulator_value", 0.0),
            ("Ftrl", "initial_accumulator_value", -0.1),
            ("Ftrl", "learning_rate_power", 0.5),
            ("Ftrl", "l1_regularization_strength", -1.0),
            ("Adam", "beta1", 1.0),
            ("Adam", "beta2", 1.0),
            ("Lion", "beta_2", 1.5),
        ] {
            let given = format!(r#"{{"learning_rate": 1, "{argument}": {value}}}"#);
            let error = arguments(optimizer, &given).unwrap_err();
            assert_eq!(Exit::of(&error), Exit::Usage);
            assert!(error.to_string().contains(argument), "{error}");
        }
    }

    #[test]
    fn bad_arguments_are_named() {
        for (name, json, needle) in [
            ("Adam", r#"{}"#, "has no `learning_rate`"),
            ("Adam", r#"{"learning_rate": "x"}"#, "takes a number"),
            ("Adam", r#"{"learning_rate": 1, "beta_1": 0.5}"#, "a similar one: `beta1`"),
            ("Momentum", r#"{"learning_rate": 1}"#, "has no `momentum`"),
            ("Momentum", r#"{"learning_rate": 1, "momentum": 1, "use_nesterov": 1}"#, "true or"),
            ("AdamW", r#"{"learning_rate": 1, "beta1": 0.5}"#, "a similar one: `beta_1`"),
            ("AdamW", r#"{"learning_rate": 1, "use_locking": true}"#, "no argument `use_locking`"),
            ("Muon", r#"{"learning_rate": 1, "adjust_lr_fn": "x"}"#, "match_rms_adamw or original"),
            (
                "GradientDescent",
                r#"{"learning_rate": 1, "momentum": 0}"#,
                "MomentumOptimizer has it",
            ),
        ] {
            let error = arguments(name, json).unwrap_err();
            assert!(error.to_string().contains(needle), "{error}");
            assert_eq!(Exit::of(&error), Exit::Usage);
        }
    }
}

//! The optimizers: TensorFlow 1's, by TensorFlow's names, with TensorFlow's argument names, defaults
//! and rules; and later ones, by their usual names, with burn's argument names and the rules and
//! defaults of PyTorch or of their papers.
//!
//! Of the others that burn has none is here. SGD, Adam, AdaGrad and RMSProp are TensorFlow's but for
//! the place of ε and what the slots begin as (PyTorch's Adam is [`AdamW`] without decay). Adafactor
//! saves memory with means over the rows and columns of the last two axes: in a kernel of 3x3 that
//! saves little. LBFGS evaluates the loss many times a step, and wants all examples in it.
//!
//! ```
//! use dytb::optim::{self, Arguments};
//!
//! let adam = optim::find("AdamOptimizer").unwrap();
//! let given = serde_json::from_str(r#"{"learning_rate": 1e-5}"#).unwrap();
//! let arguments = Arguments::new(adam, given).unwrap();
//! assert_eq!(arguments.number("beta1"), 0.9);
//! let optimizer: burn::optim::ModuleOptimizer = (adam.build)(&arguments);
//! ```

mod adadelta;
mod adagrad;
mod adagrad_da;
mod adam;
mod adamw;
mod adan;
mod arguments;
mod elementwise;
mod ftrl;
mod gradient_descent;
mod lamb;
mod lion;
mod momentum;
mod muon;
mod numbers;
#[cfg(feature = "cube")]
mod one_pass;
mod proximal;
mod rmsprop;
mod rows;
mod rule;
mod slots;
#[cfg(feature = "cube")]
mod trace;

use burn::optim::ModuleOptimizer;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adagrad_da::AdagradDA;
pub use adam::Adam;
pub use adamw::AdamW;
pub use adan::Adan;
use arguments::optimizer;
pub use arguments::{ArgumentValue, Arguments};
pub use elementwise::{Elementwise, Step};
pub use ftrl::Ftrl;
pub use gradient_descent::GradientDescent;
pub use lamb::Lamb;
pub use lion::Lion;
pub use momentum::Momentum;
pub use muon::{LearningRates, Muon};
pub use numbers::Numbers;
pub use proximal::{ProximalAdagrad, ProximalGradientDescent};
pub use rmsprop::RMSProp;
pub use rows::{RowOptimizer, RowRule, Rows};
pub use rule::{ByRule, Rule, Slots};
pub(crate) use slots::{MOST_STEPS, to_bytes_and_largest};
pub use slots::{restore, to_bytes};

pub use crate::util::argument::{ArgDefault, Argument, Limit};

/// An optimizer that `--optimizer` knows.
pub struct Entry {
    /// TensorFlow's class, as `AdamOptimizer`, or the usual name, as `AdamW`.
    pub name: &'static str,
    /// TensorFlow's own short name, as `Adam`, or the usual one: run names carry it.
    pub short: &'static str,
    /// Whether it is one of TensorFlow 1's.
    pub tensorflow: bool,
    /// What `--optimizer_args` may hold besides `learning_rate`.
    pub arguments: &'static [Argument],
    /// Makes the optimizer.
    pub build: fn(&Arguments) -> ModuleOptimizer,
    /// Its rule for rows of matrices; `None` where the numbers of a parameter have to do with each other.
    pub rows: fn(&Arguments) -> Option<Box<dyn RowRule>>,
}

/// Every optimizer, by name.
pub const OPTIMIZERS: &[Entry] = &[
    Adadelta::ENTRY,
    Adagrad::ENTRY,
    AdagradDA::ENTRY,
    Adam::ENTRY,
    AdamW::ENTRY,
    Adan::ENTRY,
    Ftrl::ENTRY,
    GradientDescent::ENTRY,
    Lamb::ENTRY,
    Lion::ENTRY,
    Momentum::ENTRY,
    Muon::ENTRY,
    ProximalAdagrad::ENTRY,
    ProximalGradientDescent::ENTRY,
    RMSProp::ENTRY,
];

/// The optimizer called `name`, with or without TensorFlow's `Optimizer` at its end.
pub fn find(name: &str) -> Option<&'static Entry> {
    OPTIMIZERS.iter().find(|entry| entry.name == name || entry.short == name)
}

/// PyTorch's name of gradient descent.
pub const SGD: &str = "sgd";

/// The optimizer that a user means: by one of its names in upper or lower case, or by PyTorch's of gradient descent.
pub fn meant(text: &str) -> Option<&'static Entry> {
    let is_it = |entry: &&Entry| {
        [entry.name, entry.short].iter().any(|name| name.eq_ignore_ascii_case(text))
    };
    match text.eq_ignore_ascii_case(SGD) {
        true => find("GradientDescent"),
        false => OPTIMIZERS.iter().find(is_it),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tensorflows_or_the_usual() {
        for entry in OPTIMIZERS {
            let end = if entry.tensorflow { "Optimizer" } else { "" };
            assert_eq!(entry.name, format!("{}{end}", entry.short));
            assert!(find(entry.short).is_some_and(|found| found.name == entry.name));
        }
        assert!(find("Nothing").is_none() && meant("Nothing").is_none());
        for (text, name) in [("SGD", "GradientDescentOptimizer"), ("adam", "AdamOptimizer")] {
            assert_eq!(meant(text).map(|entry| entry.name), Some(name));
        }
    }
}

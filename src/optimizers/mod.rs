//! The optimizers, by TensorFlow's names, with TensorFlow's argument names, defaults and rules.
//!
//! ```
//! use dytb::optimizers::{self, Arguments};
//!
//! let adam = optimizers::find("AdamOptimizer").unwrap();
//! let given = serde_json::from_str(r#"{"learning_rate": 1e-5}"#).unwrap();
//! let arguments = Arguments::new(adam, given).unwrap();
//! assert_eq!(arguments.number("beta1"), 0.9);
//! let optimizer: burn::optim::ModuleOptimizer = (adam.build)(&arguments);
//! ```

mod adadelta;
mod adagrad;
mod adagrad_da;
mod adam;
mod arguments;
mod ftrl;
mod gradient_descent;
mod momentum;
mod proximal;
mod rmsprop;
mod rule;
mod slots;

use burn::optim::ModuleOptimizer;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adagrad_da::AdagradDA;
pub use adam::Adam;
pub use arguments::{Arguments, Default, Parameter};
pub use ftrl::Ftrl;
pub use gradient_descent::GradientDescent;
pub use momentum::Momentum;
pub use proximal::{ProximalAdagrad, ProximalGradientDescent};
pub use rmsprop::RMSProp;
pub use rule::{ByRule, Rule, Slots};
pub use slots::{restore, to_bytes};

/// An optimizer that `--optimizer` knows.
pub struct Entry {
    /// TensorFlow's class, as `AdamOptimizer`.
    pub name: &'static str,
    /// TensorFlow's own short name, as `Adam`: run names carry it.
    pub short: &'static str,
    /// What `--optimizer_args` may hold besides `learning_rate`.
    pub parameters: &'static [Parameter],
    /// Makes the optimizer.
    pub build: fn(&Arguments) -> ModuleOptimizer,
}

/// Every optimizer, by name.
pub const OPTIMIZERS: &[Entry] = &[
    adadelta::ENTRY,
    adagrad::ENTRY,
    adagrad_da::ENTRY,
    adam::ENTRY,
    ftrl::ENTRY,
    gradient_descent::ENTRY,
    momentum::ENTRY,
    proximal::ADAGRAD,
    proximal::GRADIENT_DESCENT,
    rmsprop::ENTRY,
];

/// The optimizer called `name`, with or without TensorFlow's `Optimizer` at its end.
pub fn find(name: &str) -> Option<&'static Entry> {
    OPTIMIZERS.iter().find(|entry| entry.name == name || entry.short == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tensorflows() {
        for entry in OPTIMIZERS {
            assert_eq!(entry.name, format!("{}Optimizer", entry.short));
            assert!(find(entry.short).is_some_and(|found| found.name == entry.name));
        }
        assert!(find("Nothing").is_none());
    }
}

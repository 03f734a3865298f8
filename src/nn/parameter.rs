//! A parameter, without its values.

use burn::module::ParamId;

/// What is known of a parameter without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// What gradients and summaries know it by.
    pub id: ParamId,
    /// The fields on the way to it, as `encode.weight`.
    pub name: String,
    /// The type of the module that has it as a field, as `Conv`.
    pub module: String,
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Whether the optimizer changes it: a statistic, what is frozen, or anything on a device without
    /// autodiff, it does not.
    pub trained: bool,
}

impl Parameter {
    /// The fields on the way to the layer that has it, and its own there: `encode` and `weight`.
    pub(crate) fn layer_and_field(&self) -> (&str, &str) {
        self.name.rsplit_once('.').unwrap_or(("", &self.name))
    }
}

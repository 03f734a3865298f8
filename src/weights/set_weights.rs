//! Weights into a network.

use burn::module::{ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use super::Weights;

/// Gives each parameter the values of its name, if they have its shape. Ids, and whether it is
/// trained, stay.
pub(crate) struct Set<'a> {
    weights: &'a Weights,
    path: Vec<String>,
}

impl<'a> Set<'a> {
    /// From `weights`.
    pub fn new(weights: &'a Weights) -> Self {
        Self { weights, path: Vec::new() }
    }
}

impl ModuleMapper for Set<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.val().dims();
        match self.weights.get(&self.path.join(".")) {
            Some(values) if values.shape() == shape => {
                let data = TensorData::new(values.values().to_vec(), shape);
                let id = param.id;
                let tensor = Tensor::from_data(data, &param.lazy_device());
                param.transform_for_load(tensor, id)
            }
            _ => param,
        }
    }
}

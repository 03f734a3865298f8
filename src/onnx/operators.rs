//! Operators and constants of an ONNX graph that is being written, each under a name of its own.

use std::collections::HashSet;

use super::proto::{Attribute, DataType, GraphParts, node, tensor};
use crate::weights::Values;

/// What was written so far.
#[derive(Default)]
pub(super) struct Operators {
    pub parts: GraphParts,
    /// The names of all values, written or kept.
    names: HashSet<String>,
    /// The names of the weights that are written.
    weights: HashSet<String>,
}

impl Operators {
    /// A name that begins with `wanted` and is no other's.
    fn name(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|n| format!("{wanted}_{n}"));
        let mut names = [wanted.to_owned()].into_iter().chain(numbered);
        let name = names.find(|name| !self.names.contains(name)).expect("there is no last number");
        self.names.insert(name.clone());
        name
    }

    /// Keeps `name` for an input, an output or a weight of the graph.
    pub fn reserve(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    /// An operator of this `kind` in the `scope` of a layer: what its output is called.
    pub fn add(
        &mut self,
        scope: &str,
        kind: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> String {
        let output =
            self.name(&if scope.is_empty() { kind.to_owned() } else { format!("{scope}/{kind}") });
        self.parts.nodes.push(node(kind, inputs, &output, attributes));
        output
    }

    /// An operator whose `output` has a name already.
    pub fn add_named(
        &mut self,
        kind: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, Attribute)],
    ) {
        self.parts.nodes.push(node(kind, inputs, output, attributes));
    }

    /// The weight called `name`, which is written once, however often it is used.
    pub fn weight(&mut self, name: &str, values: &Values) {
        if self.weights.insert(name.to_owned()) {
            let raw: Vec<u8> = values.values().iter().flat_map(|x| x.to_le_bytes()).collect();
            self.parts.initializers.push(tensor(name, DataType::Float, values.shape(), &raw));
        }
    }

    /// A constant of this `shape`: what it is called.
    pub fn floats(&mut self, wanted: &str, shape: &[usize], values: &[f32]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(wanted, DataType::Float, shape, &raw)
    }

    /// A list of whole numbers: what it is called.
    pub fn ints(&mut self, wanted: &str, values: &[i64]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(wanted, DataType::Int64, &[values.len()], &raw)
    }

    fn constant(&mut self, wanted: &str, kind: DataType, shape: &[usize], raw: &[u8]) -> String {
        let name = self.name(wanted);
        self.parts.initializers.push(tensor(&name, kind, shape, raw));
        name
    }
}

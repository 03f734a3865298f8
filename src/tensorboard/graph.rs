//! The graph of a model, as TensorFlow 1 would have drawn it: a `GraphDef` for TensorBoard's tab
//! "Graphs".
//!
//! Operations are linked in the order in which a forward pass does them. A layer is a scope of its
//! parameters, its operation, the addition of its bias and its activation: `encode/weight`,
//! `encode/bias`, `encode/Conv2D`, `encode/BiasAdd`, `encode/Tanh`. The edges carry the dimensions
//! `[?, channels, height, width]` of the images. A model that branches is drawn as a chain.

use std::collections::HashMap;

use protobuf::{Message, ProtobufError};
use tensorboard_proto::attr_value::{AttrValue, AttrValue_ListValue};
use tensorboard_proto::graph::GraphDef;
use tensorboard_proto::node_def::NodeDef;
use tensorboard_proto::tensor_shape::{TensorShapeProto, TensorShapeProto_Dim};
use tensorboard_proto::versions::VersionDef;

use crate::nn::Kind;
use crate::nn::Operation;
use crate::ops::Activation;

/// A version of GraphDef that TensorBoard takes: that of TensorFlow 1.12.
const PRODUCER: i32 = 27;

/// A `GraphDef`, encoded, of a model of this `kind` that did these `operations` on images of `shape`
/// `[channels, height, width]`, and of what trains it: its loss and the `optimizer`.
///
/// # Errors
/// When it cannot be encoded.
pub fn graph(
    kind: Kind,
    shape: [usize; 3],
    operations: &[Operation],
    optimizer: &str,
) -> Result<Vec<u8>, ProtobufError> {
    let mut graph = Graph::default();
    let batch =
        |dims: &[usize]| [&[-1], &dims.iter().map(|&n| n as i64).collect::<Vec<_>>()[..]].concat();
    let images = graph.add("images", "Placeholder", &[], &batch(&shape));
    let output = operations.iter().fold(images.clone(), |input, operation| {
        graph.operation(operation, &input, &batch(&operation.output[1..]))
    });
    let loss = match kind {
        Kind::Autoencoder => {
            let shape = operations.last().map_or(batch(&shape), |last| batch(&last.output[1..]));
            let squares = graph.add(
                "error/SquaredDifference",
                "SquaredDifference",
                &[&output, &images],
                &shape,
            );
            graph.add("error/Mean", "Mean", &[&squares], &[])
        }
        Kind::Classifier => {
            let labels = graph.add("labels", "Placeholder", &[], &[-1]);
            let kind = "SparseSoftmaxCrossEntropyWithLogits";
            let losses = graph.add(&format!("loss/{kind}"), kind, &[&output, &labels], &[-1]);
            graph.add("loss/Mean", "Mean", &[&losses], &[])
        }
    };
    graph.add("train", optimizer, &[&loss], &[]);
    graph.encode()
}

/// Nodes, and how often each name was asked for.
#[derive(Default)]
struct Graph {
    nodes: Vec<NodeDef>,
    names: HashMap<String, usize>,
}

impl Graph {
    /// Adds a node and returns its name, which is `name` or, if that is taken, `name_1`, as TensorFlow
    /// names them.
    fn add(&mut self, name: &str, kind: &str, inputs: &[&str], output: &[i64]) -> String {
        let uses = self.names.entry(name.to_owned()).or_default();
        let name = if *uses == 0 { name.to_owned() } else { format!("{name}_{uses}") };
        *uses += 1;
        let mut node = NodeDef::new();
        node.set_name(name.clone());
        node.set_op(kind.to_owned());
        node.set_input(inputs.iter().map(|&input| input.to_owned()).collect());
        node.mut_attr().insert("_output_shapes".into(), shapes(output));
        self.nodes.push(node);
        name
    }

    /// Adds the nodes of an operation and returns the last one's name.
    fn operation(&mut self, operation: &Operation, input: &str, output: &[i64]) -> String {
        let in_layer = |name: &str| match operation.layer.as_str() {
            "" => name.to_owned(),
            layer => format!("{layer}/{name}"),
        };
        let (mut inputs, mut bias) = (vec![input.to_owned()], None);
        for (field, shape) in &operation.parameters {
            let shape: Vec<_> = shape.iter().map(|&n| n as i64).collect();
            let name = self.add(&in_layer(field), "VariableV2", &[], &shape);
            if field == "bias" { bias = Some(name) } else { inputs.push(name) }
        }
        let inputs: Vec<_> = inputs.iter().map(String::as_str).collect();
        let kind = &operation.kind;
        let mut last = self.add(&in_layer(kind), kind, &inputs, output);
        if let Some(bias) = bias {
            last = self.add(&in_layer("BiasAdd"), "BiasAdd", &[&last, &bias], output);
        }
        match operation.activation {
            Activation::Identity => last,
            Activation::Tanh => self.add(&in_layer("Tanh"), "Tanh", &[&last], output),
            Activation::Relu => self.add(&in_layer("Relu"), "Relu", &[&last], output),
            Activation::Relu6 => self.add(&in_layer("Relu6"), "Relu6", &[&last], output),
        }
    }

    fn encode(self) -> Result<Vec<u8>, ProtobufError> {
        let mut graph = GraphDef::new();
        graph.set_node(self.nodes.into());
        let mut versions = VersionDef::new();
        versions.set_producer(PRODUCER);
        graph.set_versions(versions);
        graph.write_to_bytes()
    }
}

/// The dimensions of a node's only output; -1 is any.
fn shapes(dims: &[i64]) -> AttrValue {
    let mut shape = TensorShapeProto::new();
    for &size in dims {
        let mut dim = TensorShapeProto_Dim::new();
        dim.set_size(size);
        shape.mut_dim().push(dim);
    }
    let mut list = AttrValue_ListValue::new();
    list.mut_shape().push(shape);
    let mut value = AttrValue::new();
    value.set_list(list);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_layers() {
        let conv = |layer: &str, activation| Operation {
            layer: layer.into(),
            kind: "Conv2D".into(),
            parameters: vec![("weight".into(), vec![4, 1, 3, 3]), ("bias".into(), vec![4])],
            activation,
            output: vec![1, 4, 6, 6],
        };
        let pool = Operation {
            layer: String::new(),
            kind: "MaxPool".into(),
            parameters: vec![],
            activation: Activation::Identity,
            output: vec![1, 4, 3, 3],
        };
        let operations = [
            conv("one", Activation::Tanh),
            pool.clone(),
            conv("two/a", Activation::Identity),
            pool,
        ];
        let bytes = graph(Kind::Classifier, [1, 6, 6], &operations, "AdamOptimizer").unwrap();
        let graph = GraphDef::parse_from_bytes(&bytes).unwrap();
        let nodes: Vec<_> = graph
            .get_node()
            .iter()
            .map(|node| format!("{}({})", node.get_name(), node.get_input().join(" ")))
            .collect();
        let loss = "SparseSoftmaxCrossEntropyWithLogits";
        assert_eq!(
            nodes,
            [
                "images()",
                "one/weight()",
                "one/bias()",
                "one/Conv2D(images one/weight)",
                "one/BiasAdd(one/Conv2D one/bias)",
                "one/Tanh(one/BiasAdd)",
                "MaxPool(one/Tanh)",
                "two/a/weight()",
                "two/a/bias()",
                "two/a/Conv2D(MaxPool two/a/weight)",
                "two/a/BiasAdd(two/a/Conv2D two/a/bias)",
                "MaxPool_1(two/a/BiasAdd)",
                "labels()",
                &format!("loss/{loss}(MaxPool_1 labels)"),
                &format!("loss/Mean(loss/{loss})"),
                "train(loss/Mean)",
            ]
        );
        let shape = &graph.get_node()[3].get_attr()["_output_shapes"].get_list().get_shape()[0];
        let sizes: Vec<_> = shape.get_dim().iter().map(|dim| dim.get_size()).collect();
        assert_eq!(sizes, [-1, 4, 6, 6]);
    }
}

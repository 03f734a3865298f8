//! Each operation of a network as ONNX operators, of opset 17.
//!
//! | here | ONNX |
//! |---|---|
//! | `Conv`, depthwise too | `Conv` with explicit `pads` `[top, left, bottom, right]`; weights lie as they do here |
//! | `ConvTranspose` | `ConvTranspose`, the same; what no kernel reaches is `output_padding` |
//! | `Dense` | `Gemm` without transposition: `[in, out]` as here |
//! | `BatchNorm` | `BatchNormalization` |
//! | poolings | `MaxPool`, `AveragePool`, `ReduceMean` over height and width |
//! | `Scale`, `Sum`, `ClampMax` | `Mul`, `Add`, `Min` |
//! | `Gelu` | x (1 + erf(x / √2)) / 2: `Gelu` is one of opset 20 |
//! | `PadChannels` | `Pad` |
//! | `NearestRows` | ‖e‖² - 2 z eᵀ by `MatMul`, then `ArgMin` and `Gather` |
//! | `Reshape`, `Transpose` | the same, -1 being the dimension of the batch |

use std::f32::consts::SQRT_2;

use super::operators::Operators;
use super::proto::Attribute::{self, Float, Int, Ints};
use crate::nn::trace::{Node, NodeKind};
use crate::ops::Activation;
use crate::ops::columns::Geometry;
use crate::weights::Values;

/// Writes `node`, whose inputs are called `inputs`; what its output is called.
pub(super) fn write(node: &Node, inputs: &[&str], to: &mut Operators) -> String {
    let scope = node.layer.replace('.', "/");
    let mut names = inputs.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (name, values) in written(node) {
        to.weight(&name, &values);
        names.push(name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let output = operators(&node.kind, &scope, &names, to);
    match node.activation {
        Activation::Identity => output,
        Activation::Relu => to.add(&scope, "Relu", &[&output], &[]),
        Activation::Relu6 => {
            let [least, most] =
                [("least", 0.0), ("most", 6.0)].map(|(name, to_be)| to.floats(name, &[], &[to_be]));
            to.add(&scope, "Clip", &[&output, &least, &most], &[])
        }
        Activation::Tanh => to.add(&scope, "Tanh", &[&output], &[]),
    }
}

/// The weights of `node` by their names in the file.
fn written(node: &Node) -> Vec<(String, Values)> {
    let mut weights = node.weights.clone();
    if let (NodeKind::NearestRows, [(name, codebook)]) = (&node.kind, &node.weights[..]) {
        weights.push((format!("{name}.transposed"), codebook.clone().transposed()));
        weights.push((format!("{name}.squared_lengths"), squared_lengths(codebook)));
    }
    weights
}

/// ‖e‖² of each row e of `rows` `[n, m]`: `[n]`.
fn squared_lengths(rows: &Values) -> Values {
    let squares = |row: &[f32]| row.iter().map(|x| x * x).sum();
    let width = rows.shape()[1];
    Values::new(vec![rows.shape()[0]], rows.values().chunks_exact(width).map(squares).collect())
}

/// The operators of a node of this `kind` of `names`, its inputs and then its weights; what the output is called.
fn operators(kind: &NodeKind, scope: &str, names: &[&str], to: &mut Operators) -> String {
    match kind {
        NodeKind::Conv { geometry, groups } => {
            let mut attributes = sliding(geometry);
            attributes.push(("group", Int(*groups as i64)));
            to.add(scope, "Conv", names, &attributes)
        }
        NodeKind::ConvTranspose { geometry, unreached } => {
            let mut attributes = sliding(geometry);
            attributes.push(("output_padding", ints(unreached)));
            to.add(scope, "ConvTranspose", names, &attributes)
        }
        NodeKind::Dense => to.add(scope, "Gemm", names, &[]),
        NodeKind::BatchNorm { epsilon } => {
            to.add(scope, "BatchNormalization", names, &[("epsilon", Float(*epsilon as f32))])
        }
        NodeKind::MaxPool { window, stride, padding } => {
            let mut attributes = windows(*window, *stride);
            attributes.push(("pads", pads(*padding)));
            to.add(scope, "MaxPool", names, &attributes)
        }
        NodeKind::AveragePool { window, stride } => {
            to.add(scope, "AveragePool", names, &windows(*window, *stride))
        }
        NodeKind::GlobalAveragePool => {
            let attributes = [("axes", Ints(vec![2, 3])), ("keepdims", Int(0))];
            to.add(scope, "ReduceMean", names, &attributes)
        }
        NodeKind::Scale(by) => {
            let by = to.floats("scale", &[], &[*by as f32]);
            to.add(scope, "Mul", &[names[0], &by], &[])
        }
        NodeKind::Sum => to.add(scope, "Add", names, &[]),
        NodeKind::Gelu => gelu(scope, names[0], to),
        NodeKind::ClampMax(most) => {
            let most = to.floats("most", &[], &[*most as f32]);
            to.add(scope, "Min", &[names[0], &most], &[])
        }
        NodeKind::PadChannels(more) => {
            let more = to.ints("more_channels", &[0, 0, 0, 0, 0, *more as i64, 0, 0]);
            to.add(scope, "Pad", &[names[0], &more], &[])
        }
        NodeKind::NearestRows => nearest_rows(scope, names, to),
        NodeKind::Reshape(shape) => {
            let length = |length: &Option<usize>| length.map_or(-1, |length| length as i64);
            let shape = to.ints("shape", &shape.iter().map(length).collect::<Vec<_>>());
            to.add(scope, "Reshape", &[names[0], &shape], &[])
        }
        NodeKind::Transpose(order) => to.add(scope, "Transpose", names, &[("perm", ints(order))]),
    }
}

/// x (1 + erf(x / √2)) / 2.
fn gelu(scope: &str, x: &str, to: &mut Operators) -> String {
    let [root, one, half] =
        [("root", SQRT_2), ("one", 1.0), ("half", 0.5)].map(|(name, x)| to.floats(name, &[], &[x]));
    let scaled = to.add(scope, "Div", &[x, &root], &[]);
    let erf = to.add(scope, "Erf", &[&scaled], &[]);
    let raised = to.add(scope, "Add", &[&erf, &one], &[]);
    let product = to.add(scope, "Mul", &[x, &raised], &[]);
    to.add(scope, "Mul", &[&product, &half], &[])
}

/// Of each row of z the nearest one of a codebook: `names` are z, the codebook, its transpose and its rows' ‖e‖².
fn nearest_rows(scope: &str, names: &[&str], to: &mut Operators) -> String {
    let [z, codebook, turned, lengths] = names else {
        unreachable!("a codebook is written three times")
    };
    let two = to.floats("two", &[], &[2.0]);
    let products = to.add(scope, "MatMul", &[z, turned], &[]);
    let doubled = to.add(scope, "Mul", &[&products, &two], &[]);
    let distances = to.add(scope, "Sub", &[lengths, &doubled], &[]);
    let attributes = [("axis", Int(1)), ("keepdims", Int(0))];
    let nearest = to.add(scope, "ArgMin", &[&distances], &attributes);
    to.add(scope, "Gather", &[codebook, &nearest], &[("axis", Int(0))])
}

/// How a kernel slides.
fn sliding(geometry: &Geometry) -> Vec<(&'static str, Attribute)> {
    let Geometry { kernel, stride, dilation, padding } = *geometry;
    vec![
        ("kernel_shape", ints(&kernel)),
        ("strides", ints(&[stride; 2])),
        ("dilations", ints(&[dilation; 2])),
        ("pads", pads(padding)),
    ]
}

/// Windows of a pooling.
fn windows(window: usize, stride: usize) -> Vec<(&'static str, Attribute)> {
    vec![("kernel_shape", ints(&[window; 2])), ("strides", ints(&[stride; 2]))]
}

/// ONNX has all that is before the images first.
fn pads([top, bottom, left, right]: [usize; 4]) -> Attribute {
    ints(&[top, left, bottom, right])
}

fn ints(values: &[usize]) -> Attribute {
    Ints(values.iter().map(|value| *value as i64).collect())
}

//! A trained network as an ONNX file (<https://onnx.ai>), which other programs run.
//!
//! | | name | |
//! |---|---|---|
//! | input | `images` | float32 `[batch, channels, height, width]`, (bytes / 255 - mean) / std for each channel; with [`Model::uint8`] uint8, and the graph does that |
//! | output of a classifier | `logits`, `probabilities` | float32 `[batch, classes]`, and their softmax |
//! | output of an autoencoder | `reconstructions` | float32 `[batch, channels, height, width]`, in the normalisation of the input |
//!
//! The batch is of any size. The network is a [`Graph`], and `layers.rs` says what becomes of each operation of it.

mod layers;
mod operators;
mod proto;

use anyhow::Result;

use crate::data::Normalization;
use crate::error::{Exit, Failure};
use crate::nn::Kind;
use crate::nn::trace::Graph;
use operators::Operators;
use proto::Attribute::Int;
use proto::{DataType, Dimension};

/// The set of operators: of 2022, so that older programs run it too.
const OPSET: i64 = 17;
/// The version of the format that came with it (ONNX 1.12).
const IR_VERSION: i64 = 8;
/// What a protobuf message can hold.
const MOST_BYTES: usize = i32::MAX as usize;
/// Left for all that is no weight of a layer.
const BESIDE_WEIGHTS: usize = 64 << 20;
/// The name of the images.
const IMAGES: &str = "images";

/// What is written.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it computes.
    pub graph: &'a Graph,
    /// What it was trained for.
    pub kind: Kind,
    /// By what the images that it was trained on were normalised; `None` for -1..=1.
    pub normalization: Option<&'a Normalization>,
    /// Whether its input is bytes.
    pub uint8: bool,
    /// What else the file tells: names and texts.
    pub metadata: Vec<(&'a str, String)>,
}

impl Model<'_> {
    /// The bytes of the file.
    ///
    /// # Errors
    /// When there are more of them than a protobuf message holds, 2 GiB.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.refuse_too_large()?;
        let mut to = Operators::default();
        let outputs: &[&str] = match self.kind {
            Kind::Classifier => &["logits", "probabilities"],
            Kind::Autoencoder => &["reconstructions"],
        };
        [IMAGES].iter().chain(outputs).for_each(|name| to.reserve(name));
        let weights = self.graph.nodes.iter().flat_map(|node| &node.weights);
        weights.for_each(|(name, _)| to.reserve(name));
        let mut values = vec![self.pixels(&mut to)];
        for node in &self.graph.nodes {
            let inputs: Vec<&str> = node.inputs.iter().map(|&input| &*values[input]).collect();
            let output = layers::write(node, &inputs, &mut to);
            values.push(output);
        }
        // A network's last value has a name of its layer: the output's is given here.
        to.add_named("Identity", &[&values[self.graph.output]], outputs[0], &[]);
        if let [logits, probabilities] = outputs {
            to.add_named("Softmax", &[logits], probabilities, &[("axis", Int(1))]);
        }
        let mut parts = to.parts;
        let kind = if self.uint8 { DataType::Uint8 } else { DataType::Float };
        parts.inputs.push(proto::value_info(IMAGES, kind, &batch_of(&self.graph.images)));
        let made = batch_of(&self.graph.made);
        parts.outputs =
            outputs.iter().map(|name| proto::value_info(name, DataType::Float, &made)).collect();
        let graph = proto::graph(self.name, &parts);
        Ok(proto::model(IR_VERSION, OPSET, &graph, &self.metadata))
    }

    /// The images as the network takes them: what they are called. Bytes are scaled by the operations of the training,
    /// in their order.
    fn pixels(&self, to: &mut Operators) -> String {
        if !self.uint8 {
            return IMAGES.to_owned();
        }
        let scope = "normalize";
        let attributes = [("to", Int(DataType::Float as i64))];
        let floats = to.add(scope, "Cast", &[IMAGES], &attributes);
        let white = to.floats("white", &[], &[255.0]);
        let shares = to.add(scope, "Div", &[&floats, &white], &[]);
        let each = |numbers: &[f64]| numbers.iter().map(|x| *x as f32).collect::<Vec<_>>();
        match self.normalization {
            None => {
                let half = to.floats("middle", &[], &[0.5]);
                let two = to.floats("range", &[], &[2.0]);
                let centred = to.add(scope, "Sub", &[&shares, &half], &[]);
                to.add(scope, "Mul", &[&centred, &two], &[])
            }
            Some(Normalization { mean, std }) => {
                let shape = [1, mean.len(), 1, 1];
                let mean = to.floats("mean", &shape, &each(mean));
                let std = to.floats("std", &shape, &each(std));
                let centred = to.add(scope, "Sub", &[&shares, &mean], &[]);
                to.add(scope, "Div", &[&centred, &std], &[])
            }
        }
    }

    fn refuse_too_large(&self) -> Result<()> {
        let weights = self.graph.nodes.iter().flat_map(|node| &node.weights);
        let numbers: usize = weights.map(|(_, values)| values.values().len()).sum();
        if numbers.saturating_mul(size_of::<f32>()) <= MOST_BYTES - BESIDE_WEIGHTS {
            return Ok(());
        }
        let what = format!("{} is too large for an ONNX file", self.name);
        let why = format!("it has {numbers} weights, and one file holds 2 GiB");
        let help = "its weights alone can be written: --format safetensors";
        Err(Failure::new(Exit::Failed, what).why(why).help(help).into())
    }
}

/// A batch of tensors of this `shape`.
fn batch_of(shape: &[usize]) -> Vec<Dimension> {
    let fixed = shape.iter().map(|length| Dimension::Fixed(*length));
    [Dimension::Named("batch")].into_iter().chain(fixed).collect()
}

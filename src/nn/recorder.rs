//! What the layers of a network show of themselves once an epoch: histograms of their parameters,
//! their filters, and the maps of the first image before and after the activation.
//!
//! The tags come from the fields of the model: the convolution in the field `encode` shows
//! `encode/weights`, `encode/biases`, `encode/filters` and `encode/pre_post_activation`.

use crate::util::tensor::floats;
use crate::viz::{self, Picture};
use anyhow::Result;
use std::borrow::Cow;

use burn::module::ParamId;
use burn::tensor::Tensor;

use crate::nn::{Network, Parameter};
use crate::ops::Activation;
use crate::weights::Weights;

/// One thing to be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Summary {
    /// The distribution of `values`.
    Histogram {
        /// TensorBoard's tag.
        tag: String,
        /// All values, in any order.
        values: Vec<f32>,
    },
    /// The filters of a convolution.
    Filters {
        /// TensorBoard's tag.
        tag: String,
        /// `[out, in, kernel height, kernel width]`.
        shape: [usize; 4],
        /// The weights.
        weights: Vec<f32>,
    },
    /// The maps of one image before and after a layer's activation.
    Activations {
        /// TensorBoard's tag.
        tag: String,
        /// `[maps, height, width]`.
        shape: [usize; 3],
        /// Before the activation.
        before: Vec<f32>,
        /// After it.
        after: Vec<f32>,
    },
}

impl Summary {
    /// TensorBoard's tag.
    pub fn tag(&self) -> &str {
        match self {
            Self::Histogram { tag, .. }
            | Self::Filters { tag, .. }
            | Self::Activations { tag, .. } => tag,
        }
    }

    /// The picture of filters, and of activations up to `max_maps` feature maps; `None` of a histogram, and
    /// of filters that are too small to be seen.
    ///
    /// # Errors
    /// When its numbers are not of its shape.
    pub fn picture(&self, max_maps: usize) -> Result<Option<Picture>> {
        match self {
            Self::Histogram { .. } => Ok(None),
            Self::Filters { shape, weights, .. } => viz::filters(weights, *shape),
            Self::Activations { shape, before, after, .. } => {
                viz::pre_post_activation(before, after, *shape, max_maps).map(Some)
            }
        }
    }
}

/// One operation of a forward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The fields on the way to its layer, as `conv1/conv`; empty where it has no parameters.
    pub layer: String,
    /// What it is, by TensorFlow's name: `Conv2D`.
    pub kind: Cow<'static, str>,
    /// Each parameter of the layer: its field's name, its dimensions.
    pub parameters: Vec<(String, Vec<usize>)>,
    /// What follows it.
    pub activation: Activation,
    /// The dimensions of its output, the batch first; the batch alone where they are not known.
    pub output: Vec<usize>,
}

/// Whether the parameter `own` is one of the layer of `operation`.
pub(crate) fn has(operation: &Operation, own: &Parameter) -> bool {
    let (layer, _) = own.layer_and_field();
    !operation.parameters.is_empty() && operation.layer == layer.replace('.', "/")
}

/// Adds an operation for each layer that has some of `parameters` and none of the `operations`: after that
/// of the layer before it in the model, of which nothing but its type is known.
pub(crate) fn complete(operations: &mut Vec<Operation>, parameters: &[Parameter]) {
    let mut place = 0;
    for own in parameters {
        if let Some(at) = operations.iter().rposition(|operation| has(operation, own)) {
            place = at + 1;
            continue;
        }
        let (layer, _) = own.layer_and_field();
        let of_layer = |other: &Parameter| {
            let (scope, field) = other.layer_and_field();
            (scope == layer).then(|| (field.to_owned(), other.shape.clone()))
        };
        operations.insert(
            place,
            Operation {
                layer: layer.replace('.', "/"),
                kind: own.module.clone().into(),
                parameters: parameters.iter().filter_map(of_layer).collect(),
                activation: Activation::Identity,
                output: vec![1],
            },
        );
        place += 1;
    }
}

impl Capture {
    /// Notes that an operation made `output`.
    fn take<const D: usize>(&mut self, output: &Tensor<D>) {
        if self.before > 0 {
            self.before -= 1;
        } else if self.output.is_none() {
            let batch = output.dims()[0];
            let values = output.shape().num_elements() / batch.max(1);
            self.output = Some(output.clone().reshape([batch, values]));
        }
    }
}

/// Collects the operations and the summaries of one forward pass, or the output of one operation.
pub struct Recorder {
    parameters: Vec<Parameter>,
    operations: Vec<Operation>,
    summaries: Vec<Summary>,
    capture: Option<Capture>,
}

/// The output of one operation of a forward pass.
struct Capture {
    /// Operations before it that are not done yet.
    before: usize,
    /// `[batch, values]`, when it is done.
    output: Option<Tensor<2>>,
}

impl Recorder {
    /// For `network`, whose parameters' names become tags.
    pub fn new(network: &dyn Network) -> Self {
        let parameters = network.parameters();
        Self { parameters, operations: Vec::new(), summaries: Vec::new(), capture: None }
    }

    /// For the output of the operation `number`, 0 the first, of the whole batch; nothing else is shown.
    pub fn capturing(number: usize) -> Self {
        let capture = Some(Capture { before: number, output: None });
        Self { parameters: Vec::new(), operations: Vec::new(), summaries: Vec::new(), capture }
    }

    /// The output `[batch, values]` that was to be captured, if there was such an operation.
    pub fn into_captured(self) -> Option<Tensor<2>> {
        self.capture?.output
    }

    /// Whether a layer is to show what is in it: not where one output alone is asked for.
    pub(crate) fn shows_layers(&self) -> bool {
        self.capture.is_none()
    }

    /// The operations, in the order in which they were done.
    pub fn into_operations(self) -> Vec<Operation> {
        self.operations
    }

    /// The summaries, in the order of the layers.
    pub fn into_summaries(self) -> Vec<Summary> {
        self.summaries
    }

    /// Adds the parameters and layers of `network` that have not shown themselves, as burn's own layers,
    /// which know of no recorder: histograms and filters, and the operations by the layers' types.
    pub(crate) fn complete(&mut self, network: &dyn Network) {
        complete(&mut self.operations, &self.parameters);
        let shown = |layer: &str| {
            let scope = format!("{}/", layer.replace('.', "/"));
            self.summaries.iter().any(|summary| summary.tag().starts_with(&scope))
        };
        let missing: Vec<_> =
            self.parameters.iter().filter(|own| !shown(own.layer_and_field().0)).cloned().collect();
        if missing.is_empty() {
            return;
        }
        let weights = network.to_bytes().and_then(Weights::from_pack);
        let weights = weights.expect("the parameters can be read back from their device");
        for own in missing {
            let Some(values) = weights.get(&own.name) else { continue };
            let (scope, field) = own.layer_and_field();
            let field = match field {
                "weight" => "weights",
                "bias" => "biases",
                other => other,
            };
            let tag = |what: &str| match scope {
                "" => what.to_owned(),
                scope => format!("{}/{what}", scope.replace('.', "/")),
            };
            let values = values.values().to_vec();
            if let (Ok(shape), "weights") = (<[usize; 4]>::try_from(&own.shape[..]), field) {
                let (tag, weights) = (tag("filters"), values.clone());
                self.summaries.push(Summary::Filters { tag, shape, weights });
            }
            self.summaries.push(Summary::Histogram { tag: tag(field), values });
        }
    }

    /// Notes an operation that made `output`: of the layer that the parameter `id` belongs to, if it has
    /// parameters.
    pub fn operation<const D: usize>(
        &mut self,
        kind: &'static str,
        id: Option<ParamId>,
        activation: Activation,
        output: &Tensor<D>,
    ) {
        if let Some(capture) = &mut self.capture {
            capture.take(output);
            return;
        }
        let layer = id.and_then(|id| self.layer(id)).unwrap_or_default().to_owned();
        let of_layer = |parameter: &Parameter| {
            let (scope, field) = parameter.name.rsplit_once('.')?;
            (id.is_some() && scope == layer).then(|| (field.to_owned(), parameter.shape.clone()))
        };
        let parameters = self.parameters.iter().filter_map(of_layer).collect();
        let (layer, output) = (layer.replace('.', "/"), output.dims().to_vec());
        let kind = kind.into();
        self.operations.push(Operation { layer, kind, parameters, activation, output });
    }

    /// Shows a layer's parameters: the `weight` whose id tells the layer's name, and its `bias`.
    pub fn parameters<const D: usize>(
        &mut self,
        id: ParamId,
        weight: Tensor<D>,
        bias: Option<Tensor<1>>,
    ) {
        if !self.shows_layers() {
            return;
        }
        self.histogram(id, "weights", weight);
        if let Some(bias) = bias {
            self.histogram(id, "biases", bias);
        }
    }

    /// Shows the distribution of `values` of the layer that the parameter `id` belongs to.
    pub fn histogram<const D: usize>(&mut self, id: ParamId, what: &str, values: Tensor<D>) {
        if !self.shows_layers() {
            return;
        }
        let values = floats(values);
        self.summaries.push(Summary::Histogram { tag: self.tag(id, what), values });
    }

    /// Shows the filters `[out, in, kernel height, kernel width]` of a convolution. Those whose
    /// input has 1, 3 or 4 channels become a picture.
    pub fn filters(&mut self, id: ParamId, weight: Tensor<4>) {
        if !self.shows_layers() {
            return;
        }
        let shape = weight.dims();
        let (tag, weights) = (self.tag(id, "filters"), floats(weight));
        self.summaries.push(Summary::Filters { tag, shape, weights });
    }

    /// Shows the maps `[1, maps, height, width]` of an image `before` and `after` an activation.
    pub fn activations(&mut self, id: ParamId, before: Tensor<4>, after: Tensor<4>) {
        if !self.shows_layers() {
            return;
        }
        let [_, maps, height, width] = before.dims();
        self.summaries.push(Summary::Activations {
            tag: self.tag(id, "pre_post_activation"),
            shape: [maps, height, width],
            before: floats(before),
            after: floats(after),
        });
    }

    /// `encode/weights` for the id of `encode.weight` and "weights".
    fn tag(&self, id: ParamId, what: &str) -> String {
        let layer = self.layer(id);
        layer.map_or(what.to_owned(), |layer| format!("{}/{what}", layer.replace('.', "/")))
    }

    /// The fields on the way to the layer of the parameter `id`.
    fn layer(&self, id: ParamId) -> Option<&str> {
        let parameter = self.parameters.iter().find(|parameter| parameter.id == id)?;
        parameter.name.rsplit_once('.').map(|(layer, _)| layer)
    }
}

//! One operation of a traced forward pass.

use burn::module::ParamId;
use burn::tensor::Tensor;

use crate::nn::Parameter;
use crate::ops::Activation;
use crate::ops::columns::Geometry;
use crate::util::tensor::floats;
use crate::weights::Values;

/// What an operation does; sizes are `[height, width]`, paddings `[top, bottom, left, right]`.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// x ∗ W + b, W `[out, in / groups, kernel height, kernel width]`.
    Conv {
        /// How the kernel slides.
        geometry: Geometry,
        /// 1, or as many as channels.
        groups: usize,
    },
    /// The transposed convolution: W `[in, out, kernel height, kernel width]`.
    ConvTranspose {
        /// How the kernel of the convolution slides over the output.
        geometry: Geometry,
        /// Rows and columns of the output that no kernel reaches, at the bottom and on the right.
        unreached: [usize; 2],
    },
    /// x W + b, W `[in, out]`.
    Dense,
    /// γ (x - μ) / √(σ² + ε) + β, for each channel.
    BatchNorm {
        /// ε.
        epsilon: f64,
    },
    /// The largest value of each window.
    MaxPool {
        /// The sides of a window.
        window: usize,
        /// From one window to the next.
        stride: usize,
        /// What is around the images, never the largest.
        padding: [usize; 4],
    },
    /// The mean of each window.
    AveragePool {
        /// The sides of a window.
        window: usize,
        /// From one window to the next.
        stride: usize,
    },
    /// The mean of each map: `[batch, channels]`.
    GlobalAveragePool,
    /// x times this.
    Scale(f64),
    /// x + y.
    Sum,
    /// x Φ(x).
    Gelu,
    /// min(x, this).
    ClampMax(f64),
    /// So many maps of zeros more, after the others.
    PadChannels(usize),
    /// Of each row the nearest row of the codebook `[codes, code]`.
    NearestRows,
    /// To these dimensions; `None` is the one that grows with the batch.
    Reshape(Vec<Option<usize>>),
    /// Dimension i of the result is dimension `[i]` of x.
    Transpose(Vec<usize>),
}

impl NodeKind {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv { .. } => "Conv",
            Self::ConvTranspose { .. } => "ConvTranspose",
            Self::Dense => "Dense",
            Self::BatchNorm { .. } => "BatchNorm",
            Self::MaxPool { .. } => "MaxPool",
            Self::AveragePool { .. } => "AveragePool",
            Self::GlobalAveragePool => "GlobalAveragePool",
            Self::Scale(_) => "Scale",
            Self::Sum => "Sum",
            Self::Gelu => "Gelu",
            Self::ClampMax(_) => "ClampMax",
            Self::PadChannels(_) => "PadChannels",
            Self::NearestRows => "NearestRows",
            Self::Reshape(_) => "Reshape",
            Self::Transpose(_) => "Transpose",
        }
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it does.
    pub kind: NodeKind,
    /// The fields on the way to its layer, as `conv1.conv`; empty where it has no parameters.
    pub layer: String,
    /// The values that it takes: 0 is the images, n + 1 what node n has made.
    pub inputs: Vec<usize>,
    /// Its parameters and statistics by the fields on the way to them, as `conv1.conv.weight`.
    pub weights: Vec<(String, Values)>,
    /// What follows it.
    pub activation: Activation,
    /// A parameter of its layer.
    pub(super) of: Option<ParamId>,
}

impl Node {
    /// Of these `inputs`, without weights or activation.
    pub(crate) fn new<const N: usize>(kind: NodeKind, inputs: [usize; N]) -> Self {
        let (layer, activation) = (String::new(), Activation::Identity);
        Self { kind, layer, inputs: inputs.to_vec(), weights: Vec::new(), activation, of: None }
    }

    /// Of the layer that the parameter `id` belongs to.
    pub(crate) fn of(self, id: ParamId) -> Self {
        Self { of: Some(id), ..self }
    }

    /// With these values of its layer's field `name`; "" is the parameter that says which layer it is.
    pub(crate) fn with<const D: usize>(mut self, name: &str, values: Tensor<D>) -> Self {
        let shape = values.dims().to_vec();
        self.weights.push((name.to_owned(), Values::new(shape, floats(values))));
        self
    }

    /// The same, if it has them.
    pub(crate) fn with_any<const D: usize>(self, name: &str, values: Option<Tensor<D>>) -> Self {
        match values {
            Some(values) => self.with(name, values),
            None => self,
        }
    }

    /// Of the parameter `own` of this network, whose name its weights get.
    pub(super) fn named(mut self, own: Option<&Parameter>) -> Self {
        let Some(own) = own else { return self };
        self.layer = own.layer_and_field().0.to_owned();
        for (name, _) in &mut self.weights {
            *name = match (name.as_str(), self.layer.as_str()) {
                ("", _) => own.name.clone(),
                (field, "") => field.to_owned(),
                (field, layer) => format!("{layer}.{field}"),
            };
        }
        self
    }

    /// Followed by `activation`.
    pub(crate) fn activated(self, activation: Activation) -> Self {
        Self { activation, ..self }
    }
}

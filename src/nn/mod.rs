//! Networks: what a model is, its layers, their parameters and random initialisation, and one forward
//! pass through them.

mod arguments;
mod average;
pub(crate) mod burn_layers;
mod clip_norm;
mod context;
mod erased;
pub(crate) mod flat;
mod image_size;
mod initializer;
mod latent;
pub mod layers;
mod module;
mod network;
mod noise;
mod objective;
pub(crate) mod pack;
mod parameter;
mod reconstruction_loss;
mod recorder;
mod requirements;
mod scopes;
mod sparsity;
mod structural_similarity;
pub mod trace;
mod visitors;

pub use arguments::ModelArguments;
pub use average::Average;
pub use context::ForwardContext;
pub(crate) use context::{DeferredLayer, Note, NoteKind, SharedWeights};
pub use image_size::require_halvings;
pub use initializer::{Initializer, WeightInit};
pub use latent::{Latent, Prior};
pub use module::{
    Autoencoder, BuildAutoencoder, BuildAutoencoderWith, BuildClassifier, BuildClassifierWith,
    Classifier, ForkAutoencoder, ForkClassifier, Kind, Model,
};
pub use network::Network;
pub use noise::Noise;
pub use objective::Objective;
pub use parameter::Parameter;
pub use reconstruction_loss::ReconstructionLoss;
pub use recorder::{Operation, Recorder, Summary};
pub(crate) use recorder::{complete, has};
pub use requirements::StepRequirements;
pub use scopes::Scopes;
pub(crate) use scopes::{Freeze, is_frozen};
pub use sparsity::Sparsity;

pub(crate) use visitors::larger;

pub use crate::util::argument::{Argument, Limit};

//! Networks: what a model is, its layers, their parameters and random initialisation, and one forward
//! pass through them.

mod average;
pub(crate) mod burn_layers;
mod clip_norm;
mod context;
pub(crate) mod flat;
mod initializer;
pub mod layers;
mod module;
pub(crate) mod pack;
mod parameter;
mod recorder;
mod requirements;
mod scopes;

pub use average::Average;
pub use context::ForwardContext;
pub(crate) use context::{DeferredLayer, SharedWeights};
pub use initializer::Initializer;
pub(crate) use module::larger;
pub use module::{
    Autoencoder, BuildAutoencoder, BuildClassifier, Classifier, ForkAutoencoder, ForkClassifier,
    Kind, Model, Network,
};
pub use parameter::Parameter;
pub use recorder::{Operation, Recorder, Summary};
pub(crate) use recorder::{complete, has};
pub use requirements::StepRequirements;
pub use scopes::Scopes;
pub(crate) use scopes::{Freeze, is_frozen};

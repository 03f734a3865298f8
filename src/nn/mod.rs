//! Networks: what a model is, its layers, their parameters and random initialisation, and one forward
//! pass through them.

pub(crate) mod adopt;
mod context;
mod initializer;
pub mod layers;
mod module;
mod parameter;
pub(crate) mod record;
mod recorder;
mod scopes;

pub use context::ForwardContext;
pub use initializer::Initializer;
pub(crate) use module::larger;
pub use module::{
    Autoencoder, BuildAutoencoder, BuildClassifier, Classifier, ForkAutoencoder, ForkClassifier,
    Kind, Model, Network,
};
pub use parameter::Parameter;
pub use recorder::{Operation, Recorder, Summary};
pub(crate) use recorder::{complete, has};
pub use scopes::Scopes;
pub(crate) use scopes::{Freeze, is_frozen};

//! Dynamic Training Bench: pick a model, a data set and hyper-parameters on the command line;
//! train, watch in TensorBoard, compare.

// Files of `models/` and `inputs/` say `dytb::`, so that they read the same in here, in the README
// and in another crate.
extern crate self as dytb;

pub mod commands;
pub mod data;
pub mod device;
pub mod error;
pub mod metrics;
pub mod nn;
pub mod ops;
pub mod optim;
pub mod registry;
pub mod run;
pub mod tensorboard;
pub mod train;
pub mod util;
pub mod viz;
pub mod weights;

// What a file of `models/` or `inputs/` needs.
pub use data::{Dataset, Examples, Identity, Input, Source, Split};
pub use error::{Exit, Failure};
pub use nn::{Autoencoder, Classifier, ForwardContext, Initializer, Model, Network};
pub use ops::Activation;

/// The models: one file each in `models/`.
pub mod models {
    include!(concat!(env!("OUT_DIR"), "/models.rs"));
}

/// The data sets: one file each in `inputs/`.
pub mod inputs {
    include!(concat!(env!("OUT_DIR"), "/inputs.rs"));
}

/// The README's Rust is compiled with the documentation's examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

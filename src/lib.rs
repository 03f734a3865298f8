//! Dynamic Training Bench: pick a model, a data set and hyper-parameters on the command line;
//! train, watch in TensorBoard, compare.
//!
//! The rooms, the highest first; an import goes down, never up and never to a room on the same line
//! (`tests/it/architecture.rs` holds it; `ARCHITECTURE.md` says more):
//!
//! | room | what is in it |
//! |---|---|
//! | [`commands`] | the program `dytb` and the article's four: flags, and what is printed |
//! | [`train`](mod@train) | the training loop, how a run begins, evaluation, observers |
//! | [`registry`] | models and data sets by name |
//! | [`run`] | a run on the disk: configuration, checkpoints, status, results, recovery |
//! | [`onnx`], [`optim`], [`tensorboard`] | a network as an ONNX file; optimizers and their arguments; event files |
//! | [`nn`] | what a model is; layers, initialisation, the context of a forward pass |
//! | [`data`], [`ops`] | data sets, data loader, downloads, formats; convolutions and their kernels |
//! | [`device`], [`metrics`], [`stats`], [`viz`], [`weights`] | CPU and GPUs; scores; tests over seeds; pictures; weights in files |
//! | [`util`] | atomic files, locks, seeds, text |
//! | [`error`] | what went wrong, why, and what to do; exit codes |
//!
//! [`models`] and [`inputs`] are the plug-ins, a file each. They need the few names that stand here, the layers
//! in [`nn::layers`], and for files the helpers in [`data`].

// Files of `models/` and `inputs/` say `dytb::`, so that they read the same in here, in the
// documentation and in another crate.
extern crate self as dytb;

pub mod commands;
pub mod data;
pub mod device;
pub mod error;
pub mod metrics;
pub mod nn;
pub mod onnx;
pub mod ops;
pub mod optim;
pub mod registry;
pub mod run;
pub mod stats;
pub mod sweep;
pub mod tensorboard;
pub mod train;
pub mod util;
pub mod viz;
pub mod weights;

// What a file of `models/` or `inputs/` needs.
pub use data::{Dataset, DecodeImage, Examples, Identity, Input, Source, Split};
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

/// The Rust in `docs/extending.md` is compiled with the documentation's examples.
#[cfg(doctest)]
#[doc = include_str!("../docs/extending.md")]
struct Extending;

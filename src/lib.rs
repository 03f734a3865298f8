//! Dynamic Training Bench: pick a model, a data set and hyper-parameters on the command line;
//! train, watch in TensorBoard, compare.

pub mod data;
pub mod download;
mod conv;
pub mod events;
mod failure;
mod input;
pub mod pictures;

pub use conv::{Activation, conv2d};
pub use failure::{Exit, Failure};
pub use input::{Dataset, Examples, Input, Source, Split};

/// The data sets: one file each in `inputs/`.
pub mod inputs {
    include!(concat!(env!("OUT_DIR"), "/inputs.rs"));
}

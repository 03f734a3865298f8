//! Dynamic Training Bench: pick a model, a data set and hyper-parameters on the command line;
//! train, watch in TensorBoard, compare.

// Files of `models/` and `inputs/` say `dytb::`, so that they read the same in here, in the README
// and in another crate.
extern crate self as dytb;

/// Each piece of a batch takes and frees megabytes. glibc gives such blocks back to the system and
/// takes them again, page by page, which took more time than the training itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod adopt;
mod cards;
mod chance;
mod checked;
mod cli;
pub mod compare;
mod confusion;
mod conv;
pub mod data;
mod device;
pub mod download;
mod evaluator;
pub mod events;
mod failure;
mod feed;
mod file_lock;
mod gallery;
mod init;
mod input;
mod interrupt;
pub mod layers;
mod learner;
mod model;
mod norm;
pub mod optimizers;
mod ordered_sum;
mod pass;
pub mod pictures;
mod pool;
mod progress;
mod python_number;
mod quiet;
mod reconstruct;
mod repack;
mod report;
mod resident;
pub mod run;
mod scopes;
mod score;
mod stderr;
mod step;
mod subset;
mod summaries;
mod trainee;
mod trainer;
mod transfer;
pub mod weights;
mod zoo;

pub use cli::{
    Compare, EvaluateAutoencoder, EvaluateClassifier, Export, Reconstruct, SourceArgs,
    TrainAutoencoder, TrainClassifier, exit,
};
pub use confusion::{ClassScore, Confusion};
pub use conv::{Activation, conv2d, strided_conv2d};
pub use device::DeviceName;
pub use evaluator::{Assessment, Evaluation, evaluate};
pub use failure::{Exit, Failure};
pub use feed::Feed;
pub use init::Init;
pub use input::{Dataset, Examples, Identity, Input, Source, Split};
pub use interrupt::Interrupt;
pub use learner::{Learner, Measured};
pub use model::{
    Autoencoder, BuildAutoencoder, BuildClassifier, Classifier, CopyAutoencoder, CopyClassifier,
    Kind, Model, Network, Parameter,
};
pub use ordered_sum::{ordered_mean, ordered_sum};
pub use pass::Pass;
pub use python_number::python_repr;
pub use scopes::Scopes;
pub use score::Score;
pub use stderr::tell;
pub use step::{Evaluated, Step, StepConfig, evaluate as evaluate_feed, take};
pub use summaries::{Operation, Recorder, Summary};
pub use trainer::{Finished, Settings, train};

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

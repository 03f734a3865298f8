//! Dynamic Training Bench: pick a model, a data set and hyper-parameters on the command line;
//! train, watch in TensorBoard, compare.

mod cli;
mod conv;
pub mod data;
mod device;
pub mod download;
mod evaluator;
pub mod events;
mod failure;
mod feed;
mod init;
mod input;
mod interrupt;
pub mod layers;
mod model;
pub mod optimizers;
mod pass;
pub mod pictures;
mod progress;
mod python_number;
mod report;
mod resident;
pub mod run;
mod step;
mod summaries;
mod trainer;
mod zoo;

pub use cli::{EvaluateArgs, SourceArgs, TrainArgs, exit};
pub use conv::{Activation, conv2d};
pub use device::DeviceName;
pub use evaluator::{Evaluation, evaluate_autoencoder};
pub use failure::{Exit, Failure};
pub use feed::Feed;
pub use init::Init;
pub use input::{Dataset, Examples, Input, Source, Split};
pub use interrupt::Interrupt;
pub use model::{Autoencoder, BuildAutoencoder, Model, Network};
pub use pass::Pass;
pub use python_number::python_repr;
pub use step::{Step, mean_error, take};
pub use summaries::{Recorder, Summary};
pub use trainer::{Finished, Settings, train_autoencoder};

/// The models: one file each in `models/`.
pub mod models {
    include!(concat!(env!("OUT_DIR"), "/models.rs"));
}

/// The data sets: one file each in `inputs/`.
pub mod inputs {
    include!(concat!(env!("OUT_DIR"), "/inputs.rs"));
}

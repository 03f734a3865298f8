//! Training and evaluation: [`train`] a run, or [`evaluate()`] a checkpoint.
//!
//! | file | what it is |
//! |---|---|
//! | `run` | the training loop |
//! | `initialize` | how a run begins: finished, resumed, pretrained, fresh |
//! | `learner` | the model, its optimizer, and its copy for evaluation |
//! | `step`, `ordered`, `deferred` | the loss and the gradients of a batch, cut into microbatches |
//! | [`exchange`], `ranks`, `shared_step`, `shared_evaluation` | the same, shared out over several processes |
//! | `any_model`, `build`, `probe`, `objective` | a type-erased model, built by its name, tried with one image, and with what it is trained for |
//! | `anomalies` | normal images told from others by an autoencoder's error |
//! | `embed` | what a layer makes of images |
//! | `latent` | what is in the code of an autoencoder |
//! | `predict` | what a model makes of pictures of no data set |
//! | `observer`, `observers` | what watches a run: TensorBoard, progress, status |
//! | `pretrained`, `name_matching`, `other_pixels` | weights from elsewhere |
//! | `run_data`, `copies`, `targets` | what is trained on, images that are in two splits, the loss of labels |
//! | [`config`] | from flags and `--config` to a [`RunConfig`](crate::run::RunConfig) |

pub(crate) mod anomalies;
mod any_model;
mod batch_step;
mod build;
pub mod config;
mod copies;
mod deferred;
pub(crate) mod embed;
pub(crate) mod evaluate;
pub mod exchange;
pub(crate) mod export;
mod group_mean;
mod initialize;
mod interrupt;
pub(crate) mod latent;
mod learner;
mod microbatch;
mod name_matching;
mod notes;
mod objective;
mod observer;
mod observers;
mod options;
mod ordered;
mod other_pixels;
mod pictures;
pub(crate) mod predict;
pub(crate) mod pretrained;
mod probe;
mod ranks;
mod run;
mod run_data;
mod shared_evaluation;
mod shared_step;
mod step;
mod targets;
mod updater;

pub use crate::ops::parallel::MICROBATCH;
pub use anomalies::{AnomalyReport, AnomalyRequest, tell_apart};
pub use any_model::{AnyModel, BatchOutput};
pub use build::{build_model, build_probed_model};
pub use embed::{Album, Embedder, Embedding, Layer};
pub use evaluate::{EvalRequest, Evaluated, evaluate, kind_of};
pub use exchange::Exchange;
pub use group_mean::write_mean_of_group;
pub use interrupt::Interrupt;
pub use latent::{Codes, Explorer, LatentSpace, Traversal};
pub(crate) use learner::Learner;
pub use options::{FinishedRun, PausedRun, TrainEnd, TrainOptions};
pub(crate) use pictures::Pictures;
pub use predict::{Prediction, Predictor};
pub use run::train;
pub use run_data::fetch_data;
pub use step::{
    EvalOutput, StepConfig, StepOutput, loss_and_gradients, loss_and_gradients_on,
    loss_and_predictions,
};
pub use updater::Updater;

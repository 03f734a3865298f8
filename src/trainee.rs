//! What a training loop works on.

use std::path::Path;

use anyhow::Result;
use burn::optim::ModuleOptimizer;
use burn::tensor::{Device, Tensor};

use crate::evaluator::BATCH;
use crate::feed::Feed;
use crate::report::Report;
use crate::run::{Checkpoint, RunConfig, State};
use crate::summaries::{Recorder, floats};
use crate::{Autoencoder, Exit, Failure, Init, Pass, optimizers, step, zoo};

/// What is trained: the model, its optimizer, and a copy of the model for evaluation, which may be
/// on another device.
pub(crate) struct Trainee {
    /// On the training device, with autodiff.
    pub model: Box<dyn Autoencoder>,
    /// With its slots.
    pub optimizer: ModuleOptimizer,
    /// On the evaluation device; has the parameters of the last validation.
    evaluated: Box<dyn Autoencoder>,
}

impl Trainee {
    /// The run `config` at its beginning, for images of `shape` `[channels, height, width]`.
    pub fn new(
        config: &RunConfig,
        shape: [usize; 3],
        train_device: &Device,
        eval_device: &Device,
    ) -> Result<Self> {
        let build = |device: &Device| {
            zoo::autoencoder(&config.model, shape, &mut Init::new(config.seed, device))
        };
        Ok(Self {
            model: build(&train_device.clone().autodiff())?,
            optimizer: (config.optimizer_entry()?.build)(&config.optimizer_args),
            evaluated: build(eval_device)?,
        })
    }

    /// Goes on from `checkpoint`, which was read from `path`.
    pub fn resume(
        &mut self,
        checkpoint: Checkpoint,
        path: &Path,
        config: &RunConfig,
    ) -> Result<State> {
        let damaged = |error: anyhow::Error| {
            Failure::new(Exit::Failed, format!("cannot go on from `{}`", path.display()))
                .why(format!("{error:#}"))
                .remedy("--restart deletes the run and begins it anew")
        };
        self.model.load_bytes(checkpoint.model).map_err(damaged)?;
        self.optimizer =
            optimizers::restore(&self.optimizer, checkpoint.optimizer).map_err(damaged)?;
        let mut state = checkpoint.state;
        state.config = config.clone();
        Ok(state)
    }

    /// The run as it stands at `state`.
    pub fn checkpoint(&self, state: &State) -> Result<Checkpoint> {
        let optimizer = optimizers::to_bytes(&self.optimizer)?;
        Ok(Checkpoint { state: state.clone(), model: self.model.to_bytes()?, optimizer })
    }

    /// The mean error over the examples of `validation`.
    pub fn validate(&mut self, validation: &Feed) -> Result<f64> {
        self.evaluated.load_bytes(self.model.to_bytes()?)?;
        Ok(step::mean_error(&*self.evaluated, validation, BATCH))
    }

    /// Shows `images` `[batch, channels, height, width]`, what the model that was last validated
    /// makes of them, and what is in its layers.
    pub fn picture(&self, images: Tensor<4>, step: u64, report: &mut Report) -> Result<()> {
        let reconstruct = |images| self.evaluated.forward(images, &mut Pass::evaluation());
        // In parts: the maps of a large batch would take more memory than the training.
        let parts = images.clone().split(BATCH, 0).into_iter().map(reconstruct).collect();
        let reconstructions = Tensor::cat(parts, 0);
        let mut recorder = Recorder::new(self.evaluated.parameter_names());
        let first = images.clone().narrow(0, 0, 1);
        self.evaluated.forward(first, &mut Pass::recording(&mut recorder));
        let shape = images.dims();
        let [images, reconstructions] = [images, reconstructions].map(floats);
        report.input_output(step, shape, &images, &reconstructions)?;
        for summary in recorder.into_summaries() {
            report.summary(step, &summary)?;
        }
        Ok(())
    }
}

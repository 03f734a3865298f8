//! What a training loop works on.

use std::path::Path;

use anyhow::Result;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};

use crate::evaluator::{self, Assessment, BATCH};
use crate::feed::Feed;
use crate::report::Report;
use crate::run::{Checkpoint, RunConfig, State};
use crate::summaries::floats;
use crate::{Exit, Failure, Init, Learner, Operation, optimizers, tell, transfer, zoo};

/// What is trained: the model, its optimizer, and a copy of the model for evaluation, which may be
/// on another device.
pub(crate) struct Trainee {
    /// On the training device, with autodiff.
    pub model: Learner,
    /// With its slots.
    pub optimizer: ModuleOptimizer,
    /// On the evaluation device; has the parameters of the last validation.
    evaluated: Learner,
    /// Where that is.
    eval_device: Device,
}

impl Trainee {
    /// The run `config` at its beginning, with the parameters frozen that it does not train, for
    /// images of `shape` `[channels, height, width]` in so
    /// many `classes`.
    pub fn new(
        config: &RunConfig,
        shape: [usize; 3],
        classes: usize,
        train_device: &Device,
        eval_device: &Device,
    ) -> Result<Self> {
        let build = |device: &Device| {
            zoo::model(&config.model, shape, classes, &mut Init::new(config.seed, device))
        };
        let mut model = build(&train_device.clone().autodiff())?;
        if let Some(scopes) = &config.trainable_scopes {
            transfer::freeze(model.network_mut(), scopes)?;
        }
        Ok(Self {
            model,
            optimizer: (config.optimizer_entry()?.build)(&config.optimizer_args),
            evaluated: build(eval_device)?,
            eval_device: eval_device.clone(),
        })
    }

    /// Takes the weights that the run `config` begins with, if they are not all drawn, and says on
    /// stderr which they are.
    pub fn load_pretrained(&mut self, config: &RunConfig) -> Result<()> {
        if let Some(pretrained) = &config.pretrained {
            let transfer = transfer::load(self.model.network_mut(), pretrained)?;
            let path = pretrained.checkpoint_path.display();
            tell(&format!("weights of `{path}`\n{transfer}"));
        }
        Ok(())
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
        self.model.network_mut().load_bytes(checkpoint.model).map_err(damaged)?;
        let parameters = self.model.network().parameters();
        self.optimizer = optimizers::restore(&self.optimizer, checkpoint.optimizer, &parameters)
            .map_err(damaged)?;
        let mut state = checkpoint.state;
        state.config = config.clone();
        Ok(state)
    }

    /// The run as it stands at `state`.
    pub fn checkpoint(&self, state: &State) -> Result<Checkpoint> {
        let optimizer = optimizers::to_bytes(&self.optimizer)?;
        Ok(Checkpoint { state: state.clone(), model: self.model.network().to_bytes()?, optimizer })
    }

    /// One step of the optimizer down `gradients`.
    pub fn update(&mut self, gradients: GradientsParams, learning_rate: f64) {
        self.model.network_mut().update(gradients, &mut self.optimizer, learning_rate);
    }

    /// How the model does on the examples of `validation`.
    pub fn validate(&mut self, validation: &Feed, names: Vec<String>) -> Result<Assessment> {
        self.evaluated.network_mut().load_bytes(self.model.network().to_bytes()?)?;
        Ok(evaluator::assess(&self.evaluated, validation, names))
    }

    /// What the model does with an image of `shape` `[channels, height, width]`.
    pub fn operations(&self, [channels, height, width]: [usize; 3]) -> Vec<Operation> {
        let image = Tensor::zeros([1, channels, height, width], &self.eval_device);
        self.evaluated.record(image).into_operations()
    }

    /// Shows `images` `[batch, channels, height, width]`, what an autoencoder that was last
    /// validated makes of them, and what is in the model's layers.
    pub fn picture(&self, images: Tensor<4>, step: u64, report: &mut Report) -> Result<()> {
        let shape = images.dims();
        let first = images.clone().narrow(0, 0, 1);
        // In parts: the maps of a large batch would take more memory than the training.
        let parts = images.clone().split(BATCH, 0).into_iter();
        let parts: Option<Vec<_>> = parts.map(|part| self.evaluated.reconstruct(part)).collect();
        match parts {
            Some(parts) => {
                let reconstructions = floats(Tensor::cat(parts, 0));
                report.input_output(step, shape, &floats(images), &reconstructions)?;
            }
            None => report.inputs(step, shape, &floats(images))?,
        }
        for summary in self.evaluated.record(first).into_summaries() {
            report.summary(step, &summary)?;
        }
        Ok(())
    }
}

//! The flags of training on top of something trained.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::nn::Scopes;
use crate::run::{Pretrained, RunConfig};
use crate::train::pretrained;

/// What the run begins with, and what of it is trained.
#[derive(Args, Clone, Debug)]
pub struct TransferArgs {
    /// Begin with the weights of a run's folder (its best checkpoint), a checkpoint, a folder of
    /// checkpoints (the newest), a safetensors file or a file of PyTorch
    #[arg(long = "checkpoint_path", alias = "checkpoint-path", value_name = "PATH")]
    checkpoint_path: Option<String>,
    /// Do not load what is in these parts of the model, as softmax_linear,conv1.norm
    #[arg(
        long = "exclude_scopes",
        alias = "exclude-scopes",
        value_name = "NAMES",
        requires = "checkpoint_path"
    )]
    exclude_scopes: Option<Scopes>,
    /// Train these parts of the model alone: the others are frozen, neither stepped nor penalised
    #[arg(long = "trainable_scopes", alias = "trainable-scopes", value_name = "NAMES")]
    trainable_scopes: Option<Scopes>,
}

impl TransferArgs {
    /// Whether no flag says anything.
    pub fn is_empty(&self) -> bool {
        let Self { checkpoint_path, exclude_scopes, trainable_scopes } = self;
        checkpoint_path.is_none() && exclude_scopes.is_none() && trainable_scopes.is_none()
    }

    /// `config` with what the flags say, if they say something. A run that goes on, whose configuration
    /// is `there`, does not need the weights any more: where they are gone, they were what they were.
    ///
    /// # Errors
    /// When the weights cannot be read.
    pub fn apply(&self, config: &mut RunConfig, there: Option<&RunConfig>) -> Result<()> {
        if self.trainable_scopes.is_some() {
            config.trainable_scopes.clone_from(&self.trainable_scopes);
        }
        let Some(path) = self.checkpoint_path.as_ref().map(PathBuf::from) else { return Ok(()) };
        let known = there.and_then(|there| there.pretrained.as_ref());
        let known = known.filter(|known| known.checkpoint_path == path && !path.exists());
        let sha256 = match known {
            Some(known) => known.sha256.clone(),
            None => pretrained::read(&path)?.weights.sha256(),
        };
        let exclude_scopes = self.exclude_scopes.clone();
        config.pretrained = Some(Pretrained { checkpoint_path: path, sha256, exclude_scopes });
        Ok(())
    }
}

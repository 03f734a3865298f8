//! The flags of training on top of something trained.

use std::path::PathBuf;

use clap::Args;

use crate::nn::Scopes;
use crate::train::config::NamedWeights;

/// What the run begins with, and what of it is trained.
#[derive(Args, Clone, Debug)]
pub struct TransferArgs {
    /// Weights to begin with: a run's folder (its best checkpoint), a checkpoint, a folder of checkpoints (the
    /// newest), a safetensors file or a PyTorch file
    #[arg(long = "checkpoint_path", alias = "checkpoint-path", value_name = "PATH")]
    checkpoint_path: Option<String>,
    /// Parts of the model whose weights are not loaded, as softmax_linear,conv1.norm
    #[arg(
        long = "exclude_scopes",
        alias = "exclude-scopes",
        value_name = "NAMES",
        requires = "checkpoint_path"
    )]
    exclude_scopes: Option<Scopes>,
    /// Parts of the model to train; all others are frozen: no gradient step, no L2 penalty
    #[arg(long = "trainable_scopes", alias = "trainable-scopes", value_name = "NAMES")]
    trainable_scopes: Option<Scopes>,
}

impl TransferArgs {
    /// Whether no flag says anything.
    pub fn is_empty(&self) -> bool {
        let Self { checkpoint_path, exclude_scopes, trainable_scopes } = self;
        checkpoint_path.is_none() && exclude_scopes.is_none() && trainable_scopes.is_none()
    }

    /// The weights that the run begins with.
    pub fn weights(&self) -> Option<NamedWeights> {
        let checkpoint_path = PathBuf::from(self.checkpoint_path.as_ref()?);
        Some(NamedWeights { checkpoint_path, exclude_scopes: self.exclude_scopes.clone() })
    }

    /// What of the model is trained.
    pub fn trainable_scopes(&self) -> Option<Scopes> {
        self.trainable_scopes.clone()
    }
}

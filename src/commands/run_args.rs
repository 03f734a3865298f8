//! Which trained model, and which part of a data set: the same words for all commands.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::data::Split;

/// A trained model.
#[derive(Args, Clone, Debug)]
pub(super) struct RunArgs {
    /// A run's folder (its best checkpoint), a folder of checkpoints (the newest) or a checkpoint
    #[arg(value_name = "RUN", required_unless_present = "checkpoint_dir")]
    run: Option<PathBuf>,
    /// The same as RUN, as Dynamic Training Bench had it
    #[arg(long = "checkpoint_dir", aliases = ["checkpoint-dir", "checkpoint_path", "checkpoint-path"], value_name = "PATH", conflicts_with = "run")]
    checkpoint_dir: Option<PathBuf>,
}

impl RunArgs {
    /// The path that was given.
    ///
    /// # Panics
    /// When there is none: the parser wants one of the two.
    pub fn path(&self) -> PathBuf {
        let path = self.run.as_ref().or(self.checkpoint_dir.as_ref());
        path.expect("the parser wants one of the two").clone()
    }
}

/// `--split` and `--test`.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct SplitArgs {
    /// Part of the data set
    #[arg(long, value_enum, default_value = "validation", value_name = "NAME")]
    split: SplitName,
    /// The same as --split test
    #[arg(long, conflicts_with = "split")]
    test: bool,
}

impl SplitArgs {
    /// The one that is meant.
    pub fn split(&self) -> Split {
        if self.test { Split::Test } else { self.split.into() }
    }
}

/// `--split`.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub(super) enum SplitName {
    Train,
    Validation,
    Test,
}

impl From<SplitName> for Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Validation => Self::Validation,
            SplitName::Test => Self::Test,
        }
    }
}

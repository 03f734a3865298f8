//! The command line: flags with Dynamic Training Bench's names (`--batch_size`; `--batch-size` is
//! understood too). Parsing only validates.

pub mod compare;
mod config_file;
mod confusion_matrix;
mod evaluate;
mod export;
mod output;
mod programs;
pub(crate) mod reconstruct;
mod schedule;
mod train;
mod transfer;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

pub use compare::Compare;
pub use export::Export;
pub use programs::{EvaluateAutoencoder, EvaluateClassifier, TrainAutoencoder, TrainClassifier};
pub use reconstruct::Reconstruct;

use crate::data::Source;
use crate::error::Exit;
use crate::util::stderr::message;

/// Where data sets find their files.
#[derive(Args, Clone, Debug)]
pub struct SourceArgs {
    /// Folder that holds the data set's files [default: a folder of the user's cache]
    #[arg(long = "data_dir", aliases = ["data-dir", "data_path", "data-path"], value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Never download
    #[arg(long)]
    offline: bool,
}

impl SourceArgs {
    /// The same, as data sets see it.
    pub fn source(&self) -> Source {
        Source { data_dir: self.data_dir.clone(), offline: self.offline, ..Source::default() }
    }
}

/// Ends a program: prints the error of `result`, if it is one, and chooses the exit code.
pub fn exit(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            message(&format!("error: {error:#}"));
            ExitCode::from(Exit::of(&error).code())
        }
    }
}

//! The command line: flags with Dynamic Training Bench's names (`--batch_size`; `--batch-size` is
//! understood too). Parsing only validates.

mod anomalies;
mod article;
pub mod compare;
mod config_file;
mod confusion_matrix;
mod data;
mod device_args;
mod dytb;
mod each_class;
mod embed;
mod evaluate;
mod export;
mod gallery;
mod images;
mod latent;
mod output;
mod predict;
pub(crate) mod reconstruct;
mod run_args;
mod schedule;
mod several;
mod steps;
mod sweep;
mod train;
mod train_several;
mod transfer;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

pub use article::{EvaluateAutoencoder, EvaluateClassifier, TrainAutoencoder, TrainClassifier};
pub use compare::Compare;
pub use data::Data;
pub use dytb::Dytb;
pub use embed::Embed;
pub use evaluate::Evaluate;
pub use export::Export;
pub use latent::LatentArgs;
pub use predict::Predict;
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
    /// Bytes of images that may be in memory, as 512M, 4G or 0; what does not fit is decoded once, into a file in the
    /// cache folder, and read from there: no result depends on it [default: half of what is free]
    #[arg(long, aliases = ["mem", "cache_size"], value_parser = crate::data::store::parse_bytes, allow_negative_numbers = true, value_name = "BYTES")]
    memory: Option<u64>,
}

impl SourceArgs {
    /// The same, as data sets see it.
    pub fn source(&self) -> Source {
        let Self { data_dir, offline, memory } = self.clone();
        Source { data_dir, offline, memory, ..Source::default() }
    }
}

/// The `main` of a program with this command line, and its allocator.
///
/// Each microbatch takes and frees megabytes. glibc gives such blocks back to the system and takes them again,
/// page by page, which took more time than the training itself.
#[macro_export]
macro_rules! program {
    ($command_line:ident) => {
        #[global_allocator]
        static ALLOCATOR: $crate::commands::MiMalloc = $crate::commands::MiMalloc;

        fn main() -> std::process::ExitCode {
            let command_line: $crate::commands::$command_line = $crate::commands::parse();
            $crate::commands::exit(command_line.run())
        }
    };
}

#[doc(hidden)]
pub use mimalloc::MiMalloc;

/// Reads a program's command line; ends it where that is wrong, or asks for help.
#[doc(hidden)]
pub fn parse<P: clap::Parser>() -> P {
    P::parse()
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

//! Trains one of the classifiers of `models/` on one of the data sets of `inputs/`.

use std::process::ExitCode;

use clap::Parser;
use dytb::commands::{TrainClassifier, exit};

fn main() -> ExitCode {
    exit(TrainClassifier::parse().run())
}

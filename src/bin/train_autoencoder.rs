//! Trains one of the autoencoders of `models/` on one of the data sets of `inputs/`.

use std::process::ExitCode;

use clap::Parser;
use dytb::commands::{TrainAutoencoder, exit};

fn main() -> ExitCode {
    exit(TrainAutoencoder::parse().run())
}

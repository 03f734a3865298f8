//! Prints the error of a trained autoencoder on a data set's validation or test images.

use std::process::ExitCode;

use clap::Parser;
use dytb::commands::{EvaluateAutoencoder, exit};

fn main() -> ExitCode {
    exit(EvaluateAutoencoder::parse().run())
}

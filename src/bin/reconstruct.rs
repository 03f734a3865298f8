//! Writes pictures of what a trained autoencoder makes of images.

use std::process::ExitCode;

use clap::Parser;
use dytb::commands::{Reconstruct, exit};

fn main() -> ExitCode {
    exit(Reconstruct::parse().run())
}

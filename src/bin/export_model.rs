//! Writes a trained model to a safetensors file that PyTorch can read.

use std::process::ExitCode;

use clap::Parser;
use dytb::commands::{Export, exit};

fn main() -> ExitCode {
    exit(Export::parse().run())
}

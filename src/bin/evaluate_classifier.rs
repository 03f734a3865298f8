//! Prints the accuracy of a trained classifier on a data set's validation or test images.

use std::process::ExitCode;

use clap::Parser;
use dytb::commands::{EvaluateClassifier, exit};

fn main() -> ExitCode {
    exit(EvaluateClassifier::parse().run())
}

//! Prints the error of a trained autoencoder on a data set's validation or test images.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use dytb::{EvaluateArgs, evaluate_autoencoder, exit};
use serde_json::json;

fn main() -> ExitCode {
    exit(run(&EvaluateArgs::parse()))
}

fn run(args: &EvaluateArgs) -> Result<()> {
    let evaluation = args.evaluation();
    let error = evaluate_autoencoder(&evaluation)?;
    let split = evaluation.split.name();
    let text = match args.json() {
        true => json!({ "split": split, "error": error }).to_string(),
        false => format!("{split} error = {error:.6}"),
    };
    writeln!(io::stdout(), "{text}").context("cannot print the result")
}

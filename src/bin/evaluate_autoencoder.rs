//! Prints the error of a trained autoencoder on a data set's validation or test images.

use std::process::ExitCode;

use anyhow::Result;
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
    if args.json() {
        println!("{}", json!({ "split": split, "error": error }));
    } else {
        println!("{split} error = {error:.6}");
    }
    Ok(())
}

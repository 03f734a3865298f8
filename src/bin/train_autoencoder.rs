//! Trains one of the autoencoders of `models/` on one of the data sets of `inputs/`.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use dytb::{Finished, TrainArgs, exit, train_autoencoder};
use serde_json::json;

fn main() -> ExitCode {
    exit(run(&TrainArgs::parse()))
}

fn run(args: &TrainArgs) -> Result<()> {
    let config = args.config()?;
    let finished = train_autoencoder(&config, &args.settings()?)?;
    let text = match args.json() {
        true => as_json(&config.model, &finished),
        false => as_text(&finished),
    };
    writeln!(io::stdout(), "{text}").context("cannot print the results")
}

fn as_json(model: &str, Finished { outcome, folder }: &Finished) -> String {
    let best = outcome.best;
    json!({
        "model": model,
        "folder": folder,
        "epochs": outcome.epochs,
        "best_epoch": best.epoch,
        "best_step": best.step,
        "validation_error": best.error,
        "test_error": outcome.test_error,
    })
    .to_string()
}

fn as_text(Finished { outcome, folder }: &Finished) -> String {
    let models = folder.parent().unwrap_or(folder).display();
    [
        format!("best validation error = {:.6} (epoch {})", outcome.best.error, outcome.best.epoch),
        format!("test error = {:.6}", outcome.test_error),
        format!("run: {}", folder.display()),
        format!("see it: tensorboard --logdir {models} --samples_per_plugin images=200"),
    ]
    .join("\n")
}

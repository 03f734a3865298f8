//! Trains one of the autoencoders of `models/` on one of the data sets of `inputs/`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use dytb::{Finished, TrainArgs, exit, train_autoencoder};
use serde_json::json;

fn main() -> ExitCode {
    exit(run(&TrainArgs::parse()))
}

fn run(args: &TrainArgs) -> Result<()> {
    let config = args.config()?;
    let finished = train_autoencoder(&config, &args.settings()?)?;
    print(&config.model, &finished, args.json());
    Ok(())
}

fn print(model: &str, Finished { outcome, folder }: &Finished, as_json: bool) {
    let best = outcome.best;
    if as_json {
        let json = json!({
            "model": model,
            "folder": folder,
            "epochs": outcome.epochs,
            "best_epoch": best.epoch,
            "best_step": best.step,
            "validation_error": best.error,
            "test_error": outcome.test_error,
        });
        println!("{json}");
        return;
    }
    println!("best validation error = {:.6} (epoch {})", best.error, best.epoch);
    println!("test error = {:.6}", outcome.test_error);
    println!("run: {}", folder.display());
    let models = folder.parent().unwrap_or(folder).display();
    println!("see it: tensorboard --logdir {models} --samples_per_plugin images=200");
}

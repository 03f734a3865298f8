//! The article's errors beside the distribution of ours over seeds: trains the article's run (Adam
//! 1e-5, batches of 1024, 150 epochs) once for each seed and prints a table of the best validation
//! errors and of the test errors of those parameters.
//!
//! ```sh
//! cargo bench --bench fidelity                                        # MNIST, ten seeds
//! cargo bench --bench fidelity -- --l2_penalty 1e-9 --seeds 5
//! cargo bench --bench fidelity -- --dataset Digits --epochs 3 --seeds 2
//! ```
//!
//! It keeps its runs in `--log_dir` and goes on where it was stopped; several of it, for different
//! seeds, can run side by side (`RAYON_NUM_THREADS=1`). The article reports one run of each kind, and
//! its program at that time drew another seed every time.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use dytb::Source;
use dytb::commands::exit;
use dytb::device::DeviceName;
use dytb::optim;
use dytb::optim::Arguments;
use dytb::run::{RunConfig, RunResult, Schedule};
use dytb::train::Interrupt;
use dytb::train::{TrainOptions, train};

// As the programs have it.
#[global_allocator]
static ALLOCATOR: dytb::commands::MiMalloc = dytb::commands::MiMalloc;

/// What the article reports of SingleLayerCAE: data set, factor of the L2 penalty, best validation
/// error, test error.
const ARTICLE: [(&str, f64, f64, f64); 4] = [
    ("MNIST", 0.0, 0.00216, 0.00215),
    ("MNIST", 1e-9, 0.00225, 0.00223),
    ("Cifar10", 0.0, 0.02541, 0.02541),
    ("Cifar10", 1e-9, 0.03058, 0.03058),
];
/// Its epochs.
const EPOCHS: u64 = 150;
/// Its examples a step.
const BATCH: u64 = 1024;

#[derive(Parser)]
struct Args {
    #[arg(long, default_value = "SingleLayerCAE")]
    model: String,
    #[arg(long, default_value = "MNIST")]
    dataset: String,
    #[arg(long = "l2_penalty", default_value_t = 0.0)]
    l2_penalty: f64,
    #[arg(long, default_value_t = EPOCHS, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: u64,
    /// Another than the article's is not beside the article's figures
    #[arg(long = "batch_size", default_value_t = BATCH, value_parser = clap::value_parser!(u64).range(1..))]
    batch_size: u64,
    /// Number of seeds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    #[arg(long = "first_seed", default_value_t = 1)]
    first_seed: u64,
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// Folder that holds the data set's files [default: a folder of the user's cache]
    #[arg(long = "data_dir")]
    data_dir: Option<PathBuf>,
    /// Folder of the runs and of their results files
    #[arg(long = "log_dir", default_value = "target/fidelity")]
    log_dir: PathBuf,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    /// The article's run with `seed`.
    fn config(&self, seed: u64) -> Result<RunConfig> {
        let adam = optim::find("AdamOptimizer").context("there is Adam")?;
        let arguments = serde_json::from_str(r#"{"learning_rate": 1e-5}"#)?;
        Ok(RunConfig {
            model: self.model.clone(),
            dataset: self.dataset.clone(),
            data: None,
            image_size: None,
            classes: None,
            patience: None,
            optimizer: adam.name.into(),
            optimizer_args: Arguments::new(adam, arguments)?,
            batch_size: self.batch_size as usize,
            epochs: self.epochs,
            lr_schedule: Schedule::default(),
            l2_penalty: self.l2_penalty,
            seed,
            comment: Some(format!("epochs={}_batch={}_seed={seed}", self.epochs, self.batch_size)),
            pretrained: None,
            trainable_scopes: None,
        })
    }

    /// The article's row for this run, if it has one.
    fn article(&self) -> Option<&(&str, f64, f64, f64)> {
        let run = (self.model.as_str(), self.epochs, self.batch_size);
        let of_article = run == ("SingleLayerCAE", EPOCHS, BATCH);
        ARTICLE
            .iter()
            .filter(|_| of_article)
            .find(|(dataset, penalty, ..)| *dataset == self.dataset && *penalty == self.l2_penalty)
    }

    fn settings(&self) -> Result<TrainOptions> {
        let device = self.device.resolve();
        Ok(TrainOptions {
            log: self.log_dir.clone(),
            results: self.log_dir.clone(),
            restart: false,
            train_device: device.clone(),
            eval_device: device,
            source: Source { data_dir: self.data_dir.clone(), ..Source::default() },
            log_every: 100,
            images_every: Some(0),
            command: "cargo bench --bench fidelity".into(),
            interrupt: Interrupt::listen()?,
        })
    }
}

fn main() -> ExitCode {
    exit(report(&Args::parse()))
}

fn report(args: &Args) -> Result<()> {
    let settings = args.settings()?;
    let mut outcomes = Vec::new();
    println!(
        "{} on {}, {} epochs, batches of {}, l2_penalty {:?}\n",
        args.model, args.dataset, args.epochs, args.batch_size, args.l2_penalty
    );
    println!("| seed | best validation error | in epoch | test error |\n|---|---|---|---|");
    for seed in args.first_seed..args.first_seed + args.seeds {
        let outcome = train(&args.config(seed)?, &settings)?.outcome;
        println!(
            "| {seed} | {:.5} | {} | {:.5} |",
            validation(&outcome),
            outcome.best.epoch,
            test(&outcome)
        );
        outcomes.push(outcome);
    }
    if outcomes.len() > 1 {
        print_summary(&outcomes);
    }
    if let Some((.., validation, test)) = args.article() {
        println!("| the article, one run | {validation:.5} | | {test:.5} |");
    }
    Ok(())
}

fn validation(outcome: &RunResult) -> f64 {
    outcome.best.score.loss()
}

fn test(outcome: &RunResult) -> f64 {
    outcome.test.loss()
}

fn print_summary(outcomes: &[RunResult]) {
    let of = |error: fn(&RunResult) -> f64| Summary::of(outcomes.iter().map(error).collect());
    let rows = of(validation).rows().into_iter();
    for ((name, validation), (_, test)) in rows.zip(of(test).rows()) {
        println!("| {name} | {validation:.5} | | {test:.5} |");
    }
}

/// Two or more errors in a few numbers.
struct Summary {
    /// The least first.
    sorted: Vec<f64>,
}

impl Summary {
    fn of(mut errors: Vec<f64>) -> Self {
        errors.sort_by(f64::total_cmp);
        Self { sorted: errors }
    }

    /// Each number and its name. The deviation is the sample's (divided by n - 1).
    fn rows(&self) -> [(&'static str, f64); 5] {
        let (sorted, n) = (&self.sorted, self.sorted.len());
        let mean = sorted.iter().sum::<f64>() / n as f64;
        let squares = sorted.iter().map(|error| (error - mean).powi(2)).sum::<f64>();
        [
            ("median", (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0),
            ("least", sorted[0]),
            ("most", sorted[n - 1]),
            ("mean", mean),
            ("standard deviation", (squares / (n as f64 - 1.0)).sqrt()),
        ]
    }
}

//! The article's errors beside the distribution of ours over seeds: `dytb train --seeds` of the article's run (Adam
//! 1e-5, batches of 1024, 150 epochs), and its spread beside what the article reports.
//!
//! ```sh
//! cargo bench --bench fidelity                                        # MNIST, ten seeds
//! cargo bench --bench fidelity -- --l2_penalty 1e-9 --seeds 5
//! cargo bench --bench fidelity -- --dataset Digits --epochs 3 --seeds 2
//! ```
//!
//! It goes on where it was stopped. The article reports one run of each kind, and its program at that time drew
//! another seed every time.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use dytb::commands::{Dytb, compare, exit};
use dytb::stats::Summary;

// As the programs have it.
#[global_allocator]
static ALLOCATOR: dytb::commands::MiMalloc = dytb::commands::MiMalloc;

/// What the article reports of SingleLayerCAE: data set, factor of the L2 penalty, best validation
/// error, test error.
const ARTICLE: [(&str, &str, f64, f64); 4] = [
    ("MNIST", "0", 0.00216, 0.00215),
    ("MNIST", "1e-9", 0.00225, 0.00223),
    ("Cifar10", "0", 0.02541, 0.02541),
    ("Cifar10", "1e-9", 0.03058, 0.03058),
];
/// Its epochs, and its examples a step.
const EPOCHS: &str = "150";
const BATCH: &str = "1024";

#[derive(Parser)]
struct Args {
    #[arg(long, default_value = "MNIST")]
    dataset: String,
    #[arg(long = "l2_penalty", default_value = "0")]
    l2_penalty: String,
    #[arg(long, default_value = EPOCHS)]
    epochs: String,
    /// Number of seeds, or a list of them
    #[arg(long, default_value = "10")]
    seeds: String,
    /// Folder that holds the data set's files [default: a folder of the user's cache]
    #[arg(long = "data_dir")]
    data_dir: Option<PathBuf>,
    /// Folder of the runs
    #[arg(long = "log_dir", default_value = "target/fidelity")]
    log_dir: PathBuf,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    /// The command line that trains the article's run for each seed.
    fn command(&self) -> Vec<String> {
        let words = [
            "dytb",
            "train",
            "--model",
            "SingleLayerCAE",
            "--dataset",
            &self.dataset,
            "--optimizer",
            "AdamOptimizer",
            "--learning_rate",
            "1e-5",
            "--batch_size",
            BATCH,
            "--epochs",
            &self.epochs,
            "--l2_penalty",
            &self.l2_penalty,
            "--seeds",
            &self.seeds,
            "--images_every",
            "0",
            "--device",
            "cpu",
        ];
        let mut words: Vec<_> = words.map(str::to_owned).to_vec();
        words.push(format!("--log_dir={}", self.log_dir.display()));
        words.extend(self.data_dir.iter().map(|folder| format!("--data_dir={}", folder.display())));
        words
    }
}

fn main() -> ExitCode {
    exit(report(&Args::parse()))
}

fn report(args: &Args) -> Result<()> {
    Dytb::try_parse_from(args.command())?.run()?;
    let rows = compare::find(std::slice::from_ref(&args.log_dir))?;
    let penalty: f64 = args.l2_penalty.parse()?;
    let of_these = rows.iter().filter(|row| {
        let config = row.config.as_ref();
        config.is_some_and(|config| {
            (&config.dataset, config.l2_penalty) == (&args.dataset, penalty)
                && config.epochs.to_string() == args.epochs
        })
    });
    println!("\n| | best validation error | test error |\n|---|---|---|");
    for group in compare::groups(&of_these.collect::<Vec<_>>(), false) {
        for ((name, validation), (_, test)) in
            numbers(group.validation()).into_iter().zip(numbers(group.test()))
        {
            println!("| {name} | {validation:.5} | {test:.5} |");
        }
    }
    let article = ARTICLE.iter().filter(|_| args.epochs == EPOCHS);
    for (.., validation, test) in
        article.filter(|(dataset, of, ..)| *dataset == args.dataset && of.parse() == Ok(penalty))
    {
        println!("| the article, one run | {validation:.5} | {test:.5} |");
    }
    Ok(())
}

/// The numbers of a spread, and their names.
fn numbers(summary: Option<Summary>) -> Vec<(&'static str, f64)> {
    let Some(summary) = summary else { return Vec::new() };
    let Summary { mean, standard_deviation, median, least, most, .. } = summary;
    let deviation = standard_deviation.unwrap_or(f64::NAN);
    [
        ("median", median),
        ("least", least),
        ("most", most),
        ("mean", mean),
        ("standard deviation", deviation),
    ]
    .to_vec()
}

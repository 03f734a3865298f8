//! What the programs print on stdout, for a person or, with `--json`, for a program.

pub(super) use crate::util::shell::quoted;
use crate::util::table::columns;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::commands::reconstruct::render::{Shown, ShownImage};
use crate::data::Split;
use crate::metrics::EvalReport;
use crate::metrics::fixed;
use crate::metrics::{ClassScore, ConfusedPair};
use crate::metrics::{Metric, Score};
use crate::stats::Summary;
use crate::train::{FinishedRun, PausedRun};

/// Prints `text` and a newline. A closed stdout, as in `dytb compare | head -1`, is no error.
///
/// # Errors
/// When it cannot be written: the disk of the file that it goes to is full, say.
pub(super) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout();
    // Flushed here: at the program's end an error would go unnoticed.
    let printed = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    match printed {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("cannot print the results"),
    }
}

pub(super) fn finished_as_text(FinishedRun { result, folder }: &FinishedRun) -> String {
    // That of `.` is not in its name.
    let models = match folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => parent.to_owned(),
        None => {
            let whole = folder.canonicalize().unwrap_or_default();
            whole.parent().unwrap_or(Path::new(".")).to_owned()
        }
    };
    let models = quoted(&models.display().to_string());
    let (name, best) = result.best.score.headline();
    let (_, test) = result.test.headline();
    // Another epoch may have a better one then.
    let picked = result.best.selected;
    let picked = picked.map_or(String::new(), |value| format!(", picked by --select: {value:.6}"));
    [
        format!(
            "best validation {name} = {} (epoch {}{picked})",
            fixed(best, 6),
            result.best.epoch
        ),
        format!("test {name} = {}{}", fixed(test, 6), beside(&result.test_metrics)),
        format!("run: {}", folder.display()),
        format!("see it: tensorboard --logdir {models} --samples_per_plugin images=200"),
    ]
    .join("\n")
}

/// `(mse 0.0452, psnr 19.47 dB)`: what others call an autoencoder's error.
fn beside(metrics: &BTreeMap<Metric, f64>) -> String {
    match (metrics.get(&Metric::Mse), metrics.get(&Metric::Psnr)) {
        (Some(mse), Some(psnr)) => {
            format!(" (mse {}, psnr {} dB)", fixed(*mse, 6), fixed(*psnr, 2))
        }
        _ => String::new(),
    }
}

/// `0.002940 ± 0.000820 (n = 10, 0.001540 to 0.004010)`: mean and standard deviation, number, least and most.
pub(super) fn spread(summary: &Summary, digits: usize) -> String {
    let Summary { n, mean, standard_deviation, least, most, .. } = *summary;
    let [mean, least, most] = [mean, least, most].map(|value| fixed(value, digits));
    let deviation = fixed(standard_deviation.unwrap_or(f64::NAN), digits);
    format!("{mean} ± {deviation} (n = {n}, {least} to {most})")
}

/// Of a run that was paused after some of its `epochs`.
pub(super) fn paused_as_text(run: &PausedRun, epochs: u64) -> String {
    let best = run.best.map(|best| {
        let (name, value) = best.score.headline();
        format!("best validation {name} = {} (epoch {})", fixed(value, 6), best.epoch)
    });
    let paused = format!("paused after epoch {} of {epochs}: {}", run.epochs, run.folder.display());
    best.into_iter().chain([paused]).collect::<Vec<_>>().join("\n")
}

pub(super) fn paused_as_json(model: &str, run: &PausedRun) -> String {
    let mut object = Map::from_iter([
        ("model".to_owned(), json!(model)),
        ("folder".to_owned(), json!(run.folder.display().to_string())),
        ("paused".to_owned(), json!(true)),
        ("epochs".to_owned(), json!(run.epochs)),
        ("best_epoch".to_owned(), json!(run.best.map(|best| best.epoch))),
    ]);
    if let Some(best) = run.best {
        insert(&mut object, "validation_", &best.score);
    }
    Value::Object(object).to_string()
}

pub(super) fn finished_as_json(model: &str, finished: &FinishedRun) -> String {
    Value::Object(finished_as_object(model, finished)).to_string()
}

pub(super) fn finished_as_object(
    model: &str,
    FinishedRun { result, folder }: &FinishedRun,
) -> Map<String, Value> {
    let mut object = json!({
        "model": model,
        "folder": folder.display().to_string(),
        "epochs": result.epochs,
        "best_epoch": result.best.epoch,
        "best_step": result.best.step,
    });
    let object = object.as_object_mut().expect("an object");
    insert(object, "validation_", &result.best.score);
    insert(object, "test_", &result.test);
    for (metric, value) in &result.test_metrics {
        object.insert(format!("test_{metric}"), json!(value));
    }
    object.clone()
}

/// The score, and a line for each metric.
pub(super) fn report_as_text(split: Split, report: &EvalReport) -> String {
    let metrics = report.metrics.iter().map(|(metric, value)| (metric.name(), *value));
    let lines = [report.score.headline()].into_iter().chain(metrics);
    let split = split.name();
    let lines = lines.map(|(name, value)| format!("{split} {name} = {}", fixed(value, 6)));
    lines.collect::<Vec<_>>().join("\n")
}

pub(super) fn report_as_json(
    split: Split,
    report: &EvalReport,
    confused: Option<&[ConfusedPair]>,
    files: &[PathBuf],
) -> String {
    let mut object = Map::from_iter([("split".to_owned(), split.name().into())]);
    insert(&mut object, "", &report.score);
    for (metric, value) in &report.metrics {
        object.insert(metric.name().to_owned(), json!(value));
    }
    let classes = report.class_scores();
    if !classes.is_empty() {
        object.insert("classes".to_owned(), json!(classes));
    }
    if let Some(confused) = confused {
        object.insert("confused".to_owned(), json!(confused));
    }
    if !files.is_empty() {
        object.insert("files".to_owned(), json!(texts(files)));
    }
    Value::from(object).to_string()
}

/// Paths as texts: JSON has no others, and a path may be any bytes.
fn texts(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

/// A line for each class: its name, examples and accuracy.
pub(super) fn classes_as_text(classes: &[ClassScore]) -> String {
    let lines = classes.iter().map(|ClassScore { class, examples, accuracy }| {
        let accuracy = accuracy.map_or("-".to_owned(), |accuracy| format!("{accuracy:.4}"));
        vec![class.clone(), examples.to_string(), accuracy]
    });
    columns(&["class", "examples", "accuracy"], &lines.collect::<Vec<_>>(), &["class"])
}

/// A line for each pair of classes that are confused.
pub(super) fn confused_as_text(pairs: &[ConfusedPair]) -> String {
    if pairs.is_empty() {
        return "no class is taken for another".to_owned();
    }
    let line = |ConfusedPair { class, taken_for, examples, share }: &ConfusedPair| {
        vec![class.clone(), taken_for.clone(), examples.to_string(), format!("{share:.4}")]
    };
    let lines: Vec<_> = pairs.iter().map(line).collect();
    columns(&["class", "taken for", "examples", "share"], &lines, &["class", "taken for"])
}

/// A line for each image, and the files.
pub(super) fn shown_as_text(shown: &Shown) -> String {
    // Only pictures in folders have names.
    let named = shown.images.iter().any(|image| image.name.is_some());
    let cells = |image: &str, name: &str, class: &str, error: &str| {
        let cells = [Some(image), named.then_some(name), Some(class), Some(error)];
        cells.into_iter().flatten().map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = shown.images.iter().map(|ShownImage { image, name, class, error }| {
        let [name, class] = [name, class].map(|text| text.as_deref().unwrap_or("-"));
        cells(image, name, class, &fixed(*error, 6))
    });
    let head = cells("image", "name", "class", "error");
    let head: Vec<_> = head.iter().map(String::as_str).collect();
    let table = columns(&head, &lines.collect::<Vec<_>>(), &["name", "class", "error"]);
    let files = shown.files.iter().map(|file| format!("written: {}", file.display()));
    [table].into_iter().chain(files).collect::<Vec<_>>().join("\n")
}

pub(super) fn shown_as_json(shown: &Shown) -> String {
    json!({ "images": shown.images, "files": texts(&shown.files) }).to_string()
}

/// A command line as a shell takes it; the program by its name.
pub(super) fn command(words: impl Iterator<Item = String>) -> String {
    let quote = |(number, word): (usize, String)| match number {
        0 => {
            let name = Path::new(&word).file_name().and_then(|name| name.to_str());
            quoted(name.unwrap_or(&word))
        }
        _ => quoted(&word),
    };
    words.enumerate().map(quote).collect::<Vec<_>>().join(" ")
}

/// Adds all of `score`, its names after `prefix`.
fn insert(object: &mut Map<String, Value>, prefix: &str, score: &Score) {
    object.extend(
        score.scalars().into_iter().map(|(name, value)| (format!("{prefix}{name}"), value.into())),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line() {
        let words = ["/a b/train_autoencoder", "--comment", "two words"].map(str::to_owned);
        assert_eq!(command(words.into_iter()), "train_autoencoder --comment 'two words'");
    }
}

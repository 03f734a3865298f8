//! What the programs print on stdout, for a person or, with `--json`, for a program.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::gallery::{Shown, ShownImage};
use crate::trainer::Finished;
use crate::{Assessment, ClassScore, Score, Split};

/// Prints `text` and a line's end.
///
/// # Errors
/// When nobody takes it.
pub(super) fn print(text: &str) -> Result<()> {
    writeln!(io::stdout(), "{text}").context("cannot print the results")
}

pub(super) fn finished_as_text(Finished { outcome, folder }: &Finished) -> String {
    let models = folder.parent().unwrap_or(folder).display();
    let (name, best) = outcome.best.score.headline();
    let (_, test) = outcome.test.headline();
    [
        format!("best validation {name} = {best:.6} (epoch {})", outcome.best.epoch),
        format!("test {name} = {test:.6}"),
        format!("run: {}", folder.display()),
        format!("see it: tensorboard --logdir {models} --samples_per_plugin images=200"),
    ]
    .join("\n")
}

pub(super) fn finished_as_json(model: &str, Finished { outcome, folder }: &Finished) -> String {
    let mut object = json!({
        "model": model,
        "folder": folder.display().to_string(),
        "epochs": outcome.epochs,
        "best_epoch": outcome.best.epoch,
        "best_step": outcome.best.step,
    });
    let object = object.as_object_mut().expect("an object");
    insert(object, "validation_", &outcome.best.score);
    insert(object, "test_", &outcome.test);
    Value::from(object.clone()).to_string()
}

pub(super) fn score_as_text(split: Split, score: &Score) -> String {
    let (name, value) = score.headline();
    format!("{} {name} = {value:.6}", split.name())
}

pub(super) fn assessment_as_json(split: Split, assessment: &Assessment) -> String {
    let mut object = Map::from_iter([("split".to_owned(), split.name().into())]);
    insert(&mut object, "", &assessment.score);
    let classes = assessment.class_scores();
    if !classes.is_empty() {
        object.insert("classes".to_owned(), json!(classes));
    }
    Value::from(object).to_string()
}

/// A line for each class: its name, examples and accuracy.
pub(super) fn classes_as_text(classes: &[ClassScore]) -> String {
    let width = classes.iter().map(|class| class.class.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!("{:width$}  examples  accuracy", "class");
    for ClassScore { class, examples, accuracy } in classes {
        let accuracy = accuracy.map_or("-".to_owned(), |accuracy| format!("{accuracy:.4}"));
        text += &format!("\n{class:width$}  {examples:>8}  {accuracy:>8}");
    }
    text
}

/// A line for each image, and the files.
pub(super) fn shown_as_text(shown: &Shown) -> String {
    let width =
        shown.images.iter().map(|image| image.image.chars().count()).max().unwrap_or(0).max(5);
    let classes = shown.images.iter().filter_map(|image| image.class.as_ref());
    let class_width = classes.map(|class| class.chars().count()).max().unwrap_or(0).max(5);
    let mut text = format!("{:>width$}  {:class_width$}  error", "image", "class");
    for ShownImage { image, class, error } in &shown.images {
        let class = class.as_deref().unwrap_or("-");
        text += &format!("\n{image:>width$}  {class:class_width$}  {error:.6}");
    }
    for file in &shown.files {
        text += &format!("\nwritten: {}", file.display());
    }
    text
}

pub(super) fn shown_as_json(shown: &Shown) -> String {
    json!(shown).to_string()
}

/// A command line as a shell takes it; the program by its name.
pub(super) fn command(words: impl Iterator<Item = String>) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let quote = |(number, word): (usize, String)| match word {
        word if number == 0 => {
            let name = Path::new(&word).file_name().and_then(|name| name.to_str());
            name.map_or(word.clone(), str::to_owned)
        }
        word if !word.is_empty() && word.chars().all(is_plain) => word,
        word => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.enumerate().map(quote).collect::<Vec<_>>().join(" ")
}

/// Adds all of `score`, its names after `prefix`.
fn insert(object: &mut Map<String, Value>, prefix: &str, score: &Score) {
    object.extend(
        score.scalars().into_iter().map(|(name, value)| (format!("{prefix}{name}"), value.into())),
    );
}

//! What the programs print on stdout, for a person or, with `--json`, for a program.

use std::io::{self, Write};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

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
        "folder": folder,
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

/// Adds all of `score`, its names after `prefix`.
fn insert(object: &mut Map<String, Value>, prefix: &str, score: &Score) {
    object.extend(
        score.scalars().into_iter().map(|(name, value)| (format!("{prefix}{name}"), value.into())),
    );
}

//! Runs that can be ranked: those on the same images, measured alike. An error on MNIST is not better
//! or worse than one on Cifar10, and no error is better than an accuracy.

use super::{Group, Row};
use crate::data::ValidationSplit;

/// Runs that are ranked with each other.
pub struct Section<'a> {
    /// What they have in common: the data set and the measure.
    pub title: String,
    /// The groups of runs, in their order.
    pub groups: Vec<Group<'a>>,
}

/// `groups`, which are sorted, in sections by data set and measure, each in the order of its groups. Of the
/// user's own pictures others are another data set; so are some of the classes. Runs of which it is not
/// known what they are come last.
pub fn sections<'a>(groups: &[Group<'a>]) -> Vec<Section<'a>> {
    let mut sections: Vec<(Vec<String>, Section)> = Vec::new();
    for group in groups {
        let (key, group) = (key(group.first()), group.clone());
        match sections.iter_mut().find(|(other, _)| *other == key) {
            Some((_, section)) => section.groups.push(group),
            None => {
                let title = title(group.first());
                sections.push((key, Section { title, groups: vec![group] }));
            }
        }
    }
    // Errors before accuracies as in `Group::compare`; then by name, not by whose best run is the best of
    // all.
    let order = |section: &Section| match section.groups[0].first().metric() {
        Some("error") => 0,
        Some(_) => 1,
        None => 2,
    };
    sections.sort_by(|(one, a), (other, b)| order(a).cmp(&order(b)).then(one.cmp(other)));
    let (known, unknown): (Vec<_>, Vec<_>) =
        sections.into_iter().partition(|(_, section)| section.groups[0].first().config.is_some());
    known.into_iter().chain(unknown).map(|(_, section)| section).collect()
}

/// What is the same of runs that can be ranked.
fn key(row: &Row) -> Vec<String> {
    let data = row.config.as_ref().and_then(|config| config.data.clone());
    let data = data.map_or([String::new(), String::new()], |data| [data.name, data.fingerprint]);
    let [name, fingerprint] = data;
    let size = row.config.as_ref().and_then(|config| config.image_size);
    let size = size.map_or(String::new(), |[height, width]| format!("{height}x{width}"));
    [
        row.dataset().to_owned(),
        name,
        size,
        classes(row),
        validation(row),
        row.metric().unwrap_or("").to_owned(),
        fingerprint,
    ]
    .into()
}

fn title(row: &Row) -> String {
    let [dataset, name, size, classes, validation, metric, _] =
        <[String; 7]>::try_from(key(row)).expect("a key has seven parts");
    let mut title = if dataset.is_empty() { "unknown data set".to_owned() } else { dataset };
    if !name.is_empty() {
        title += &format!(" {name}");
    }
    if !size.is_empty() {
        title += &format!(" {size}");
    }
    if !classes.is_empty() {
        title += &format!(", classes {classes}");
    }
    if !validation.is_empty() {
        title += &format!(", {validation}");
    }
    title += match metric.as_str() {
        "error" => ", error (the least first):",
        "accuracy" => ", accuracy (the highest first):",
        _ => ":",
    };
    title
}

/// The classes that it is trained on, if not all are.
fn classes(row: &Row) -> String {
    let classes = row.config.as_ref().and_then(|config| config.classes.clone()).unwrap_or_default();
    classes.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// Which images it is validated on, where they are not the data set's own.
fn validation(row: &Row) -> String {
    match row.config.as_ref().and_then(|config| config.validation_split) {
        None => String::new(),
        Some(ValidationSplit::Share { share, split_seed }) => {
            format!("validation split {share} (seed {split_seed})")
        }
        Some(ValidationSplit::Fold { folds, split_seed, .. }) => {
            format!("{folds} folds (seed {split_seed})")
        }
    }
}

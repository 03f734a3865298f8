//! The comparison for programs: all flags of each run, or of each group of runs, whether they differ or not. A measure
//! of several runs is their mean; its standard deviation, median, least and most follow it.

use serde_json::{Map, Value, json};

use super::{Comparison, Group, Pairing, Row, unique};
use crate::metrics::Score;
use crate::util::csv::to_csv;

/// A JSON array with one object per group, with its comparison if there is one.
///
/// # Panics
/// Never: a comparison is JSON.
pub fn json(groups: &[Group], comparisons: &[Option<Comparison>]) -> String {
    let comparison = |number: usize| comparisons.get(number).and_then(Option::as_ref);
    let objects: Vec<_> =
        groups.iter().enumerate().map(|(at, group)| object(group, comparison(at))).collect();
    serde_json::to_string_pretty(&objects).expect("a comparison is JSON")
}

fn object(group: &Group, comparison: Option<&Comparison>) -> Value {
    let flags = group.flags();
    let values =
        group.values().into_iter().filter(|(name, _)| !flags.contains_key(name) || is_ours(name));
    let mut object: Map<_, _> = values.collect();
    object.insert("flags".into(), Value::Object(flags));
    if group.is_several() {
        object.insert("runs".into(), group.rows.iter().map(|row| run(row)).collect());
    } else if !group.first().test_classes.is_empty() {
        object.insert("test_classes".into(), json!(group.first().test_classes));
    }
    if let Some(comparison) = comparison {
        object.insert("baseline".into(), Value::Object(comparison_values(comparison)));
    }
    Value::Object(object)
}

/// What is both a flag and said of every run.
fn is_ours(name: &str) -> bool {
    ["model", "dataset"].contains(&name)
}

/// A run of a group of several.
fn run(row: &Row) -> Value {
    let mut run = Map::new();
    run.insert("folder".into(), json!(row.folder.display().to_string()));
    run.insert("status".into(), json!(row.state()));
    for name in ["seed", "fold"] {
        run.extend(row.flags().remove(name).map(|value| (name.to_owned(), value)));
    }
    run.insert("best_epoch".into(), json!(row.best.map(|best| best.epoch)));
    let mut score = |prefix: &str, score: Option<Score>| {
        for (name, value) in score.iter().flat_map(Score::scalars) {
            run.insert(format!("{prefix}_{name}"), json!(value));
        }
    };
    score("validation", row.best.map(|best| best.score));
    score("test", row.test);
    Value::Object(run)
}

/// A comparison by name.
fn comparison_values(comparison: &Comparison) -> Map<String, Value> {
    let pairing = match comparison.pairing {
        Pairing::Seeds => "seeds",
        Pairing::Images => "images",
    };
    [
        ("pairing", json!(pairing)),
        ("pairs", json!(comparison.pairs)),
        ("difference", json!(comparison.difference)),
        ("is_worse", json!(comparison.is_worse)),
        ("p", json!(comparison.p)),
        ("p_holm", json!(comparison.p_holm)),
        ("least_p", json!(comparison.least_p)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// A line for each group below one of names; a flag that a group does not have is an empty field.
pub fn csv(groups: &[Group], comparisons: &[Option<Comparison>]) -> String {
    let line = |(number, group): (usize, &Group)| {
        let comparison = comparisons.get(number).and_then(Option::as_ref);
        let against = comparison.map(comparison_values).unwrap_or_default();
        let against = against.into_iter().map(|(name, value)| (format!("baseline_{name}"), value));
        group.values().into_iter().chain(against).collect()
    };
    let lines: Vec<Map<String, Value>> = groups.iter().enumerate().map(line).collect();
    let names = unique(lines.iter().flat_map(Map::keys).map(String::as_str));
    let fields = lines.iter().map(|line| {
        let field = |name: &&str| match line.get(*name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        names.iter().map(field).collect::<Vec<_>>()
    });
    let head = names.iter().map(|name| (*name).to_owned()).collect();
    to_csv([head].into_iter().chain(fields))
}

//! The comparison for people.

use crate::util::table::columns;
use serde_json::{Map, Value};

use super::verdict::CHOSEN_ON_THE_TEST;
use super::{Group, Row, unique};
use crate::commands::output::spread;
use crate::metrics::fixed;
use crate::stats::Summary;

/// What stands behind a value that was chosen on the test images.
const MARK: &str = "*";

/// A line for each group of runs: model and data set, the flags in which the groups differ, what they reached,
/// how they stand, and the folder. Of several runs it is mean and standard deviation, number, least and most. A
/// test whose images have picked the best model is marked.
pub fn table(groups: &[Group]) -> String {
    let flags: Vec<_> = groups.iter().map(Group::flags).collect();
    let arguments = groups.iter().filter_map(|group| group.first().config.as_ref());
    let arguments =
        arguments.flat_map(|config| config.model_args.iter().chain(config.optimizer_args.iter()));
    let arguments: Vec<_> = arguments.map(|(name, _)| name).collect();
    let differing = differing(&flags, &arguments);
    let mut head = vec!["model", "dataset"];
    head.extend(&differing);
    head.extend(["best validation", "epoch", "test", "time", "status", "run"]);
    let lines = groups.iter().zip(&flags).map(|(group, flags)| {
        let row = group.first();
        let dataset = if row.config.is_some() { row.dataset() } else { "-" };
        let mut line = vec![row.model.clone(), dataset.to_owned()];
        line.extend(differing.iter().map(|name| flags.get(*name).map_or("-".into(), plain)));
        line.push(measure(row, group.validation()));
        line.push(epochs(group));
        let mark = if row.validation_is_test && group.test().is_some() { MARK } else { "" };
        line.push(measure(row, group.test()) + mark);
        line.push(group.seconds().map_or("-".into(), time));
        line.push(state(group));
        line.push(group.label());
        line
    });
    with_footnote(columns(&head, &lines.collect::<Vec<_>>(), &[]), groups)
}

/// `text` and what the mark in it means, if it is there.
fn with_footnote(text: String, groups: &[Group]) -> String {
    let is_marked = |group: &Group| group.first().validation_is_test && group.test().is_some();
    match groups.iter().any(is_marked) && text.contains(MARK) {
        true => format!("{text}\n{CHOSEN_ON_THE_TEST}"),
        false => text,
    }
}

/// A line for each group, with the values called `names`.
pub fn chosen(groups: &[Group], names: &[String]) -> String {
    let lines = groups.iter().map(|group| {
        let (values, measures) = (group.values(), group.measures());
        let mark = |name: &str| match group.first().validation_is_test && name.starts_with("test_")
        {
            true => MARK,
            false => "",
        };
        let cell = |name: &String| match measures.iter().find(|(other, _)| other == name) {
            Some((_, summary)) if group.is_several() => spread(summary, 6) + mark(name),
            Some((_, summary)) => fixed(summary.mean, 6) + mark(name),
            None => match values.get(name) {
                None | Some(Value::Null) => "-".to_owned(),
                Some(value) => plain(value),
            },
        };
        names.iter().map(cell).collect()
    });
    let head: Vec<_> = names.iter().map(String::as_str).collect();
    with_footnote(columns(&head, &lines.collect::<Vec<_>>(), &[]), groups)
}

/// A measure of the runs of a group, the first of which is `row`.
fn measure(row: &Row, summary: Option<Summary>) -> String {
    let digits = if row.metric() == Some("accuracy") { 4 } else { 6 };
    match summary {
        None => "-".to_owned(),
        Some(summary) if summary.n > 1 => spread(&summary, digits),
        Some(summary) => fixed(summary.mean, digits),
    }
}

/// The epoch of the best validation or, of several runs, from which to which they are.
fn epochs(group: &Group) -> String {
    let rows = group.counted();
    let epochs = || rows.iter().filter_map(|row| row.best.map(|best| best.epoch));
    match (epochs().min(), epochs().max()) {
        (Some(first), Some(last)) if first == last => first.to_string(),
        (Some(first), Some(last)) => format!("{first} to {last}"),
        _ => "-".to_owned(),
    }
}

/// The test accuracy of each class: a line for each class, a column for each classifier among the runs,
/// which are listed below by their numbers.
pub fn classes(rows: &[&Row]) -> String {
    let rows: Vec<_> = rows.iter().filter(|row| !row.test_classes.is_empty()).collect();
    let scores = rows.iter().flat_map(|row| &row.test_classes);
    let names = unique(scores.map(|score| score.class.as_str()));
    let numbers: Vec<_> = (1..=rows.len()).map(|number| format!("({number})")).collect();
    let head: Vec<_> = ["class"].into_iter().chain(numbers.iter().map(String::as_str)).collect();
    let line = |name: &&str| {
        let accuracy = |row: &&Row| {
            let class = row.test_classes.iter().find(|class| class.class == *name)?;
            Some(format!("{:.4}", class.accuracy?))
        };
        let accuracies = rows.iter().map(|row| accuracy(row).unwrap_or("-".into()));
        [(*name).to_owned()].into_iter().chain(accuracies).collect()
    };
    let mut text = columns(&head, &names.iter().map(line).collect::<Vec<_>>(), &[]);
    for (number, row) in numbers.iter().zip(rows) {
        text += &format!("\n{number} {}", row.folder.display());
    }
    text
}

/// The flags that not all runs have alike; an argument of an optimizer only where runs that have it
/// differ in it: others say enough by the optimizer's name. The seed is one of them only where nothing
/// else is: it was drawn, as a rule.
fn differing<'a>(flags: &'a [Map<String, Value>], arguments: &[&str]) -> Vec<&'a str> {
    let mut names = unique(flags.iter().flat_map(Map::keys).map(String::as_str));
    names.retain(|name| {
        let is_argument = arguments.contains(name);
        let values = flags.iter().map(|flags| flags.get(*name));
        let mut values = values.filter(|value| value.is_some() || !is_argument);
        let first = values.next();
        !["model", "dataset"].contains(name) && values.any(|value| Some(value) != first)
    });
    if names.len() > 1 {
        names.retain(|name| *name != "seed");
    }
    names
}

/// A flag's value as it is written on a command line.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            crate::util::python_number::python_repr(number.as_f64().unwrap_or(0.0))
        }
        other => other.to_string(),
    }
}

/// How it stands, and of a run that is not finished how far it is.
fn state(group: &Group) -> String {
    let (row, state) = (group.first(), group.state());
    match (row.status, &row.config) {
        (Some(status), Some(config))
            if !group.is_several() && !["finished", "damaged"].contains(&row.state()) =>
        {
            format!("{state} {}/{}", status.epochs, config.epochs)
        }
        _ => state,
    }
}

/// Seconds, minutes, hours and days, two of them at the most. What is rounded up is carried on: 59.96
/// seconds are a minute.
fn time(seconds: f64) -> String {
    // In tenths, seconds, minutes or hours; `as` makes 0 of what is no time.
    let tenths = (seconds * 10.0).round() as u64;
    let whole = |unit: f64| (seconds / unit).round() as u64;
    let two = |number: u64, of: u64, [large, small]: [&str; 2]| {
        format!("{}{large}{:02}{small}", number / of, number % of)
    };
    if tenths < 100 {
        format!("{}.{}s", tenths / 10, tenths % 10)
    } else if whole(1.0) < 60 {
        format!("{}s", whole(1.0))
    } else if whole(1.0) < 3600 {
        two(whole(1.0), 60, ["m", "s"])
    } else if whole(60.0) < 24 * 60 {
        two(whole(60.0), 60, ["h", "m"])
    } else {
        two(whole(3600.0), 24, ["d", "h"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times() {
        for (seconds, text) in [
            (-1.0, "0.0s"),
            (f64::NAN, "0.0s"),
            (0.0, "0.0s"),
            (3.26, "3.3s"),
            (9.94, "9.9s"),
            (9.96, "10s"),
            (59.0, "59s"),
            (59.4, "59s"),
            (59.96, "1m00s"),
            (119.4, "1m59s"),
            (119.7, "2m00s"),
            (125.0, "2m05s"),
            (3599.4, "59m59s"),
            (3599.7, "1h00m"),
            (7199.0, "2h00m"),
            (7384.0, "2h03m"),
            (86_340.0, "23h59m"),
            (86_399.0, "1d00h"),
            (100.0 * 3600.0, "4d04h"),
        ] {
            assert_eq!(time(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn flags_that_differ() {
        let object = |value: Value| value.as_object().unwrap().clone();
        let one = object(json!({"model": "A", "batch_size": 128, "seed": "1", "beta1": 0.9}));
        let other = object(json!({"model": "B", "batch_size": 128, "seed": "2", "comment": "x"}));
        // Another optimizer has no beta1.
        assert_eq!(differing(&[one.clone(), other.clone()], &["beta1"]), ["comment"]);
        assert_eq!(differing(&[one.clone(), other], &[]), ["beta1", "comment"]);
        let again = object(json!({"model": "A", "batch_size": 128, "seed": "3", "beta1": 0.8}));
        assert_eq!(differing(&[one.clone(), again.clone()], &["beta1"]), ["beta1"]);
        let again = Map::from_iter(again.into_iter().filter(|(name, _)| name != "beta1"));
        assert_eq!(differing(&[one.clone(), again], &["beta1"]), ["seed"]);
        assert!(differing(&[one.clone(), one], &[]).is_empty());
    }
}

//! The comparison for programs: all flags of each run, whether they differ or not.

use serde_json::{Map, Value, json};

use super::{Row, unique};
use crate::metrics::Score;
use crate::util::csv::to_csv;

/// A JSON array with one object per run.
///
/// # Panics
/// Never: a comparison is JSON.
pub fn json(rows: &[Row]) -> String {
    let objects: Vec<_> = rows.iter().map(object).collect();
    serde_json::to_string_pretty(&objects).expect("a comparison is JSON")
}

fn object(row: &Row) -> Value {
    let mut object = values(row);
    object.insert("flags".into(), Value::Object(row.flags()));
    if !row.test_classes.is_empty() {
        object.insert("test_classes".into(), json!(row.test_classes));
    }
    Value::Object(object)
}

/// A line for each run below one of names; a flag that a run does not have is an empty field.
pub fn csv(rows: &[Row]) -> String {
    let lines: Vec<Map<String, Value>> =
        rows.iter().map(|row| values(row).into_iter().chain(row.flags()).collect()).collect();
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

/// What a run is called, how it stands and what it reached.
fn values(row: &Row) -> Map<String, Value> {
    let mut values = Map::new();
    let mut add = |name: &str, value: Value| values.insert(name.to_owned(), value);
    add("folder", json!(row.folder.display().to_string()));
    add("model", json!(row.model));
    add("dataset", json!(row.config.as_ref().map(|config| &config.dataset)));
    add("status", json!(row.state()));
    add("epochs_done", json!(row.status.map(|status| status.epochs)));
    add("steps_done", json!(row.status.map(|status| status.step)));
    add("seconds", json!(row.status.map(|status| status.seconds)));
    add("best_epoch", json!(row.best.map(|best| best.epoch)));
    let mut score = |prefix: &str, score: Option<Score>| {
        for (name, value) in score.iter().flat_map(Score::scalars) {
            add(&format!("{prefix}_{name}"), json!(value));
        }
    };
    score("validation", row.best.map(|best| best.score));
    score("test", row.test);
    values
}

//! `--filter`, `--sort` and `--columns`: which runs are compared, in which order, and what is shown of them, by the
//! names of flags and of what was measured.

use std::cmp::Ordering;
use std::str::FromStr;

use serde_json::Value;

use super::group::higher_is_better;
use super::{Group, Row, unique};
use crate::error::{Exit, Failure};

/// `NAME<VALUE`, and the like.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filter {
    name: String,
    relation: Relation,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
}

/// As they are written, the longer ones first.
const RELATIONS: [(&str, Relation); 7] = [
    ("<=", Relation::LessOrEqual),
    (">=", Relation::GreaterOrEqual),
    ("!=", Relation::Unequal),
    ("==", Relation::Equal),
    ("<", Relation::Less),
    (">", Relation::Greater),
    ("=", Relation::Equal),
];

/// What the names of a measure's spread end with.
const SUFFIXES: [&str; 4] = ["_standard_deviation", "_median", "_least", "_most"];

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || "it has to be NAME<VALUE, with one of < <= > >= = !=".to_owned();
        let at = text.find(['<', '>', '=', '!']).ok_or_else(wanted)?;
        let (name, rest) = text.split_at(at);
        let found = RELATIONS.iter().find(|(written, _)| rest.starts_with(written));
        let (written, relation) = found.ok_or_else(wanted)?;
        let (name, value) = (name.trim(), rest[written.len()..].trim());
        if name.is_empty() || value.is_empty() {
            return Err(wanted());
        }
        // As the flag is written.
        let name = name.trim_start_matches('-').replace('-', "_");
        Ok(Self { name, relation: *relation, value: value.to_owned() })
    }
}

impl Filter {
    /// Whether `value` passes: numbers as numbers, texts letter by letter, in upper or lower case. What is not
    /// there is unequal to everything.
    fn passes(&self, value: Option<&Value>) -> bool {
        let text = match value {
            None | Some(Value::Null) => return self.relation == Relation::Unequal,
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        // Whole numbers first: two large seeds may be one floating point number.
        let whole = (text.parse::<i128>(), self.value.parse::<i128>());
        let order = match (whole, (text.parse::<f64>(), self.value.parse::<f64>())) {
            ((Ok(ours), Ok(theirs)), _) => Some(ours.cmp(&theirs)),
            (_, (Ok(ours), Ok(theirs))) => ours.partial_cmp(&theirs),
            _ => Some(text.to_lowercase().cmp(&self.value.to_lowercase())),
        };
        let Some(order) = order else { return self.relation == Relation::Unequal };
        match self.relation {
            Relation::Less => order == Ordering::Less,
            Relation::LessOrEqual => order != Ordering::Greater,
            Relation::Greater => order == Ordering::Greater,
            Relation::GreaterOrEqual => order != Ordering::Less,
            Relation::Equal => order == Ordering::Equal,
            Relation::Unequal => order != Ordering::Equal,
        }
    }

    /// Whether it is about single runs of a group, not about the group: seed, fold, and how a run stands.
    fn is_of_runs(&self) -> bool {
        ["seed", "fold", "status"].contains(&self.name.as_str())
    }
}

/// Those of `rows` that pass the `filters` of single runs.
pub(super) fn filter_rows<'a>(rows: &'a [Row], filters: &[Filter]) -> Vec<&'a Row> {
    let passes = |row: &&Row, filter: &Filter| {
        let values = Group::of(row).values();
        !filter.is_of_runs() || filter.passes(values.get(&filter.name))
    };
    rows.iter().filter(|row| filters.iter().all(|filter| passes(row, filter))).collect()
}

/// Takes out the groups that do not pass the other `filters`: a group stays whole, or goes.
pub(super) fn filter_groups(groups: &mut Vec<Group>, filters: &[Filter]) {
    groups.retain(|group| {
        let values = group.values();
        let mut of_groups = filters.iter().filter(|filter| !filter.is_of_runs());
        of_groups.all(|filter| filter.passes(values.get(&filter.name)))
    });
}

/// Puts `groups` in the order of the values called `name`: the best first of what was measured, else the least
/// first; those without come last.
pub(super) fn sort(groups: &mut Vec<Group>, name: &str, reverse: bool) {
    let best_first = higher_is_better(name);
    // A seed is a number as a text.
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    let order = |one: &Value, other: &Value| match (number(one), number(other)) {
        (Some(one), Some(other)) if best_first => other.total_cmp(&one),
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => text(one).cmp(&text(other)),
    };
    let value = |group: &Group| group.values().remove(name).filter(|value| !value.is_null());
    let mut keyed: Vec<_> = groups.drain(..).map(|group| (value(&group), group)).collect();
    keyed.sort_by(|(one, _), (other, _)| match (one, other) {
        (Some(one), Some(other)) if reverse => order(other, one),
        (Some(one), Some(other)) => order(one, other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    });
    groups.extend(keyed.into_iter().map(|(_, group)| group));
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Fails where the `flag` names what none of `groups` has.
///
/// # Errors
/// [`Exit::Usage`], with all names that there are.
pub(super) fn known(flag: &str, name: &str, groups: &[Group]) -> Result<(), Failure> {
    let values: Vec<_> = groups.iter().map(Group::values).collect();
    if groups.is_empty() || values.iter().any(|values| values.contains_key(name)) {
        return Ok(());
    }
    // Not the spread of each measure.
    let is_spread = |name: &str| SUFFIXES.iter().any(|end| name.ends_with(end));
    let names = values.iter().flat_map(|values| values.keys()).map(String::as_str);
    let names = unique(names.filter(|name| !is_spread(name)));
    Err(Failure::new(Exit::Usage, format!("`{flag}`: these runs have no `{name}`"))
        .why(format!("they have: {}", names.join(", ")))
        .help("name one of these"))
}

impl Filter {
    /// What it is about.
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn relations() {
        for (filter, value, passes) in [
            ("learning_rate<1e-3", json!(0.0005), true),
            ("learning_rate < 1e-3", json!(0.001), false),
            ("learning-rate<=1e-3", json!(0.001), true),
            ("--batch_size>=128", json!(128), true),
            ("seed=7", json!("7"), true),
            ("seed==07", json!("7"), true),
            ("optimizer=adamoptimizer", json!("AdamOptimizer"), true),
            ("optimizer!=AdamOptimizer", json!("AdamOptimizer"), false),
            ("comment!=x", Value::Null, true),
            ("comment=x", Value::Null, false),
            ("test_error>0", json!(f64::NAN), false),
        ] {
            let parsed: Filter = filter.parse().unwrap();
            assert_eq!(parsed.passes(Some(&value)), passes, "{filter}");
        }
        for wrong in ["", "x", "<1", "x<", "x!1", "=", "x~1"] {
            assert!(wrong.parse::<Filter>().unwrap_err().contains("NAME<VALUE"), "{wrong}");
        }
    }
}

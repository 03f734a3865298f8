//! What a sweep prints in its end: the table of its runs, how much each flag has to do with the result, and a
//! picture.

use anyhow::Result;
use serde_json::Value;

use super::parallel;
use crate::commands::{compare, output};
use crate::metrics::fixed;
use crate::run::history::Table;
use crate::sweep::{Schedule, Sweep, Task, importance};
use crate::util::stderr::message;
use crate::util::table::columns;

/// The picture's file.
const PICTURE: &str = "parallel.png";

/// Prints all of it.
///
/// # Errors
/// When the picture cannot be written, or nothing can be printed.
pub(super) fn print(sweep: &Sweep, schedule: &mut Schedule, json: bool) -> Result<()> {
    let folder = sweep.folder().to_owned();
    let Ok(rows) = compare::find(std::slice::from_ref(&folder)) else {
        message("note: no run of the sweep has begun");
        return Ok(());
    };
    let rows: Vec<_> = rows.iter().collect();
    let mut groups = compare::groups(&rows, false);
    groups.sort_by(compare::Group::compare);
    let tried = schedule.results(sweep);
    let path = folder.join(PICTURE);
    let drawn = parallel::draw(&sweep.vary, &tried, &path)?;
    if json {
        return output::print(&compare::json(&groups, &[]));
    }
    let mut paragraphs = vec![compare::table(&groups)];
    let found = importance(&sweep.vary, &tried);
    if found.iter().any(Option::is_some) {
        let lines: Vec<_> = sweep
            .vary
            .iter()
            .zip(found)
            .map(|(vary, importance)| {
                let importance = importance.map_or("-".to_owned(), |value| fixed(value, 2));
                vec![vary.name.clone(), importance]
            })
            .collect();
        paragraphs.push(columns(&["flag", "importance (rank correlation)"], &lines, &[]));
    }
    if drawn {
        paragraphs.push(format!("picture: {}", path.display()));
    }
    output::print(&paragraphs.join("\n\n"))
}

/// What a run has reached at a rung, as `accuracy 0.9712`.
pub(super) fn outcome(sweep: &Sweep, task: Task, schedule: &mut Schedule) -> String {
    let config = &sweep.trials[task.trial].configs[task.run];
    let (column, higher) = crate::sweep::measure(config);
    let objective = schedule.standing(sweep, task).objective();
    let value = if higher { -objective } else { objective };
    let folder = sweep.run_folder(task.trial, task.run);
    let seconds =
        Table::of(&folder).and_then(|table| table.numbers("seconds").last().copied().flatten());
    let seconds = seconds.map_or(String::new(), |seconds| format!(" ({seconds:.1} s)"));
    format!("{} {}{seconds}", column.trim_start_matches("validation_"), fixed(value, 6))
}

/// A value as it is written on a command line.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

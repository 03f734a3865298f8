//! Runs side by side: what they are, what they reached, how they stand.
//!
//! [`find`] reads the runs below some folders and puts the best validation first; then there are
//! [`table`] and [`classes`] for people, [`csv`] and [`json`] for programs, and [`plot`] for a picture
//! of their learning curves.

mod curves;
mod formats;
mod plot;
mod row;
mod table;

use std::path::{Path, PathBuf};

use anyhow::Result;
use walkdir::WalkDir;

pub use curves::curve;
pub use formats::{csv, json};
pub use plot::plot;
pub use row::Row;
pub use table::{classes, table};

use crate::{Exit, Failure, tell};

/// The runs in `folders` and below, the best first: by the best validation error, then by the best
/// accuracy; those without a validation come last. A run that cannot be read is told of on stderr, and
/// left out.
///
/// # Errors
/// When there is no such folder, or no run in one.
pub fn find(folders: &[PathBuf]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for folder in folders {
        let runs = runs_below(folder);
        if runs.is_empty() {
            return Err(no_run(folder));
        }
        for run in runs {
            match Row::read(&run) {
                Ok(row) => rows.push(row),
                Err(error) => tell(&format!("warning: {error:#}")),
            }
        }
    }
    rows.sort_by(|one, other| one.folder.cmp(&other.folder));
    rows.dedup_by(|one, other| one.folder == other.folder);
    rows.sort_by(Row::compare);
    Ok(rows)
}

/// The folders that hold a run's configuration; a run's own folders hold no others.
fn runs_below(folder: &Path) -> Vec<PathBuf> {
    let mut runs = Vec::new();
    let mut entries = WalkDir::new(folder).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let Ok(entry) = entry else { continue };
        if entry.file_type().is_dir() && entry.path().join("config.json").is_file() {
            runs.push(entry.into_path());
            entries.skip_current_dir();
        }
    }
    runs
}

/// Each of `names` once, in the order in which they come.
fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn no_run(folder: &Path) -> anyhow::Error {
    let what = match folder.is_dir() {
        true => format!("there is no run in `{}`", folder.display()),
        false => format!("there is no folder `{}`", folder.display()),
    };
    Failure::new(Exit::Failed, what)
        .why("a run's folder has a `config.json`")
        .remedy("name the folder of the runs (train_... --log_dir), a model's in it, or a run's")
        .into()
}

//! What is kept of data sets that do not fit into memory, and its removal.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::commands::output;
use crate::data::store::{DecodedFile, decoded_files, prune};

/// Seconds in a day.
const DAY: u64 = 24 * 60 * 60;

/// Lists the files or, where `older_than` says so many days, removes those that were not used for as long.
///
/// # Errors
/// When the folder cannot be read, or a file cannot be removed.
pub(super) fn run(older_than: Option<u64>, json: bool) -> Result<()> {
    let removed = match older_than {
        Some(days) => prune(Duration::from_secs(days.saturating_mul(DAY)))?,
        None => Vec::new(),
    };
    let files = decoded_files()?;
    output::print(&match json {
        true => as_json(&removed, &files),
        false if older_than.is_some() => pruned(&removed, &files),
        false => listed(&files),
    })
}

fn as_json(removed: &[DecodedFile], files: &[DecodedFile]) -> String {
    let list = |files: &[DecodedFile]| -> Vec<_> {
        let row = |file: &DecodedFile| {
            let unused = file.used.elapsed().unwrap_or_default().as_secs();
            json!({
                "file": file.path, "bytes": file.bytes, "is_whole": file.is_whole,
                "is_in_use": file.is_in_use, "unused_seconds": unused,
            })
        };
        files.iter().map(row).collect()
    };
    json!({ "removed": list(removed), "files": list(files) }).to_string()
}

fn pruned(removed: &[DecodedFile], left: &[DecodedFile]) -> String {
    let lines = removed.iter().map(|file| format!("removed: {}\n", line(file)));
    let lines: String = lines.collect();
    let in_use = left.iter().filter(|file| file.is_in_use).count();
    let kept = match (left.len(), in_use) {
        (0, _) => String::new(),
        (count, in_use) => format!("; {count} left, {in_use} of them in use"),
    };
    format!("{lines}{} removed, {}{kept}", files(removed.len()), size(total(removed)))
}

fn listed(all: &[DecodedFile]) -> String {
    let lines: String = all.iter().map(|file| line(file) + "\n").collect();
    format!("{lines}{} of decoded images, {}", files(all.len()), size(total(all)))
}

fn line(file: &DecodedFile) -> String {
    let days = file.used.elapsed().unwrap_or_default().as_secs() / DAY;
    let state = match (file.is_in_use, file.is_whole) {
        (true, _) => "in use".to_owned(),
        (false, false) => "not whole: it goes on where it is needed".to_owned(),
        (false, true) => format!("last used {days} days ago"),
    };
    format!("{}  {}  {state}", file.path.display(), size(file.bytes))
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

fn total(files: &[DecodedFile]) -> u64 {
    files.iter().map(|file| file.bytes).sum()
}

fn size(bytes: u64) -> String {
    format!("{bytes} bytes ({:.1} MB)", bytes as f64 / 1e6)
}

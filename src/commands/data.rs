//! `dytb data`: what is kept of data sets that do not fit into memory, and its removal.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{output, values};
use crate::data::store::{DecodedFile, decoded_files, prune};
use crate::error::{Exit, Failure};

/// Seconds in a day.
const DAY: u64 = 24 * 60 * 60;

/// List the decoded images that are kept in the cache folder, or remove those that nothing uses.
///
/// A data set that does not fit into memory is decoded once, into a file of the user's cache folder. A file that was
/// removed is made again when it is needed: nothing is lost but the time.
#[derive(Args, Clone, Debug)]
pub struct Data {
    /// Remove the files that no running process uses
    #[arg(long)]
    prune: bool,
    /// With --prune: only those that were not used for so many days [default: 0]
    #[arg(long = "older_than", alias = "older-than", value_parser = values::whole_number, allow_negative_numbers = true, value_name = "DAYS")]
    older_than: Option<u64>,
    /// Print the files as JSON
    #[arg(long)]
    json: bool,
}

impl Data {
    /// Lists or removes the files.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file cannot be removed.
    pub fn run(&self) -> Result<()> {
        if self.older_than.is_some() && !self.prune {
            return Err(Failure::new(Exit::Usage, "`--older_than` without `--prune`")
                .why("without it nothing is removed, and all files are listed")
                .help("dytb data --prune --older_than 30")
                .into());
        }
        let age = Duration::from_secs(self.older_than.unwrap_or(0).saturating_mul(DAY));
        let removed = if self.prune { prune(age)? } else { Vec::new() };
        let files = decoded_files()?;
        output::print(&match self.json {
            true => as_json(&removed, &files),
            false if self.prune => pruned(&removed, &files),
            false => listed(&files),
        })
    }
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

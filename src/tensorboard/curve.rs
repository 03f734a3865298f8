//! The learning curve of a run, from its event files.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::{event_files, parse, read_records};

/// The scalar `tag` in the event files of `folder`, by step. Of a step that a resumed run took twice
/// there is the later value; a torn end is left out.
///
/// # Errors
/// When the files cannot be read.
pub fn curve(folder: &Path, tag: &str) -> Result<Vec<(i64, f32)>> {
    let unreadable = || format!("cannot read the event files in `{}`", folder.display());
    let mut points = BTreeMap::new();
    for file in event_files(folder).with_context(unreadable)? {
        for record in read_records(&file).with_context(unreadable)? {
            let record = record.with_context(unreadable)?;
            let Some(event) = parse(&record.data) else { break };
            for value in event.get_summary().get_value() {
                if value.get_tag() == tag && value.has_simple_value() {
                    points.insert(event.get_step(), value.get_simple_value());
                }
            }
        }
    }
    Ok(points.into_iter().collect())
}

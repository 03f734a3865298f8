//! The command line of `compare`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use super::output;
use crate::compare;

/// Compare runs: what they are, what they reached, how they stand, the best validation first.
///
/// The runs are those in the folders that are named, and below. Of the flags those are shown in which
/// the runs differ.
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct Compare {
    /// Folders of runs: that of all, a model's, a run's own
    #[arg(default_value = "log", value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Only the runs of this model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Only the runs on this data set
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Print JSON: an object for each run
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV: a line for each run
    #[arg(long)]
    csv: bool,
    /// Print the test accuracy of each class too (with --json it is always there)
    #[arg(long = "per_class", alias = "per-class")]
    per_class: bool,
    /// Draw the learning curves too, as PNG or SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

impl Compare {
    /// Prints the comparison.
    ///
    /// # Errors
    /// When there are no such runs, or the picture cannot be written.
    pub fn run(&self) -> Result<()> {
        let mut rows = compare::find(&self.folders)?;
        let wanted = |name: &Option<String>, of: &str| name.as_ref().is_none_or(|name| name == of);
        rows.retain(|row| {
            wanted(&self.model, &row.config.model) && wanted(&self.dataset, &row.config.dataset)
        });
        if let Some(path) = &self.plot {
            compare::plot(&rows, path)?;
        }
        output::print(&match (self.json, self.csv) {
            (true, _) => compare::json(&rows),
            (_, true) => compare::csv(&rows).trim_end().to_owned(),
            _ => compare::table(&rows),
        })?;
        if self.per_class && !self.json && !self.csv {
            output::print(&format!("\n{}", compare::classes(&rows)))?;
        }
        Ok(())
    }
}

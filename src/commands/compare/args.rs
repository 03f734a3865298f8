//! The command line of `compare`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::commands::compare;
use crate::commands::compare::Row;
use crate::commands::output;
use crate::error::{Exit, Failure};
use crate::util::stderr::message;

/// Compare runs in a table, the best validation first.
///
/// The runs are those in and below FOLDER; symbolic links are followed. There is one table per data set and
/// measure. Its columns are the flags in which the runs differ.
#[derive(Parser, Clone, Debug)]
#[command(version)]
pub struct Compare {
    /// Folders of runs: of all models, of one model, or a run's own
    #[arg(default_value = "log", value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Only the runs of this model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Only the runs on this data set
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Print JSON: one object per run
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV: one line per run
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
        let there = rows.iter().map(|row| (row.model.clone(), row.dataset().to_owned()));
        let there: BTreeSet<_> = there.collect();
        let wanted = |name: &Option<String>, of: &str| name.as_ref().is_none_or(|name| name == of);
        rows.retain(|row| wanted(&self.model, &row.model) && wanted(&self.dataset, row.dataset()));
        if rows.is_empty() {
            return Err(self.nothing_left(&there));
        }
        if let Some(path) = &self.plot {
            compare::plot(&rows, path)?;
        }
        if self.json {
            return output::print(&compare::json(&rows));
        }
        if self.csv {
            return output::print(compare::csv(&rows).trim_end());
        }
        output::print(&self.text(&rows))
    }

    /// A table for each section, with a title where there are several.
    fn text(&self, rows: &[Row]) -> String {
        let sections = compare::sections(rows);
        let mut paragraphs = Vec::new();
        for section in &sections {
            let table = compare::table(&section.rows);
            paragraphs.push(match sections.len() {
                1 => table,
                _ => format!("{}\n{table}", section.title),
            });
            if self.per_class && section.rows.iter().any(|row| !row.test_classes.is_empty()) {
                paragraphs.push(compare::classes(&section.rows));
            }
        }
        if self.per_class && rows.iter().all(|row| row.test_classes.is_empty()) {
            message("note: none of these runs has an accuracy for each class");
        }
        paragraphs.join("\n\n")
    }

    /// No run is of the model and the data set that are asked for; `there` are those.
    fn nothing_left(&self, there: &BTreeSet<(String, String)>) -> anyhow::Error {
        let flag = |name: &str, value: &Option<String>| {
            value.as_ref().map(|value| format!("--{name} {value}"))
        };
        let flags = [flag("model", &self.model), flag("dataset", &self.dataset)];
        let flags: Vec<_> = flags.into_iter().flatten().collect();
        let folders = self.folders.iter().map(|folder| format!("`{}`", folder.display()));
        if flags.is_empty() || there.is_empty() {
            let folders = folders.collect::<Vec<_>>().join(", ");
            return Failure::new(
                Exit::Failed,
                format!("there is no run that can be read in {folders}"),
            )
            .why("each `config.json` there is another program's, or damaged")
            .help("name the folder of the runs (train_... --log_dir), a model's in it, or a run's")
            .into();
        }
        let what = format!(
            "there is no run of `{}` in {}",
            flags.join(" "),
            folders.collect::<Vec<_>>().join(", ")
        );
        let there: Vec<_> = there
            .iter()
            .map(|(model, dataset)| match dataset.is_empty() {
                true => model.clone(),
                false => format!("{model} on {dataset}"),
            })
            .collect();
        Failure::new(Exit::Failed, what)
            .why(format!("there are runs of: {}", there.join(", ")))
            .help("name one of these; without --model and --dataset all are compared")
            .into()
    }
}

//! The command line of `compare`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;

use super::select::{self, Filter};
use super::verdict::{self, Tolerance};
use crate::commands::compare;
use crate::commands::compare::{Axis, Comparison, Group, Row};
use crate::commands::output;
use crate::error::{Exit, Failure};
use crate::util::stderr::message;

/// Compare runs in a table, the best validation first.
///
/// The runs are those in and below FOLDER; symbolic links are followed. There is one table per data set and
/// measure. Its columns are the flags in which the runs differ. Runs that differ in seed and fold alone are one
/// row: mean ± standard deviation (number, least to most).
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
    /// Show single runs: without it those that differ in seed and fold alone are one row, with mean and standard
    /// deviation
    #[arg(long)]
    each: bool,
    /// Only runs of which this is true, as learning_rate<1e-3 or status=finished; may be given several times
    #[arg(long, value_name = "NAME<VALUE")]
    filter: Vec<Filter>,
    /// Sort by this flag or measure, as test_psnr; the best of a measure first [default: the best validation]
    #[arg(long, value_name = "NAME")]
    sort: Option<String>,
    /// Turn the order round
    #[arg(long)]
    reverse: bool,
    /// Show these flags and measures, as learning_rate,n,test_error,folder
    #[arg(long, value_delimiter = ',', value_name = "NAME,...", conflicts_with_all = ["json", "csv"])]
    columns: Vec<String>,
    /// Compare the tests of all others with those of this run or, if it is one of several seeds, of these: paired
    /// by seed, or two single runs image by image
    #[arg(long, value_name = "RUN")]
    baseline: Option<PathBuf>,
    /// End with exit code 5 where a mean test is worse than the baseline's, by more than TOLERANCE if it is given
    /// (as 0.001, or 2% of the baseline's)
    #[arg(long = "fail_if_worse", alias = "fail-if-worse", num_args = 0..=1, default_missing_value = "0", value_name = "TOLERANCE", requires = "baseline")]
    fail_if_worse: Option<Tolerance>,
    /// Print JSON: one object per row
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV: one line per row
    #[arg(long)]
    csv: bool,
    /// Print the test accuracy of each class too (with --json it is always there)
    #[arg(long = "per_class", alias = "per-class")]
    per_class: bool,
    /// Draw the learning curves too, as PNG or SVG: of several seeds the mean, and the range from the least to the
    /// most
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// What the horizontal axis of --plot is
    #[arg(long, value_enum, default_value = "epoch", value_name = "NAME")]
    axis: Axis,
}

/// The runs that are compared with a baseline: those on the same data.
struct WithBaseline<'a> {
    groups: Vec<Group<'a>>,
    baseline: usize,
    comparisons: Vec<Option<Comparison>>,
}

impl Compare {
    /// Prints the comparison.
    ///
    /// # Errors
    /// When there are no such runs, or the picture cannot be written; [`Exit::Worse`] where that is asked for.
    pub fn run(&self) -> Result<()> {
        let rows = self.rows()?;
        let groups = self.groups(&rows)?;
        let with_baseline =
            self.baseline.as_ref().map(|folder| self.with_baseline(&groups, folder)).transpose()?;
        if let Some(path) = &self.plot {
            compare::plot(&groups, self.axis, path)?;
        }
        let comparisons =
            groups.iter().map(|group| with_baseline.as_ref()?.of(group)).collect::<Vec<_>>();
        output::print(&match (self.json, self.csv) {
            (true, _) => compare::json(&groups, &comparisons),
            (_, true) => compare::csv(&groups, &comparisons).trim_end().to_owned(),
            _ => self.text(&groups, with_baseline.as_ref()),
        })?;
        match (&with_baseline, self.fail_if_worse) {
            (Some(WithBaseline { groups, baseline, comparisons }), Some(tolerance)) => {
                verdict::refuse_worse(groups, *baseline, comparisons, tolerance)
            }
            _ => Ok(()),
        }
    }

    /// The runs of the model and the data set that are asked for.
    fn rows(&self) -> Result<Vec<Row>> {
        let mut rows = compare::find(&self.folders)?;
        let there = rows.iter().map(|row| (row.model.clone(), row.dataset().to_owned()));
        let there: BTreeSet<_> = there.collect();
        let wanted = |name: &Option<String>, of: &str| name.as_ref().is_none_or(|name| name == of);
        rows.retain(|row| wanted(&self.model, &row.model) && wanted(&self.dataset, row.dataset()));
        if rows.is_empty() {
            return Err(self.nothing_left(&there));
        }
        Ok(rows)
    }

    /// `rows` in groups, filtered and sorted.
    fn groups<'a>(&self, rows: &'a [Row]) -> Result<Vec<Group<'a>>> {
        let every: Vec<_> = rows.iter().map(Group::of).collect();
        for filter in &self.filter {
            select::known("--filter", filter.name(), &every)?;
        }
        let mut groups = compare::groups(&select::filter_rows(rows, &self.filter), self.each);
        let names = self.sort.iter().map(|name| ("--sort", name));
        for (flag, name) in names.chain(self.columns.iter().map(|name| ("--columns", name))) {
            select::known(flag, &flag_name(name), &groups)?;
        }
        select::filter_groups(&mut groups, &self.filter);
        if groups.is_empty() {
            return Err(Failure::new(Exit::Failed, "no run passes --filter")
                .why(format!("there are {} runs without it", rows.len()))
                .help("dytb compare --csv shows what they have")
                .into());
        }
        for copy in groups.iter().filter(|_| !self.each).flat_map(Group::copies) {
            message(&format!(
                "note: `{}` is not counted: another run has its configuration and its seed",
                copy.folder.display()
            ));
        }
        groups.sort_by(Group::compare);
        match &self.sort {
            Some(name) => select::sort(&mut groups, &flag_name(name), self.reverse),
            None if self.reverse => groups.reverse(),
            None => {}
        }
        Ok(groups)
    }

    /// The groups on the data of the baseline in `folder`, compared with it.
    fn with_baseline<'a>(&self, groups: &[Group<'a>], folder: &Path) -> Result<WithBaseline<'a>> {
        let own = &groups[compare::find_baseline(groups, folder)?];
        let sections = compare::sections(groups);
        let is_own = |group: &Group| group.first().folder == own.first().folder;
        let mut places = sections
            .into_iter()
            .filter_map(|section| Some((section.groups.iter().position(is_own)?, section)));
        let (baseline, section) = places.next().context("every group is in a section")?;
        let left_out = groups.len() - section.groups.len();
        if left_out > 0 {
            message(&format!(
                "note: {left_out} of the rows are not compared with the baseline: they are of other data"
            ));
        }
        let comparisons = compare::compare_with_baseline(&section.groups, baseline)?;
        Ok(WithBaseline { groups: section.groups, baseline, comparisons })
    }

    /// A table for each section, with a title where there are several, and the comparison with the baseline.
    fn text(&self, groups: &[Group], with_baseline: Option<&WithBaseline>) -> String {
        let sections = compare::sections(groups);
        let mut paragraphs = Vec::new();
        for section in &sections {
            let table = match self.columns.is_empty() {
                true => compare::table(&section.groups),
                false => {
                    let columns: Vec<_> = self.columns.iter().map(|name| flag_name(name)).collect();
                    compare::chosen(&section.groups, &columns)
                }
            };
            paragraphs.push(match sections.len() {
                1 => table,
                _ => format!("{}\n{table}", section.title),
            });
            let rows: Vec<_> = section.groups.iter().flat_map(|group| group.rows.clone()).collect();
            if self.per_class && rows.iter().any(|row| !row.test_classes.is_empty()) {
                paragraphs.push(compare::classes(&rows));
            }
        }
        let mut rows = groups.iter().flat_map(|group| &group.rows);
        if self.per_class && rows.all(|row| row.test_classes.is_empty()) {
            message("note: none of these runs has an accuracy for each class");
        }
        if let Some(WithBaseline { groups, baseline, comparisons }) = with_baseline {
            paragraphs.push(verdict::text(groups, *baseline, comparisons));
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

impl WithBaseline<'_> {
    /// The comparison of `group` with the baseline, if there is one.
    fn of(&self, group: &Group) -> Option<Comparison> {
        let is_it = |other: &Group| other.first().folder == group.first().folder;
        self.comparisons[self.groups.iter().position(is_it)?].clone()
    }
}

/// The name of a flag as it is written: without dashes before it, and with `_` in it.
fn flag_name(name: &str) -> String {
    name.trim().trim_start_matches('-').replace('-', "_")
}

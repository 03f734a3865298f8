//! Runs that are equal but for the seed and the fold: one row of the comparison.

use std::cmp::Ordering;
use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::Row;
use crate::metrics::{Metric, Score};
use crate::run::RunConfig;
use crate::stats::Summary;

/// One run, or several that are averaged.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The runs, at least one.
    pub rows: Vec<&'a Row>,
    /// See [`Group::counted`].
    counted: Vec<&'a Row>,
}

/// The groups of `rows`, in the order of their first runs; with `each`, every run is one by itself. A run whose
/// configuration is damaged is in no group of others.
pub fn groups<'a>(rows: &[&'a Row], each: bool) -> Vec<Group<'a>> {
    let mut groups: Vec<(Option<String>, Group)> = Vec::new();
    for &row in rows {
        let key = row.config.as_ref().filter(|_| !each).map(RunConfig::group_key);
        let mut others = groups.iter_mut().filter(|_| key.is_some());
        match others.find(|(other, _)| *other == key) {
            Some((_, group)) => group.rows.push(row),
            None => groups.push((key, Group::of(row))),
        }
    }
    groups.into_iter().map(|(_, group)| group.with_counted()).collect()
}

impl<'a> Group<'a> {
    /// The first run: what they have in common can be asked of it.
    pub fn first(&self) -> &'a Row {
        self.rows[0]
    }

    /// Whether there are several.
    pub fn is_several(&self) -> bool {
        self.rows.len() > 1
    }

    /// A run by itself.
    pub fn of(row: &'a Row) -> Self {
        Self { rows: vec![row], counted: Vec::new() }.with_counted()
    }

    /// The same with the runs that are counted. All of a group have one configuration, so seed and fold tell them
    /// apart.
    fn with_counted(mut self) -> Self {
        let is_finished = self.rows.iter().any(|row| row.test.is_some());
        let has_results =
            |row: &Row| if is_finished { row.test.is_some() } else { row.best.is_some() };
        let pair_key = |row: &Row| row.config.as_ref().map(RunConfig::pair_key);
        let mut seen = HashSet::new();
        let rows = self.rows.iter().copied().filter(|row| has_results(row));
        self.counted = rows.filter(|row| seen.insert(pair_key(row))).collect();
        self
    }

    /// The runs whose results are averaged: those that are finished or, where none is, those that have a
    /// validation. Of several runs of the same seed and fold, copies of each other, it is the first: a run that is
    /// there twice is no second seed.
    pub fn counted(&self) -> &[&'a Row] {
        &self.counted
    }

    /// The runs that are not counted because another one has their seed and fold.
    pub fn copies(&self) -> Vec<&'a Row> {
        let pair_key = |row: &Row| row.config.as_ref().map(RunConfig::pair_key);
        let is_counted = |row: &Row| self.counted.iter().any(|own| own.folder == row.folder);
        let is_copy = |row: &Row| self.counted.iter().any(|own| pair_key(own) == pair_key(row));
        self.rows.iter().copied().filter(|row| !is_counted(row) && is_copy(row)).collect()
    }

    /// What the counted runs have of `value`, if all of them have it.
    fn summary(&self, value: impl Fn(&Row) -> Option<f64>) -> Option<Summary> {
        let values: Option<Vec<_>> = self.counted.iter().map(|row| value(row)).collect();
        Summary::of(&values?)
    }

    /// The best validations.
    pub fn validation(&self) -> Option<Summary> {
        self.summary(|row| row.best.map(|best| best.score.headline().1))
    }

    /// The tests.
    pub fn test(&self) -> Option<Summary> {
        self.summary(|row| row.test.map(|test| test.headline().1))
    }

    /// All that was measured, by name: of the best validations, and of the tests.
    pub fn measures(&self) -> Vec<(String, Summary)> {
        let scalar = |score: Option<Score>, name: &str| {
            let scalars = score?.scalars();
            scalars.into_iter().find(|(other, _)| *other == name).map(|(_, value)| value)
        };
        let names =
            |score: Option<Score>| score.iter().flat_map(Score::scalars).collect::<Vec<_>>();
        let Some(first) = self.counted().first().copied() else { return Vec::new() };
        let mut found = Vec::new();
        let mut add = |name: String, summary: Option<Summary>| {
            found.extend(summary.map(|summary| (name, summary)));
        };
        for (name, _) in names(first.best.map(|best| best.score)) {
            let of = |row: &Row| scalar(row.best.map(|best| best.score), name);
            add(format!("validation_{name}"), self.summary(of));
        }
        for (name, _) in names(first.test) {
            add(format!("test_{name}"), self.summary(|row| scalar(row.test, name)));
        }
        for &metric in first.test_metrics.keys() {
            let of = |row: &Row| row.test_metrics.get(&metric).copied();
            add(format!("test_{metric}"), self.summary(of));
        }
        found
    }

    /// The mean seconds of the counted runs.
    pub fn seconds(&self) -> Option<f64> {
        self.summary(|row| row.status.map(|status| status.seconds)).map(|summary| summary.mean)
    }

    /// How many of the runs stand how, as `4 finished, 1 diverged`; of one run or of runs that stand alike the
    /// word alone.
    pub fn state(&self) -> String {
        let states: Vec<_> = self.rows.iter().map(|row| row.state()).collect();
        let unique = super::unique(states.iter().copied());
        if let [state] = unique[..] {
            return state.to_owned();
        }
        let count = |state: &str| states.iter().filter(|other| **other == state).count();
        let counts = unique.iter().map(|state| format!("{} {state}", count(state)));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// What it is called: the folder of a run or, of several, their folders as a pattern.
    pub fn label(&self) -> String {
        let first = self.first();
        let folder = first.folder.display().to_string();
        if !self.is_several() {
            return folder;
        }
        let parent = first.folder.parent();
        let is_alike = |row: &&Row| {
            let name = row.folder.file_name().map(|name| name.to_string_lossy().into_owned());
            let pattern = |row: &Row| row.config.as_ref().map(RunConfig::group_name);
            let is_one = row.folder.parent() == parent && pattern(row) == pattern(first);
            is_one && name.is_some() && name == row.own_name()
        };
        match (parent, &first.config) {
            // The pattern of a name that had to be shortened is no pattern.
            (Some(parent), Some(config))
                if self.rows.iter().all(is_alike) && config.group_name().contains('*') =>
            {
                parent.join(config.group_name()).display().to_string()
            }
            _ => format!("{folder} and {} more", self.rows.len() - 1),
        }
    }

    /// The flags that its runs have alike.
    pub fn flags(&self) -> Map<String, Value> {
        let mut flags = self.first().flags();
        if self.is_several() {
            flags.shift_remove("seed");
            flags.shift_remove("fold");
        }
        flags
    }

    /// All that is known of it by name, flags included: what `--columns`, `--sort` and `--filter` know.
    pub fn values(&self) -> Map<String, Value> {
        let first = self.first();
        let mut values = Map::new();
        let mut add = |name: &str, value: Value| values.insert(name.to_owned(), value);
        // Of several runs the mean.
        let number = |of: fn(&Row) -> Option<u64>| match self.is_several() {
            false => json!(of(first)),
            true => json!(self.summary(|row| of(row).map(|n| n as f64)).map(|all| all.mean)),
        };
        let epochs = number(|row| row.status.map(|status| status.epochs));
        let steps = number(|row| row.status.map(|status| status.step));
        let best_epoch = number(|row| row.best.map(|best| best.epoch));
        add("folder", json!(self.label()));
        add("model", json!(first.model));
        add("dataset", json!(first.config.as_ref().map(|config| &config.dataset)));
        add("status", json!(self.state()));
        add("n", json!(self.counted().len()));
        add("epochs_done", epochs);
        add("steps_done", steps);
        add("seconds", json!(self.seconds()));
        add("best_epoch", best_epoch);
        for (name, summary) in self.measures() {
            add(&name, json!(summary.mean));
            let Summary { standard_deviation, median, least, most, .. } = summary;
            add(&format!("{name}_standard_deviation"), json!(standard_deviation));
            add(&format!("{name}_median"), json!(median));
            add(&format!("{name}_least"), json!(least));
            add(&format!("{name}_most"), json!(most));
        }
        add("validation_is_test", json!(first.validation_is_test));
        values.extend(self.flags());
        values
    }

    /// The better mean of the best validations first; errors before accuracies, both before nothing.
    pub fn compare(&self, other: &Self) -> Ordering {
        let key = |group: &Self| match (group.first().metric(), group.validation()) {
            (Some("error"), Some(summary)) => (0, summary.mean),
            (_, Some(summary)) => (1, -summary.mean),
            (_, None) => (2, 0.0),
        };
        let (ours, theirs) = (key(self), key(other));
        ours.0.cmp(&theirs.0).then(ours.1.total_cmp(&theirs.1))
    }
}

/// Whether more of the measure `name`, as `test_accuracy`, is better.
pub(super) fn higher_is_better(name: &str) -> bool {
    let name = ["_median", "_least", "_most"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name);
    let measure = name.split_once('_').map_or(name, |(_, measure)| measure);
    measure == "accuracy" || Metric::find(measure).is_some_and(Metric::higher_is_better)
}

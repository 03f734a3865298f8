//! The learning curves of runs, as they are drawn: a line for each group, with the range of its runs.

use anyhow::Result;
use clap::ValueEnum;

use super::{Group, Row};
use crate::run::history::Table;
use crate::tensorboard::curve;
use crate::util::stderr::message;

/// What the horizontal axis is.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Epochs.
    Epoch,
    /// Steps of the optimizer.
    Step,
    /// The time that the training took.
    Time,
}

/// A line and its name.
#[derive(Debug)]
pub(super) struct Line {
    pub name: String,
    pub points: Vec<Point>,
    /// Whether its points are means of several runs.
    pub is_mean: bool,
}

/// A point of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Epochs, steps or seconds.
    pub x: f64,
    /// The value or, of several runs, their mean.
    pub y: f64,
    /// The range of the runs.
    pub least: f64,
    pub most: f64,
}

/// The validation after an epoch of one run.
#[derive(Clone, Copy, Debug)]
struct Validation {
    epoch: i64,
    x: f64,
    y: f64,
}

/// The curves of the groups that are measured by `metric`; of the others, and of those without a curve, it is told.
pub(super) fn lines(groups: &[Group], metric: &str, axis: Axis) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for group in groups {
        let mut curves = Vec::new();
        for row in group.counted() {
            let found = validations(row, metric, axis)?;
            if !found.is_empty() {
                curves.push(found);
            }
        }
        let points = mean(&curves);
        let (label, is_mean) = (group.label(), curves.len() > 1);
        let without = group.counted().len() - curves.len();
        match points.is_empty() {
            true => message(&format!("note: `{label}` has no curve of its {metric}")),
            false => lines.push(Line { name: name(group, groups), points, is_mean }),
        }
        if without > 0 && !curves.is_empty() {
            message(&format!("note: {without} runs of `{label}` have no curve of their {metric}"));
        }
    }
    Ok(lines)
}

/// The validations of a run that are finite, by epoch.
fn validations(row: &Row, metric: &str, axis: Axis) -> Result<Vec<Validation>> {
    let folder = row.folder.join("validation");
    let points = if folder.is_dir() { curve(&folder, metric)? } else { Vec::new() };
    let epoch = steps_per_epoch(row, &points);
    let table = if axis == Axis::Time { Table::of(&row.folder) } else { None };
    let times = table.map_or(Vec::new(), |table| {
        table.numbers("step").into_iter().zip(table.numbers("seconds")).collect()
    });
    let seconds = |step: i64| times.iter().find(|(at, _)| *at == Some(step as f64))?.1;
    let found = points.iter().filter_map(|&(step, value)| {
        let x = match axis {
            Axis::Epoch => step as f64 / epoch,
            Axis::Step => step as f64,
            Axis::Time => seconds(step)?,
        };
        let y = f64::from(value);
        // Of folds an epoch may have one step more or less: they are averaged by epoch.
        let epoch = (step as f64 / epoch).round() as i64;
        (step > 0 && x > 0.0 && y.is_finite()).then_some(Validation { epoch, x, y })
    });
    Ok(found.collect())
}

/// The mean of `curves` at the epochs that all of them have.
fn mean(curves: &[Vec<Validation>]) -> Vec<Point> {
    let Some(first) = curves.first() else { return Vec::new() };
    let at = |curve: &Vec<Validation>, epoch: i64| {
        Some(curve[curve.binary_search_by_key(&epoch, |validation| validation.epoch).ok()?])
    };
    let point = |one: &Validation| {
        let all: Option<Vec<_>> = curves.iter().map(|curve| at(curve, one.epoch)).collect();
        let all = all?;
        let count = all.len() as f64;
        Some(Point {
            x: all.iter().map(|validation| validation.x).sum::<f64>() / count,
            y: all.iter().map(|validation| validation.y).sum::<f64>() / count,
            least: all.iter().map(|validation| validation.y).fold(f64::INFINITY, f64::min),
            most: all.iter().map(|validation| validation.y).fold(f64::NEG_INFINITY, f64::max),
        })
    };
    first.iter().filter_map(point).collect()
}

/// The steps of an epoch: those until the best validation by its epoch. Where that is not known they are
/// the greatest common divisor of the steps after which there were validations.
fn steps_per_epoch(row: &Row, points: &[(i64, f32)]) -> f64 {
    let divisor = |mut a: u64, mut b: u64| {
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    match row.best {
        Some(best) if best.epoch > 0 && best.step > 0 => best.step as f64 / best.epoch as f64,
        _ => {
            let steps = points.iter().map(|(step, _)| step.unsigned_abs());
            steps.fold(0, divisor).max(1) as f64
        }
    }
}

/// What tells `group` from the other `groups`: its name, with the model's where there are several, or its
/// folder where two have the same; of several runs how many they are.
fn name(group: &Group, groups: &[Group]) -> String {
    let own_name = |group: &Group| match (&group.first().config, group.is_several()) {
        (Some(config), true) => config.group_name(),
        _ => group.first().name(),
    };
    let (name, model) = (own_name(group), &group.first().model);
    let is_alike = |other: &&Group| other.first().model == *model && own_name(other) == name;
    let several = match group.is_several() {
        true => format!(" (n = {})", group.counted().len()),
        false => String::new(),
    };
    if groups.iter().filter(is_alike).count() > 1 {
        return group.label() + &several;
    }
    match groups.iter().all(|other| other.first().model == *model) {
        true => name + &several,
        false => format!("{model} {name}{several}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_as_far_as_all_go() {
        let curve = |values: &[f64]| {
            let points = (1..).zip(values);
            points.map(|(epoch, &y)| Validation { epoch, x: epoch as f64, y }).collect()
        };
        let points = mean(&[curve(&[1.0, 0.5, 0.25]), curve(&[3.0, 0.75])]);
        let [first, second] = points[..] else { panic!("{points:?}") };
        assert_eq!(first, Point { x: 1.0, y: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(second, Point { x: 2.0, y: 0.625, least: 0.5, most: 0.75 });
        assert!(mean(&[]).is_empty());
    }
}

//! The mean curve of runs that differ in their seed alone, for TensorBoard: beside the folders of the runs one
//! more, with the mean of each validation's score over the runs, the least and the most: `error/mean`, `error/least`
//! and `error/most`. In Custom Scalars the three are a chart with a margin. The mean is also there as `error`, a
//! curve among those of the runs; the chart with the margin takes another tag, as it would warn of each run that has
//! the tag of the mean and none of the bounds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tensorboard_proto::event::Event_oneof_what as What;

use crate::run::{RunConfig, RunFolder, RunResult};
use crate::tensorboard::plugin_summaries::margin_charts;
use crate::tensorboard::{EventWriter, curve};

/// What the validations of a run of either kind have.
const TAGS: [&str; 3] = ["error", "accuracy", "loss"];

/// One point of the mean curve.
struct Point {
    step: i64,
    mean: f32,
    least: f32,
    most: f32,
}

/// Writes the mean curves of all finished runs of the group of `config` below `log`, if there are two or more, to a
/// folder beside theirs.
///
/// # Errors
/// When the event files cannot be read or written.
pub fn write_mean_of_group(log: &Path, config: &RunConfig) -> Result<()> {
    let runs = log.join(&config.model);
    let key = config.group_key();
    let is_of_group = |path: &Path| {
        let there = RunFolder::config_at(path).ok().flatten();
        let is_finished = RunResult::at(path).is_ok_and(|result| result.is_some());
        is_finished && there.is_some_and(|there| there.group_key() == key)
    };
    let mut folders = Vec::new();
    for entry in fs::read_dir(&runs).with_context(|| format!("cannot read `{}`", runs.display()))? {
        folders.push(entry?.path());
    }
    folders.retain(|path| is_of_group(path));
    folders.sort();
    if folders.len() < 2 {
        return Ok(());
    }
    let folders: Vec<_> = folders.iter().map(PathBuf::as_path).collect();
    write_group_mean(&runs.join(config.mean_name()), &folders)
}

/// Writes to `folder` the mean curves of the runs in the folders `runs`, over the validations that all of them
/// have; in the place of those that are there.
///
/// # Errors
/// When the event files cannot be read or written.
fn write_group_mean(folder: &Path, runs: &[&Path]) -> Result<()> {
    let mut means = Vec::new();
    for tag in TAGS {
        let curves = runs.iter().map(|run| curve(&run.join("validation"), tag));
        let points = mean(&curves.collect::<Result<Vec<_>>>()?);
        if !points.is_empty() {
            means.push((tag, points));
        }
    }
    let cannot = || format!("cannot write event files in `{}`", folder.display());
    write(folder, &means).with_context(cannot)
}

/// The mean of the validations of all `curves`, epoch by epoch, as far as all of them go. Each epoch is validated
/// once; of folds it may have one step more or less, and is at the step of the first run.
fn mean(curves: &[Vec<(i64, f32)>]) -> Vec<Point> {
    let Some(first) = curves.first() else { return Vec::new() };
    let point = |(epoch, &(step, _)): (usize, &(i64, f32))| {
        let values: Option<Vec<_>> =
            curves.iter().map(|curve| curve.get(epoch).map(|(_, value)| *value)).collect();
        let values = values?;
        let sum: f64 = values.iter().copied().map(f64::from).sum();
        Some(Point {
            step,
            mean: (sum / values.len() as f64) as f32,
            least: values.iter().copied().fold(f32::INFINITY, f32::min),
            most: values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        })
    };
    first.iter().enumerate().map_while(point).collect()
}

fn write(folder: &Path, means: &[(&str, Vec<Point>)]) -> Result<()> {
    let mut writer = EventWriter::replace(folder)?;
    let charts: Vec<_> =
        means.iter().map(|(tag, _)| (format!("{tag}: mean, least and most"), names(tag))).collect();
    let charts: Vec<_> = charts
        .iter()
        .map(|(title, names)| (title.as_str(), names.each_ref().map(String::as_str)))
        .collect();
    writer.write(0, What::summary(margin_charts("mean over seeds", &charts)?))?;
    for (tag, points) in means {
        let [mean, least, most] = names(tag);
        for point in points {
            writer.scalar(point.step, tag, point.mean)?;
            writer.scalar(point.step, &mean, point.mean)?;
            writer.scalar(point.step, &least, point.least)?;
            writer.scalar(point.step, &most, point.most)?;
        }
    }
    Ok(writer.flush()?)
}

/// The tags of the mean and the bounds of a chart.
fn names(tag: &str) -> [String; 3] {
    ["mean", "least", "most"].map(|part| format!("{tag}/{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_the_steps_that_all_have() {
        let dir = tempfile::tempdir().unwrap();
        let runs: Vec<_> = ["a", "b"].iter().map(|name| dir.path().join(name)).collect();
        for (run, values) in runs.iter().zip([&[1.0, 0.5, 0.25][..], &[3.0, 1.5]]) {
            let mut writer = EventWriter::create(&run.join("validation")).unwrap();
            for (epoch, value) in (1..).zip(values) {
                writer.scalar(epoch * 10, "error", *value).unwrap();
            }
            writer.flush().unwrap();
        }
        let mean = dir.path().join("mean");
        let folders: Vec<_> = runs.iter().map(std::path::PathBuf::as_path).collect();
        for _ in 0..2 {
            write_group_mean(&mean, &folders).unwrap();
            for tag in ["error", "error/mean"] {
                assert_eq!(curve(&mean, tag).unwrap(), [(10, 2.0), (20, 1.0)]);
            }
            assert_eq!(curve(&mean, "error/least").unwrap(), [(10, 1.0), (20, 0.5)]);
            assert_eq!(curve(&mean, "error/most").unwrap(), [(10, 3.0), (20, 1.5)]);
            assert_eq!(mean.read_dir().unwrap().count(), 1);
        }
    }
}

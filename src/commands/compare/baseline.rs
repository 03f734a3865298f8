//! `--baseline RUN`: is another configuration better or worse than this one, or is it chance?
//!
//! Runs of one seed and fold are a pair: they begin with the same weights and take the images in the same order.
//! The differences of their tests are tested by the exact [sign-flip permutation test](crate::stats::sign_flip);
//! with several comparisons the p values are corrected after [Holm](crate::stats::holm). Of two single runs the
//! images of the test are the pairs: [McNemar's exact test](crate::stats::mcnemar) of a classifier's predictions,
//! the permutation test over an autoencoder's errors. That says of these two trained models that one does better
//! on such images, and nothing of other seeds.

use std::path::Path;

use anyhow::Result;

use super::group::Group;
use crate::error::{Exit, Failure};
use crate::metrics::{ImageResults, Outcomes};
use crate::run::image_results;
use crate::stats::{holm, mcnemar, sign_flip};

/// What pairs were compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Runs of the same seed and fold.
    Seeds,
    /// The test images of two single runs.
    Images,
}

/// A configuration beside the baseline.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What pairs there are.
    pub pairing: Pairing,
    /// How many.
    pub pairs: usize,
    /// The mean difference: its test less the baseline's.
    pub difference: f64,
    /// The mean test of the pairs' baseline.
    pub of_baseline: f64,
    /// Whether it is worse.
    pub is_worse: bool,
    /// The probability of such a difference or a larger one, of either sign, if there were none.
    pub p: f64,
    /// The same, corrected for the number of comparisons.
    pub p_holm: f64,
    /// The least p that so many pairs can have.
    pub least_p: f64,
}

/// The group of `groups` in which the run in `folder` is; its pattern is understood too.
///
/// # Errors
/// [`Exit::Usage`] where it is in none.
pub fn find_baseline(groups: &[Group], folder: &Path) -> Result<usize> {
    let place = folder.canonicalize().ok();
    let is_run = |group: &Group| {
        let is_same = |other: &Path| place.is_some() && other.canonicalize().ok() == place;
        group.rows.iter().any(|row| is_same(&row.folder) || row.folder == folder)
    };
    let is_pattern = |group: &Group| Path::new(&group.label()) == folder;
    let found = groups.iter().position(|group| is_run(group) || is_pattern(group));
    found.ok_or_else(|| {
        let what =
            format!("`--baseline {}` is none of the runs that are compared", folder.display());
        let labels: Vec<_> = groups.iter().map(Group::label).collect();
        Failure::new(Exit::Usage, what)
            .why(format!("these are:\n{}", labels.join("\n")))
            .help("name one of these, or add its folder to those that are compared")
            .into()
    })
}

/// Each of `groups` beside the one at `baseline`: `None` for that one itself, and for one that has no pairs with
/// it.
///
/// # Errors
/// When none of them has pairs with the baseline, or results of images cannot be read.
pub fn beside(groups: &[Group], baseline: usize) -> Result<Vec<Option<Comparison>>> {
    let own = &groups[baseline];
    if own.test().is_none() {
        let what = format!("the baseline `{}` is not finished", own.label());
        return Err(Failure::new(Exit::Failed, what)
            .why("there is no test of it to compare with")
            .help("train it to its end first")
            .into());
    }
    let mut found = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let is_other = number != baseline;
        found.push(if is_other { compare(group, own)? } else { None });
    }
    if groups.len() > 1 && found.iter().all(Option::is_none) {
        return Err(no_pairs(groups, baseline));
    }
    let p: Vec<_> = found.iter().flatten().map(|comparison| comparison.p).collect();
    for (comparison, p) in found.iter_mut().flatten().zip(holm(&p)) {
        comparison.p_holm = p;
    }
    Ok(found)
}

/// `group` beside the group `own`.
fn compare(group: &Group, own: &Group) -> Result<Option<Comparison>> {
    if group.first().metric() != own.first().metric() {
        return Ok(None);
    }
    let (rows, own_rows) = (finished(group), finished(own));
    if let ([run], [baseline]) = (&rows[..], &own_rows[..]) {
        let images = [run, baseline].map(|row| image_results::read(&row.folder));
        let [Some(images), Some(of_baseline)] = [images[0].as_ref(), images[1].as_ref()]
            .map(|images| images.ok().and_then(Option::as_ref))
        else {
            // What is wrong with one is told.
            for images in images {
                images?;
            }
            return Ok(by_seeds(&rows, &own_rows));
        };
        if images.labels == of_baseline.labels {
            return Ok(by_images(
                images,
                of_baseline,
                (value(run), value(baseline)),
                is_error(own),
            ));
        }
    }
    Ok(by_seeds(&rows, &own_rows))
}

/// The runs of `group` with a test.
fn finished<'a>(group: &Group<'a>) -> Vec<&'a super::Row> {
    group.rows.iter().filter(|row| row.test.is_some()).copied().collect()
}

/// The test of a run that has one.
fn value(row: &super::Row) -> f64 {
    row.test.map_or(f64::NAN, |test| test.headline().1)
}

fn is_error(group: &Group) -> bool {
    group.first().metric() == Some("error")
}

/// Pairs of the same seed and fold; `None` where there is none.
fn by_seeds(rows: &[&super::Row], baseline: &[&super::Row]) -> Option<Comparison> {
    let key = |row: &super::Row| row.config.as_ref().map(|config| config.pair_key());
    let mut pairs = Vec::new();
    for row in rows {
        let own = baseline.iter().find(|own| key(own).is_some() && key(own) == key(row));
        pairs.extend(own.map(|own| (value(row), value(own))));
    }
    if pairs.is_empty() {
        return None;
    }
    // In an order of their own: no sum depends on whose folder was found first.
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let differences: Vec<_> = pairs.iter().map(|(run, own)| run - own).collect();
    let count = pairs.len() as f64;
    let difference = differences.iter().sum::<f64>() / count;
    let test = sign_flip(&differences);
    let is_error = rows[0].metric() == Some("error");
    Some(Comparison {
        pairing: Pairing::Seeds,
        pairs: pairs.len(),
        difference,
        of_baseline: pairs.iter().map(|(_, own)| own).sum::<f64>() / count,
        is_worse: if is_error { difference > 0.0 } else { difference < 0.0 },
        p: test.p,
        p_holm: test.p,
        least_p: test.least_p,
    })
}

/// The images of the test as pairs, of two runs with these `tests`; `None` where the two are not of one kind.
fn by_images(
    images: &ImageResults,
    baseline: &ImageResults,
    tests: (f64, f64),
    is_error: bool,
) -> Option<Comparison> {
    let (p, least_p) = match (&images.outcomes, &baseline.outcomes) {
        (Outcomes::Errors(errors), Outcomes::Errors(own)) => {
            let differences: Vec<_> = errors.iter().zip(own).map(|(a, b)| a - b).collect();
            let test = sign_flip(&differences);
            (test.p, test.least_p)
        }
        (
            Outcomes::Predictions { classes, .. },
            Outcomes::Predictions { classes: own_classes, .. },
        ) => {
            let (mut only_run, mut only_own) = (0, 0);
            for ((label, class), own) in images.labels.iter().zip(classes).zip(own_classes) {
                only_run += u64::from(class == label && own != label);
                only_own += u64::from(class != label && own == label);
            }
            (mcnemar(only_run, only_own), 0.0)
        }
        _ => return None,
    };
    let (run, own) = tests;
    let difference = run - own;
    Some(Comparison {
        pairing: Pairing::Images,
        pairs: images.len(),
        difference,
        of_baseline: own,
        is_worse: if is_error { difference > 0.0 } else { difference < 0.0 },
        p,
        p_holm: p,
        least_p,
    })
}

/// No run of another configuration has a seed and fold that the baseline has.
fn no_pairs(groups: &[Group], baseline: usize) -> anyhow::Error {
    let seeds = |group: &Group| {
        let configs = group.rows.iter().filter(|row| row.test.is_some());
        let seeds = configs.filter_map(|row| Some(row.config.as_ref()?.seed.to_string()));
        let seeds: Vec<_> = seeds.collect();
        let label = group.label();
        if seeds.is_empty() {
            format!("{label}: none is finished")
        } else {
            format!("{label}: {}", seeds.join(", "))
        }
    };
    let others = groups.iter().enumerate().filter(|(number, _)| *number != baseline);
    let lines: Vec<_> = others.map(|(_, group)| seeds(group)).collect();
    let what =
        format!("no run has a seed in common with the baseline `{}`", groups[baseline].label());
    Failure::new(Exit::Failed, what)
        .why(format!("the seeds are {}\n{}", seeds(&groups[baseline]), lines.join("\n")))
        .help("train them with the same --seeds")
        .into()
}

//! `--baseline RUN`: is another configuration better or worse than this one, or is it chance?
//!
//! Runs of one seed and fold are a pair: they begin with the same weights and take the images in the same order.
//! The differences of their tests are tested by the exact [sign-flip permutation test](crate::stats::sign_flip);
//! with several comparisons the p values are corrected after [Holm](crate::stats::holm). Of two single runs the
//! images of the test are the pairs: [McNemar's exact test](crate::stats::mcnemar) of a classifier's predictions,
//! the permutation test over an autoencoder's errors. That says of these two trained models that one does better
//! on such images, and nothing of other seeds.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{Group, Row};
use crate::error::{Exit, Failure};
use crate::metrics::{ImageResults, Outcomes};
use crate::run::image_results;
use crate::stats::{holm, mcnemar, sign_flip};

/// The probability below which a difference is usually called significant.
pub(super) const LEVEL: f64 = 0.05;
/// How near the mean over the images is to the whole test, relative: that was computed in 32 bits.
const SAME: f64 = 1e-4;

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
    /// The same, corrected.
    pub least_p_holm: f64,
}

/// The group of `groups` in which the run in `folder` is; its pattern is understood too.
///
/// # Errors
/// [`Exit::Usage`] where it is in none, or the pattern is that of several.
pub fn find_baseline(groups: &[Group], folder: &Path) -> Result<usize> {
    let place = whole(folder);
    let is_run = |group: &Group| group.rows.iter().any(|row| whole(&row.folder) == place);
    if let Some(found) = groups.iter().position(is_run) {
        return Ok(found);
    }
    let is_pattern = |group: &Group| whole(Path::new(&group.label())) == place;
    let found: Vec<_> = (0..groups.len()).filter(|&at| is_pattern(&groups[at])).collect();
    let labels: Vec<_> = groups.iter().map(Group::label).collect();
    match found[..] {
        [found] => Ok(found),
        [] => {
            let what =
                format!("`--baseline {}` is none of the runs that are compared", folder.display());
            Err(Failure::new(Exit::Usage, what)
                .why(format!("these are:\n{}", labels.join("\n")))
                .help(
                    "name one of these, a pattern in quotes, or add its folder to those that are compared",
                )
                .into())
        }
        _ => {
            let what = format!("`--baseline {}` is the name of several", folder.display());
            Err(Failure::new(Exit::Usage, what)
                .why("they differ in a flag that is no part of the name")
                .help("name a run of the one that is meant, or leave the others out with --filter")
                .into())
        }
    }
}

/// `path` without links and relative parts, as far as it is there: a pattern is not.
fn whole(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let of_pattern = || Some(parent.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(of_pattern).unwrap_or(path.to_owned())
}

/// Each of `groups` compared with the one at `baseline`: `None` for that one itself, and for one that has no pairs
/// with it.
///
/// Comparisons of so few seeds that none of them could reach a p of 0.05 are not among the hypotheses that Holm's
/// correction counts: whatever their results, they would decide nothing and make the others harder to decide.
///
/// # Errors
/// When none of them has pairs with the baseline, or results of images cannot be read.
pub fn compare_with_baseline(groups: &[Group], baseline: usize) -> Result<Vec<Option<Comparison>>> {
    let own = &groups[baseline];
    if finished(own).is_empty() {
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
    let mut tested: Vec<_> =
        found.iter_mut().flatten().filter(|comparison| comparison.least_p <= LEVEL).collect();
    let p: Vec<_> = tested.iter().map(|comparison| comparison.p).collect();
    let count = tested.len() as f64;
    for (comparison, p) in tested.iter_mut().zip(holm(&p)) {
        comparison.p_holm = p;
        comparison.least_p_holm = (comparison.least_p * count).min(1.0);
    }
    Ok(found)
}

/// `group` compared with the group `own`.
fn compare(group: &Group, own: &Group) -> Result<Option<Comparison>> {
    if group.first().metric() != own.first().metric() {
        return Ok(None);
    }
    let (rows, own_rows) = (finished(group), finished(own));
    if let ([run], [baseline]) = (&rows[..], &own_rows[..])
        && let Some(images) = images_of(run)?
        && let Some(own_images) = images_of(baseline)?
    {
        return by_images(&images, &own_images, (run, baseline), is_error(own));
    }
    Ok(by_seeds(&rows, &own_rows))
}

/// The results of each test image of a run, if they were kept.
fn images_of(row: &Row) -> Result<Option<ImageResults>> {
    let Some(images) = image_results::read(&row.folder)? else { return Ok(None) };
    // What is there image by image has to be what is there in all.
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let whole = match &images.outcomes {
        Outcomes::Errors(errors) => mean(errors),
        Outcomes::Predictions { classes, .. } => {
            let right = classes.iter().zip(&images.labels).filter(|(class, label)| class == label);
            right.count() as f64 / images.len() as f64
        }
    };
    let test = value(row);
    if (whole - test).abs() <= SAME * test.abs() + f64::EPSILON {
        return Ok(Some(images));
    }
    let path = row.folder.join(image_results::TEST_IMAGES);
    Err(Failure::new(Exit::Failed, format!("`{}` is damaged", path.display()))
        .why(format!("its images make {whole}; the run's test was {test}"))
        .help("put back a copy of it, or train the run anew with --restart")
        .into())
}

/// The runs of `group` with a test.
fn finished<'a>(group: &Group<'a>) -> Vec<&'a Row> {
    group.counted().iter().copied().filter(|row| row.test.is_some()).collect()
}

/// The test of a run that has one.
fn value(row: &Row) -> f64 {
    row.test.map_or(f64::NAN, |test| test.headline().1)
}

fn is_error(group: &Group) -> bool {
    group.first().metric() == Some("error")
}

/// Pairs of the same seed and fold; `None` where there is none.
fn by_seeds(rows: &[&Row], baseline: &[&Row]) -> Option<Comparison> {
    let key = |row: &Row| row.config.as_ref().map(|config| config.pair_key());
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
        least_p_holm: test.least_p,
    })
}

/// The images of the test as pairs, of a run and the baseline.
///
/// # Errors
/// Where they were not tested on the same images.
fn by_images(
    images: &ImageResults,
    baseline: &ImageResults,
    (run, own): (&Row, &Row),
    is_error: bool,
) -> Result<Option<Comparison>> {
    if images.labels != baseline.labels {
        let [run, own] = [run, own].map(|row| row.folder.display().to_string());
        let what = format!("`{run}` and `{own}` were not tested on the same images");
        return Err(Failure::new(Exit::Failed, what)
            .why(format!("their `{}` have other labels", image_results::TEST_IMAGES))
            .help("compare runs of several --seeds, which are paired by seed")
            .into());
    }
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
        _ => return Ok(None),
    };
    let (run, own) = (value(run), value(own));
    let difference = run - own;
    Ok(Some(Comparison {
        pairing: Pairing::Images,
        pairs: images.len(),
        difference,
        of_baseline: own,
        is_worse: if is_error { difference > 0.0 } else { difference < 0.0 },
        p,
        p_holm: p,
        least_p,
        least_p_holm: least_p,
    }))
}

/// No run of another configuration has a seed and fold that the baseline has.
fn no_pairs(groups: &[Group], baseline: usize) -> anyhow::Error {
    let seeds = |group: &Group| {
        let seeds = finished(group)
            .into_iter()
            .filter_map(|row| Some(row.config.as_ref()?.seed.to_string()));
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

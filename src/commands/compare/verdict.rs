//! What `--baseline` prints, and `--fail_if_worse`.

use std::str::FromStr;

use anyhow::Result;

use super::baseline::LEVEL;
use super::{Comparison, Group, Pairing};
use crate::error::{Exit, Failure};
use crate::metrics::fixed;
use crate::util::table::columns;

/// What is known to be smaller than any p that is shown.
const LEAST_SHOWN: f64 = 1e-4;

/// What has to be known of tests on images that have picked the best model.
pub(super) const CHOSEN_ON_THE_TEST: &str =
    "* chosen on the test images: this data set has no other validation images";

/// How much worse than the baseline is not too bad: `0.001` of the measure, or `2%` of the baseline's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tolerance {
    value: f64,
    is_percent: bool,
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%');
        let value = number.unwrap_or(text).trim().parse::<f64>();
        match value {
            Ok(value) if value.is_finite() && value >= 0.0 => {
                Ok(Self { value, is_percent: number.is_some() })
            }
            _ => Err(
                "it has to be a number, 0 or more, or a percentage, as 0.001 or 2%; folders come \
                      before the flag"
                    .into(),
            ),
        }
    }
}

impl Tolerance {
    /// Whether `comparison` is worse by more than that.
    fn is_exceeded(self, comparison: &Comparison) -> bool {
        let allowed = match self.is_percent {
            true => self.value / 100.0 * comparison.of_baseline.abs(),
            false => self.value,
        };
        // What is not finite is worse than anything.
        comparison.difference.is_nan()
            || comparison.is_worse && comparison.difference.abs() > allowed
    }
}

/// Each of `groups` compared with the one at `baseline`: a line each, and what can be said of it.
pub(super) fn text(
    groups: &[Group],
    baseline: usize,
    comparisons: &[Option<Comparison>],
) -> String {
    let own = &groups[baseline];
    let measure = own.first().metric().unwrap_or("score");
    let title = format!("compared with {} (test {measure}; a run less the baseline):", own.label());
    let compared = groups.iter().zip(comparisons).enumerate();
    let compared: Vec<_> = compared.filter(|(number, _)| *number != baseline).collect();
    if compared.is_empty() {
        return format!("{title}\nthere is no other run on these data to compare it with");
    }
    let lines = compared.iter().map(|(_, (group, comparison))| match comparison {
        Some(comparison) => line(group, comparison, measure),
        None => {
            let dashes = std::iter::repeat_n("-".to_owned(), 5);
            let why = if group.test().is_none() { "not finished" } else { "no seed in common" };
            dashes.chain([why.to_owned(), group.label()]).collect()
        }
    });
    let head = ["pairs", "difference", "relative", "p", "p (Holm)", "verdict", "run"];
    let table = columns(&head, &lines.collect::<Vec<_>>(), &["pairs", "relative"]);
    let comparisons: Vec<_> = comparisons.iter().flatten().collect();
    let notes = notes(&comparisons);
    let is_marked = own.first().validation_is_test;
    let marked = is_marked.then(|| CHOSEN_ON_THE_TEST.to_owned());
    let notes = notes.into_iter().chain(marked);
    [title, table].into_iter().chain(notes).collect::<Vec<_>>().join("\n")
}

fn line(group: &Group, comparison: &Comparison, measure: &str) -> Vec<String> {
    let Comparison { pairs, difference, of_baseline, p, p_holm, .. } = *comparison;
    let digits = if measure == "accuracy" { 4 } else { 6 };
    let of = match comparison.pairing {
        Pairing::Seeds if pairs == 1 => "seed",
        Pairing::Seeds => "seeds",
        Pairing::Images => "images",
    };
    let share = 100.0 * difference / of_baseline;
    vec![
        format!("{pairs} {of}"),
        signed(difference, digits),
        if share.is_finite() { format!("{} %", signed(share, 1)) } else { "-".to_owned() },
        probability(p),
        probability(p_holm),
        verdict(comparison).to_owned(),
        group.label(),
    ]
}

/// `value` with its sign and so many digits after the point; one that would be shown as 0 as `-1.2e-10`.
fn signed(value: f64, digits: usize) -> String {
    let text = fixed(value.abs(), digits);
    match value != 0.0 && text.parse() == Ok(0.0) {
        true => format!("{value:+.1e}"),
        false => format!("{}{text}", sign(value)),
    }
}

fn sign(value: f64) -> &'static str {
    match value {
        value if value > 0.0 => "+",
        value if value < 0.0 => "-",
        _ => "",
    }
}

fn probability(p: f64) -> String {
    if p < LEAST_SHOWN { format!("<{LEAST_SHOWN}") } else { format!("{p:.4}") }
}

/// What can be said of a comparison.
fn verdict(comparison: &Comparison) -> &'static str {
    match comparison {
        Comparison { least_p_holm, .. } if *least_p_holm > LEVEL => "cannot be decided",
        Comparison { p_holm, is_worse, .. } if *p_holm <= LEVEL => {
            if *is_worse {
                "worse"
            } else {
                "better"
            }
        }
        _ => "no difference shown",
    }
}

/// What has to be known of the numbers above.
fn notes(comparisons: &[&Comparison]) -> Vec<String> {
    let mut notes = Vec::new();
    let tested = comparisons.iter().filter(|comparison| comparison.least_p <= LEVEL).count();
    let undecided = comparisons.iter().filter(|comparison| comparison.least_p_holm > LEVEL);
    let mut undecided: Vec<_> =
        undecided.map(|comparison| (comparison.pairs, comparison.least_p_holm)).collect();
    undecided.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    undecided.dedup();
    for (pairs, least_p) in undecided {
        let of = if pairs == 1 { "seed" } else { "seeds" };
        // Where they are too few for one comparison, they would be one more of those that are tested.
        let is_tested = comparisons
            .iter()
            .any(|comparison| comparison.pairs == pairs && comparison.least_p <= LEVEL);
        let count = (tested + usize::from(!is_tested)).max(1);
        let needed =
            (1..).find(|&n| count as f64 * 2.0 / 2f64.powi(n) <= LEVEL).unwrap_or(i32::MAX);
        let comparisons =
            if count == 1 { String::new() } else { format!(" in {count} comparisons") };
        notes.push(format!(
            "{pairs} {of}: the least p is {least_p}; {needed} seeds can tell a difference at p = \
             {LEVEL}{comparisons}"
        ));
    }
    if comparisons.iter().any(|comparison| comparison.pairing == Pairing::Images) {
        notes.push(
            "over images: of these two trained models; another seed of the same two may turn it round"
                .to_owned(),
        );
    }
    notes
}

/// Fails where a group is worse than the one at `baseline` by more than `tolerance`, or cannot be compared.
///
/// # Errors
/// [`Exit::Worse`] where one is worse; [`Exit::Failed`] where one has no seed in common with it.
pub(super) fn refuse_worse(
    groups: &[Group],
    baseline: usize,
    comparisons: &[Option<Comparison>],
    tolerance: Tolerance,
) -> Result<()> {
    let others = groups.iter().zip(comparisons).enumerate();
    let others: Vec<_> = others.filter(|(number, _)| *number != baseline).collect();
    if others.is_empty() {
        return Err(Failure::new(Exit::Failed, "`--fail_if_worse`: there is nothing to compare")
            .why("the baseline is the only run on its data")
            .help("name the folders of the others, and look at --filter")
            .into());
    }
    let worse = others.iter().filter_map(|(_, (group, comparison))| {
        let comparison = comparison.as_ref().filter(|one| tolerance.is_exceeded(one))?;
        let difference = comparison.difference;
        Some(format!("{}: {}", group.label(), signed(difference, 6)))
    });
    let worse: Vec<_> = worse.collect();
    if !worse.is_empty() {
        let what = format!("worse than the baseline `{}`", groups[baseline].label());
        return Err(Failure::new(Exit::Worse, what).why(worse.join("\n")).into());
    }
    if let Some((_, (group, _))) = others.iter().find(|(_, (_, comparison))| comparison.is_none()) {
        let what = format!("`--fail_if_worse`: `{}` cannot be compared", group.label());
        return Err(Failure::new(Exit::Failed, what)
            .why("it is not finished, or has no seed in common with the baseline")
            .help("train it to its end with the same --seeds, or leave it out with --filter")
            .into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(difference: f64, is_worse: bool) -> Comparison {
        Comparison {
            pairing: Pairing::Seeds,
            pairs: 8,
            difference,
            of_baseline: 0.5,
            is_worse,
            p: 0.01,
            p_holm: 0.02,
            least_p: 1.0 / 128.0,
            least_p_holm: 1.0 / 64.0,
        }
    }

    #[test]
    fn tolerances() {
        let exceeded = |text: &str, difference: f64| {
            text.parse::<Tolerance>()
                .unwrap()
                .is_exceeded(&comparison(difference, difference > 0.0))
        };
        assert!(exceeded("0", 1e-9) && !exceeded("0", 0.0) && !exceeded("0", -1.0));
        assert!(exceeded("0.01", 0.011) && !exceeded("0.01", 0.01));
        assert!(exceeded("2%", 0.011) && !exceeded("2%", 0.009));
        assert!(exceeded("1", f64::NAN));
        for wrong in ["", "%", "-1", "x", "nan", "1%%"] {
            assert!(wrong.parse::<Tolerance>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_difference_is_never_shown_as_none() {
        assert_eq!(signed(-1.17e-10, 6), "-1.2e-10");
        assert_eq!((signed(0.0, 6), signed(0.00125, 4)), ("0.000000".into(), "+0.0013".into()));
    }

    #[test]
    fn verdicts() {
        assert_eq!(verdict(&comparison(0.1, true)), "worse");
        assert_eq!(verdict(&comparison(-0.1, false)), "better");
        let chance = Comparison { p_holm: 0.06, ..comparison(0.1, true) };
        assert_eq!(verdict(&chance), "no difference shown");
        let few = Comparison {
            pairs: 3,
            least_p: 0.25,
            least_p_holm: 0.25,
            p_holm: 0.25,
            ..comparison(0.1, true)
        };
        assert_eq!(verdict(&few), "cannot be decided");
        let notes = notes(&[&few, &few]);
        assert!(notes.len() == 1 && notes[0].contains("3 seeds: the least p is 0.25"), "{notes:?}");
        assert!(notes[0].contains("6 seeds can tell"), "{notes:?}");
        // Six seeds are too few where there are three comparisons.
        let six = Comparison { pairs: 6, least_p: 1.0 / 32.0, least_p_holm: 3.0 / 32.0, ..few };
        assert_eq!(verdict(&six), "cannot be decided");
        let notes = super::notes(&[&six, &six, &six]);
        assert!(notes[0].contains("7 seeds can tell a difference at p = 0.05 in 3"), "{notes:?}");
    }
}

//! Which configurations a sweep tries: all of a grid, some at random, or those that look best after the ones
//! before.
//!
//! The configuration of a trial is a function of the sweep's seed, the trial's number and, with `tpe`, of the results
//! of earlier trials: a sweep that is killed and started again draws what it would have drawn. TPE (Bergstra et al.
//! 2011, "Algorithms for Hyper-Parameter Optimization") is that of the crate `tpe`, one estimator for each flag; its
//! first trials are drawn at random.

use anyhow::{Result, anyhow};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::space::{Domain, Vary};
use crate::util::random::split_mix64;

/// Trials of TPE that are drawn at random, at the least.
const RANDOM_TRIALS: usize = 8;
/// How often a configuration is drawn again that was drawn before.
const ATTEMPTS: u64 = 200;
/// The candidates of which TPE takes the best, and the share of trials that it takes for good ones.
const CANDIDATES: usize = 24;
const GOOD: f64 = 0.2;

/// How configurations are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Search {
    /// All combinations.
    Grid,
    /// At random.
    Random,
    /// By the results so far.
    Tpe,
}

/// What a trial has come to: values by flag, and the objective, less being better; infinite for a diverged one.
pub type Tried = (Vec<Value>, f64);

/// The number of combinations of a grid.
///
/// # Errors
/// Where a range does not say how many values a grid takes of it.
pub fn grid_size(vary: &[Vary]) -> Result<usize, String> {
    let mut sizes = vary.iter().map(|vary| match vary.domain.grid() {
        Ok(values) => Ok(values.len()),
        Err(why) => Err(format!("`{}`: {why}", vary.text)),
    });
    sizes.try_fold(1, |product: usize, size| Ok(product.saturating_mul(size?)))
}

/// The values of the trial number `trial`, from 0, where those `before` were drawn and `tried` have ended; `None`
/// where there is no other configuration.
///
/// # Errors
/// When a grid has no size, or an estimator fails.
pub fn draw(
    search: Search,
    vary: &[Vary],
    seed: u64,
    trial: usize,
    before: &[Vec<Value>],
    tried: &[Tried],
) -> Result<Option<Vec<Value>>> {
    if search == Search::Grid {
        return grid_point(vary, trial);
    }
    for attempt in 0..ATTEMPTS {
        let seed = split_mix64(split_mix64(seed, trial as u64), attempt);
        let values = match search == Search::Tpe && trial >= RANDOM_TRIALS && !tried.is_empty() {
            true => by_results(vary, seed, tried)?,
            false => at_random(vary, seed),
        };
        if !before.contains(&values) {
            return Ok(Some(values));
        }
    }
    Ok(None)
}

/// The combination number `trial`: the last flag changes first.
fn grid_point(vary: &[Vary], trial: usize) -> Result<Option<Vec<Value>>> {
    let mut rest = trial;
    let mut values = Vec::new();
    for flag in vary.iter().rev() {
        let grid = flag.domain.grid().map_err(|why| anyhow!("`{}`: {why}", flag.text))?;
        values.push(grid[rest % grid.len()].clone());
        rest /= grid.len();
    }
    values.reverse();
    Ok((rest == 0).then_some(values))
}

fn at_random(vary: &[Vary], seed: u64) -> Vec<Value> {
    let place =
        |number: usize| (split_mix64(seed, number as u64) >> 11) as f64 / (1_u64 << 53) as f64;
    vary.iter().enumerate().map(|(number, vary)| vary.domain.at(place(number))).collect()
}

/// What TPE asks for after the trials `tried`.
fn by_results(vary: &[Vary], seed: u64, tried: &[Tried]) -> Result<Vec<Value>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let draw = |(number, flag): (usize, &Vary)| -> Result<Value> {
        let (estimator, range) = match &flag.domain {
            Domain::List(values) => {
                (tpe::histogram_estimator(), tpe::categorical_range(values.len()))
            }
            Domain::Range { .. } => (tpe::parzen_estimator(), tpe::range(0.0, 1.0)),
        };
        let mut builder = tpe::TpeOptimizerBuilder::new();
        builder.gamma(GOOD).candidates(CANDIDATES);
        let range = range.map_err(|error| anyhow!("{error}"))?;
        let mut optimizer = builder.build(estimator, range).map_err(|error| anyhow!("{error}"))?;
        for (values, objective) in tried {
            let Some(place) = flag.domain.place(&values[number]) else { continue };
            let place = match &flag.domain {
                Domain::List(values) => (place * values.len() as f64).floor(),
                // The end of the range is not in it.
                Domain::Range { .. } => place.min(1.0 - 1e-9),
            };
            // Less is better, and infinite what has diverged.
            let told = optimizer.tell(place, objective.min(f64::MAX));
            told.map_err(|error| anyhow!("{error}"))?;
        }
        let asked = optimizer.ask(&mut random).map_err(|error| anyhow!("{error}"))?;
        Ok(match &flag.domain {
            Domain::List(values) => values[(asked as usize).min(values.len() - 1)].clone(),
            domain => domain.at(asked),
        })
    };
    vary.iter().enumerate().map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn vary(texts: &[&str]) -> Vec<Vary> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_grid_has_each_combination_once() {
        let vary = vary(&["a=1,2,3", "b=x,y", "c=log:0.1..10:3"]);
        assert_eq!(grid_size(&vary), Ok(18));
        let points: Vec<_> = (0..20)
            .map_while(|trial| draw(Search::Grid, &vary, 1, trial, &[], &[]).unwrap())
            .map(|values| serde_json::to_string(&values).unwrap())
            .collect();
        assert_eq!((points.len(), points.iter().collect::<HashSet<_>>().len()), (18, 18));
        assert_eq!(points[1], r#"[1,"x",1.0]"#);
    }

    #[test]
    fn nothing_is_drawn_twice() {
        let vary = vary(&["a=1,2,3", "b=x,y"]);
        for search in [Search::Random, Search::Tpe] {
            let (mut before, mut tried) = (Vec::new(), Vec::new());
            while let Some(values) = draw(search, &vary, 7, before.len(), &before, &tried).unwrap()
            {
                tried.push((values.clone(), values[0].as_f64().unwrap()));
                before.push(values);
            }
            assert_eq!(before.len(), 6, "{search:?}");
        }
    }
}

//! How far a run of a sweep has come, read off its folder.
//!
//! The objective is the best validation of the epochs up to a rung, from `history.csv`: it is the same after the run
//! was promoted and went on, so a sweep that is started again promotes whom it promoted.

use std::path::Path;

use crate::metrics::Metric;
use crate::nn::Kind;
use crate::registry;
use crate::run::history::Table;
use crate::run::{RunConfig, RunResult, Status, StatusKind};

/// How a run stands at a rung.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// It has not come so far.
    Behind,
    /// It has, with this objective; less is better.
    There(f64),
    /// Its loss is no number any more: it is the worst.
    Diverged,
}

impl Standing {
    /// The objective, infinite where there is none.
    pub fn objective(self) -> f64 {
        match self {
            Self::There(objective) => objective,
            Self::Behind | Self::Diverged => f64::INFINITY,
        }
    }

    /// That of the run `config` in `folder` after `epochs` epochs; at its last epoch it has to be tested, too.
    pub fn of(folder: &Path, config: &RunConfig, epochs: u64) -> Self {
        // One that was killed before its last word is behind: it has nothing left to do but to say it.
        let status = Status::of(folder).ok().flatten();
        let stands = |state: StatusKind| status.is_some_and(|status| status.state == state);
        let is_finished = stands(StatusKind::Finished)
            && RunResult::at(folder).is_ok_and(|result| result.is_some());
        let rows = Table::of(folder).unwrap_or_default();
        let (column, higher_is_better) = measure(config);
        let values = rows.numbers(&column);
        let has_gone_on = status.is_some_and(|status| status.epochs > epochs);
        let is_paused =
            status.is_some_and(|status| status.epochs == epochs) && stands(StatusKind::Paused);
        let reached = values.len() as u64 >= epochs
            && epochs < config.epochs
            // One that diverged later had come so far.
            && (has_gone_on || is_paused || is_finished || stands(StatusKind::Diverged));
        if stands(StatusKind::Diverged) && !reached {
            return Self::Diverged;
        }
        if !is_finished && !reached {
            return Self::Behind;
        }
        let values = values.into_iter().take(epochs as usize).flatten();
        let less = values.map(|value| if higher_is_better { -value } else { value });
        let best = less.filter(|value| !value.is_nan()).fold(f64::INFINITY, f64::min);
        if best.is_finite() { Self::There(best) } else { Self::Diverged }
    }
}

/// The column of `history.csv` by which the best model is picked, and whether more is better.
pub fn measure(config: &RunConfig) -> (String, bool) {
    let is_classifier = registry::kind(&config.model).is_ok_and(|kind| kind == Kind::Classifier);
    match config.select {
        Some(metric) => (format!("validation_{metric}"), Metric::higher_is_better(metric)),
        None if is_classifier => ("validation_accuracy".to_owned(), true),
        None => ("validation_error".to_owned(), false),
    }
}

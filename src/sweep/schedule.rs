//! Which run of a sweep is next.
//!
//! Rung by rung, trial by trial, run by run. The next rung begins when the one before is complete: then it is known who
//! is promoted. What is next depends on what the folders say, and not on the order in which runs have ended.

use std::collections::{BTreeMap, BTreeSet};

use super::halving::{Rung, promoted, rungs};
use super::search::Tried;
use super::standing::Standing;
use super::state::Sweep;

/// A run that is to be trained up to a rung. All numbers are from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Task {
    /// The rung.
    pub rung: usize,
    /// The trial.
    pub trial: usize,
    /// The run of the trial.
    pub run: usize,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Train this.
    Train(Task),
    /// Draw the next trial.
    Draw,
    /// Wait for what is being trained.
    Wait,
    /// Nothing.
    Nothing,
}

/// What is known of a sweep's runs.
#[derive(Debug)]
pub struct Schedule {
    rungs: Vec<Rung>,
    /// How the runs stand that have been looked at and are there, or have diverged.
    standings: BTreeMap<Task, Standing>,
    /// Runs that are being trained.
    running: BTreeSet<Task>,
    /// Runs that failed: they are the worst, until the sweep is started again.
    failed: BTreeSet<Task>,
    /// Whether there is no other configuration to draw.
    is_exhausted: bool,
}

impl Schedule {
    /// Of `sweep` before anything is known of its runs.
    pub fn new(sweep: &Sweep) -> Self {
        let spec = &sweep.spec;
        Self {
            rungs: rungs(spec.trials, spec.epochs, spec.halving),
            standings: BTreeMap::new(),
            running: BTreeSet::new(),
            failed: BTreeSet::new(),
            is_exhausted: false,
        }
    }

    /// The rungs.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// How a run of `sweep` stands: as it was known or, where it was behind, as its folder says now.
    pub fn standing(&mut self, sweep: &Sweep, task: Task) -> Standing {
        if self.failed.contains(&task) {
            return Standing::Diverged;
        }
        if let Some(known) = self.standings.get(&task) {
            return *known;
        }
        let Task { rung, trial, run } = task;
        let config = &sweep.trials[trial].configs[run];
        // A trial may have fewer epochs than others, where they are varied.
        let epochs = self.rungs[rung].epochs.min(config.epochs);
        let standing = Standing::of(&sweep.run_folder(trial, run), config, epochs);
        if standing != Standing::Behind {
            self.standings.insert(task, standing);
        }
        standing
    }

    /// The objective of a trial at a rung, the mean of its runs; `None` where one is behind.
    fn objective(&mut self, sweep: &Sweep, rung: usize, trial: usize) -> Option<f64> {
        let runs = sweep.spec.runs;
        let mut sum = 0.0;
        for run in 0..runs {
            match self.standing(sweep, Task { rung, trial, run }) {
                Standing::Behind => return None,
                standing => sum += standing.objective(),
            }
        }
        Some(sum / runs as f64)
    }

    /// The trials of a rung, in their order; `None` where the rung before is not complete.
    pub fn trials_of(&mut self, sweep: &Sweep, rung: usize) -> Option<Vec<usize>> {
        if rung == 0 {
            return Some((0..sweep.trials.len()).collect());
        }
        let before = self.trials_of(sweep, rung - 1)?;
        let is_whole = rung > 1 || self.is_drawn(sweep);
        let objectives: Option<Vec<_>> = before
            .into_iter()
            .map(|trial| Some((trial, self.objective(sweep, rung - 1, trial)?)))
            .collect();
        let objectives = objectives.filter(|_| is_whole)?;
        Some(promoted(&objectives, self.rungs[rung].trials))
    }

    /// What is to be done next.
    pub fn next(&mut self, sweep: &Sweep) -> Next {
        for rung in 0..self.rungs.len() {
            let Some(trials) = self.trials_of(sweep, rung) else { return Next::Wait };
            let mut is_complete = true;
            for trial in trials {
                for run in 0..sweep.spec.runs {
                    let task = Task { rung, trial, run };
                    if self.running.contains(&task) {
                        is_complete = false;
                    } else if self.standing(sweep, task) == Standing::Behind {
                        return Next::Train(task);
                    }
                }
            }
            if rung == 0 && !self.is_drawn(sweep) {
                return if self.may_draw(sweep) { Next::Draw } else { Next::Wait };
            }
            if !is_complete {
                return Next::Wait;
            }
        }
        Next::Nothing
    }

    /// Whether all trials are drawn.
    pub fn is_drawn(&self, sweep: &Sweep) -> bool {
        self.is_exhausted || sweep.trials.len() >= sweep.spec.trials
    }

    /// Whether all results are there that the next trial is drawn by.
    fn may_draw(&mut self, sweep: &Sweep) -> bool {
        self.tried(sweep).is_some()
    }

    /// What the next trial is drawn by: with TPE the results of all trials but the last ones, which run at the same
    /// time; `None` where one of them is not there yet.
    pub fn tried(&mut self, sweep: &Sweep) -> Option<Vec<Tried>> {
        let known = match sweep.spec.search {
            super::Search::Tpe => (sweep.trials.len() + 1).saturating_sub(sweep.spec.lag),
            _ => 0,
        };
        (0..known)
            .map(|trial| {
                let objective = self.objective(sweep, 0, trial)?;
                Some((sweep.trials[trial].values.clone(), objective))
            })
            .collect()
    }

    /// The last known objective of each trial that has one, at the highest rung that it has reached.
    pub fn results(&mut self, sweep: &Sweep) -> Vec<Tried> {
        let mut last = BTreeMap::new();
        for rung in 0..self.rungs.len() {
            for trial in self.trials_of(sweep, rung).unwrap_or_default() {
                last.extend(self.objective(sweep, rung, trial).map(|objective| (trial, objective)));
            }
        }
        let values = |trial: usize| sweep.trials[trial].values.clone();
        last.into_iter().map(|(trial, objective)| (values(trial), objective)).collect()
    }

    /// Notes that nothing is left to draw.
    pub fn exhaust(&mut self) {
        self.is_exhausted = true;
    }

    /// Notes that a run is being trained.
    pub fn begin(&mut self, task: Task) {
        self.running.insert(task);
    }

    /// Notes that a run is not being trained any more, and whether it failed.
    pub fn end(&mut self, task: Task, has_failed: bool) {
        self.running.remove(&task);
        if has_failed {
            self.failed.insert(task);
        }
    }

    /// Runs that failed.
    pub fn failed(&self) -> usize {
        self.failed.len()
    }
}

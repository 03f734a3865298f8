//! `--status`: how far a sweep is.

use anyhow::Result;

use super::slurm;
use crate::commands::output;
use crate::run::{RunFolder, Status, StatusKind};
use crate::sweep::{Schedule, Standing, Sweep, Task};
use crate::util::table::columns;

/// How many runs of a rung stand how.
#[derive(Default)]
struct Count {
    there: usize,
    diverged: usize,
    running: usize,
    queued: usize,
    failed: usize,
    left: usize,
}

/// Prints a line for each rung.
///
/// # Errors
/// When nothing can be printed.
pub(super) fn print(sweep: &Sweep) -> Result<()> {
    let mut schedule = Schedule::new(sweep);
    let rungs = schedule.rungs().to_vec();
    let mut lines = Vec::new();
    for (number, rung) in rungs.iter().enumerate() {
        let count = count(sweep, &mut schedule, number);
        let Count { there, diverged, running, queued, failed, left } = count;
        let numbers = [rung.epochs as usize, rung.trials * sweep.spec.runs, there, diverged];
        let numbers = numbers.into_iter().chain([running, queued, failed, left]);
        lines.push(numbers.map(|number| number.to_string()).collect::<Vec<_>>());
    }
    let head = ["to epoch", "runs", "done", "diverged", "running", "queued", "failed", "left"];
    let drawn = format!("{} of {} trials are drawn", sweep.trials.len(), sweep.spec.trials);
    output::print(&format!("{}\n{drawn}", columns(&head, &lines, &[])))
}

fn count(sweep: &Sweep, schedule: &mut Schedule, rung: usize) -> Count {
    let mut count = Count::default();
    let wanted = schedule.rungs()[rung].trials * sweep.spec.runs;
    let queued = slurm::queued(sweep, rung).unwrap_or_default();
    let Some(trials) = schedule.trials_of(sweep, rung) else {
        // Who they are is not known yet.
        let queued = queued.len();
        return Count { queued, left: wanted.saturating_sub(queued), ..Count::default() };
    };
    for (place, &trial) in trials.iter().enumerate() {
        for run in 0..sweep.spec.runs {
            let folder = sweep.run_folder(trial, run);
            let status = Status::now(&folder).ok().flatten().map(|status| status.state);
            let number = place * sweep.spec.runs + run + 1;
            match (schedule.standing(sweep, Task { rung, trial, run }), status) {
                (Standing::There(_), _) => count.there += 1,
                (Standing::Diverged, _) => count.diverged += 1,
                (Standing::Behind, _) if RunFolder::is_in_use(&folder) => count.running += 1,
                (Standing::Behind, _) if queued.contains(&number) => count.queued += 1,
                (Standing::Behind, Some(StatusKind::Failed | StatusKind::Crashed)) => {
                    count.failed += 1;
                }
                _ => {}
            }
        }
    }
    let Count { there, diverged, running, queued, failed, .. } = count;
    count.left = wanted.saturating_sub(there + diverged + running + queued + failed);
    count
}

//! What a stopped run has left is put in order before it goes on: the checkpoint to go on from is
//! found, and what was written after it is taken back, so that the run that goes on meets nothing of
//! a future that it has not had.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::checkpoint::list;
use super::folder::RESULTS;
use super::{Best, Checkpoint, DataSummary, RunConfig, RunFolder, Status, latest};
use crate::error::{Exit, Failure};
use crate::tensorboard::{event_files, parse, read_records};

/// The checkpoint that the run `config` in `folder`, which is trained on `data`, goes on from: the newest
/// that is whole; `None` for a run that begins. Later ones, which are damaged, are deleted, and so is a best
/// model of later.
///
/// # Errors
/// When the run has begun and its checkpoints are gone, when they are all damaged, cannot be read, or
/// are those of another configuration or of other data, when the best model is gone: nothing was deleted
/// then. When something cannot be deleted.
pub fn recover(
    folder: &RunFolder,
    config: &RunConfig,
    data: &DataSummary,
) -> Result<Option<(PathBuf, Checkpoint)>> {
    let (checkpoints, best) = (folder.checkpoints(), folder.best());
    let Some((path, checkpoint)) = latest(&checkpoints)? else {
        if let Some(evidence) = begun(folder)? {
            let what = format!("the checkpoints are gone from `{}`", checkpoints.display());
            return Err(Failure::new(Exit::Failed, what)
                .why(format!("the run has begun: {evidence}"))
                .help(
                    "put them back, or train a run of its own with --comment; --restart deletes what is \
                     left of this one and begins it anew",
                )
                .into());
        }
        folder.finish_clearing()?;
        take_back(&best, 0)?;
        return Ok(None);
    };
    let state = &checkpoint.state;
    config.refuse_another(&state.config, folder.path())?;
    // Checkpoints of before this was kept tell nothing of their data.
    if let Some(there) = &state.data {
        data.refuse_other(there, folder.path())?;
    }
    let known = match state.best {
        Some(known) => recover_best(&best, &checkpoints, known)?,
        None => Some(0),
    };
    take_back(&checkpoints, state.step)?;
    if let Some(known) = known {
        take_back(&best, known)?;
    }
    // One that was killed after its last checkpoint writes no other.
    folder.prune()?;
    folder.finish_clearing()?;
    Ok(Some((path, checkpoint)))
}

/// What says that the run in `folder`, which has no checkpoint, has had one; `None` for one that was
/// stopped in its first epoch.
///
/// A run says in its status that it has taken a step only after the checkpoint of that step. So a status
/// of step 0 is believed, whatever else is there. Without a status, which may be gone as the checkpoints
/// are, a best model or an event of a step is evidence.
fn begun(folder: &RunFolder) -> Result<Option<String>> {
    if folder.path().join(RESULTS).exists() {
        return Ok(Some(format!("its results are in `{RESULTS}`")));
    }
    // What a damaged status said is not known.
    if let Some(status) = Status::of(folder.path()).ok().flatten() {
        let steps = status.step;
        return Ok((steps > 0).then(|| format!("by its status it has taken {steps} steps")));
    }
    if !list(&folder.best())?.is_empty() {
        return Ok(Some(format!("a model is in `{}`", folder.best().display())));
    }
    for events in [folder.train(), folder.validation()] {
        if events.is_dir() && has_steps(&events)? {
            return Ok(Some(format!("there are events of its steps in `{}`", events.display())));
        }
    }
    Ok(None)
}

/// Whether an event file of the folder `events` has a summary of a step.
fn has_steps(events: &Path) -> Result<bool> {
    let unreadable = || format!("cannot read the event files in `{}`", events.display());
    for file in event_files(events).with_context(unreadable)? {
        for record in read_records(&file).with_context(unreadable)? {
            let event = parse(&record.with_context(unreadable)?.data);
            if event.is_some_and(|event| event.has_summary() && event.get_step() > 0) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Sees to it that the model of the validation `known` is in the folder `best`, and returns its step; `None`
/// where only a later one is there, which the run that goes on comes by once more.
fn recover_best(best: &Path, checkpoints: &Path, known: Best) -> Result<Option<u64>> {
    if let Some(path) = find(best, known.step)? {
        // It is needed at the end: better to know now.
        if let Err(error) = Checkpoint::load(&path) {
            match find(checkpoints, known.step)? {
                Some(copy) => drop(Checkpoint::load(&copy)?.save(best)?),
                None => return Err(error),
            }
        }
        return Ok(Some(known.step));
    }
    if let Some(copy) = find(checkpoints, known.step)? {
        // That of its own epoch is the same.
        Checkpoint::load(&copy)?.save(best)?;
        return Ok(Some(known.step));
    }
    if list(best)?.is_empty() {
        return Err(Failure::new(
            Exit::Failed,
            format!("the best model is gone from `{}`", best.display()),
        )
        .why(format!("it was that of step {}", known.step))
        .help(
            "put it back, or train a run of its own with --comment; --restart deletes this one and begins \
             it anew",
        )
        .into());
    }
    // The newest checkpoint is damaged, and its model was the best.
    Ok(None)
}

/// The checkpoint of `step` in `folder`.
fn find(folder: &Path, step: u64) -> Result<Option<PathBuf>> {
    Ok(list(folder)?.into_iter().find(|path| step_of(path) == Some(step)))
}

/// Deletes the checkpoints of steps after `last_step` in `folder`, and what a killed process has
/// written half.
fn take_back(folder: &Path, last_step: u64) -> Result<()> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let partial = files.filter(|path| path.extension() == Some(OsStr::new("partial")));
    let later = list(folder)?.into_iter().filter(|path| step_of(path) > Some(last_step));
    for path in partial.chain(later) {
        fs::remove_file(&path).with_context(|| format!("cannot delete `{}`", path.display()))?;
    }
    Ok(())
}

/// The step in a checkpoint's name.
fn step_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.strip_prefix("step-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Score;
    use crate::run::StatusKind;
    use crate::run::checkpoint::tests::checkpoint;
    use crate::run::status::STATUS;
    use crate::tensorboard::EventWriter;

    /// A checkpoint of `step` whose best validation was that of step `best`.
    fn at(step: u64, best: u64) -> Checkpoint {
        let mut checkpoint = checkpoint(step);
        let score = Score::Error { error: 0.5 };
        checkpoint.state.best = Some(Best::by_score(score, best, 1));
        checkpoint
    }

    /// A run with these checkpoints, and these in `best/`.
    fn run(checkpoints: &[Checkpoint], best: &[Checkpoint]) -> (tempfile::TempDir, RunFolder) {
        let log = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(log.path()).unwrap();
        for checkpoint in checkpoints {
            checkpoint.save(&folder.checkpoints()).unwrap();
        }
        for checkpoint in best {
            checkpoint.save(&folder.best()).unwrap();
        }
        (log, folder)
    }

    /// What those runs are trained on.
    fn data() -> DataSummary {
        checkpoint(0).state.data.unwrap()
    }

    fn steps(folder: &Path) -> Vec<u64> {
        list(folder).unwrap().iter().filter_map(|path| step_of(path)).collect()
    }

    /// The step that a run goes on from, and those that are left in `best/`.
    fn recovered(folder: &RunFolder) -> (Option<u64>, Vec<u64>) {
        let found = recover(folder, &checkpoint(0).state.config, &data()).unwrap();
        (found.map(|(_, checkpoint)| checkpoint.state.step), steps(&folder.best()))
    }

    #[test]
    fn killed_between_the_best_model_and_the_checkpoint() {
        let (_log, folder) = run(&[], &[at(10, 10)]);
        folder.write_json(STATUS, &Status::NOT_BEGUN).unwrap();
        assert_eq!(recovered(&folder), (None, vec![]));
        let (_log, folder) = run(&[at(10, 10)], &[at(10, 10), at(20, 20)]);
        assert_eq!(recovered(&folder), (Some(10), vec![10]));
    }

    #[test]
    fn killed_before_the_older_ones_were_deleted() {
        let (_log, folder) = run(&[at(10, 10), at(20, 20), at(30, 30)], &[at(20, 20), at(30, 30)]);
        assert_eq!(recovered(&folder), (Some(30), vec![30]));
        assert_eq!(steps(&folder.checkpoints()), [20, 30]);
    }

    #[test]
    fn a_damaged_checkpoint_is_not_met_again() {
        let (_log, folder) = run(&[at(20, 20), at(30, 30)], &[at(30, 30)]);
        let damaged = find(&folder.checkpoints(), 30).unwrap().unwrap();
        fs::write(damaged.with_added_extension("partial"), "half").unwrap();
        fs::write(damaged, "torn").unwrap();
        // The best model of then is in the checkpoint.
        assert_eq!(recovered(&folder), (Some(20), vec![20]));
        assert_eq!(fs::read_dir(folder.checkpoints()).unwrap().count(), 1);

        // It is nowhere, but the run comes by a better one.
        let (_log, folder) = run(&[at(20, 10), at(30, 30)], &[at(30, 30)]);
        fs::write(find(&folder.checkpoints(), 30).unwrap().unwrap(), "torn").unwrap();
        assert_eq!(recovered(&folder), (Some(20), vec![30]));
    }

    /// A validation that was done twice: the second time it was the best, and its checkpoint was not written.
    #[test]
    fn the_best_model_that_the_checkpoint_knows_is_kept() {
        let (_log, folder) = run(&[at(20, 10)], &[at(10, 10), at(20, 20)]);
        assert_eq!(recovered(&folder), (Some(20), vec![10]));
    }

    /// Refused first, deleted later.
    #[test]
    fn what_is_refused_is_left_as_it_is() {
        let damaged = |folder: &RunFolder| {
            fs::write(find(&folder.checkpoints(), 30).unwrap().unwrap(), "torn").unwrap();
        };
        let (_log, folder) = run(&[at(20, 20), at(30, 30)], &[at(20, 20), at(30, 30)]);
        damaged(&folder);
        let other = DataSummary { sha256: "4567".into(), ..data() };
        let error = recover(&folder, &checkpoint(0).state.config, &other).unwrap_err().to_string();
        assert!(error.contains("was trained on other data"), "{error}");
        assert_eq!(
            (steps(&folder.checkpoints()), steps(&folder.best())),
            (vec![20, 30], vec![20, 30])
        );

        let (_log, folder) = run(&[at(20, 10), at(30, 30)], &[]);
        damaged(&folder);
        let error = recover(&folder, &checkpoint(0).state.config, &data()).unwrap_err().to_string();
        assert!(error.contains("the best model is gone"), "{error}");
        assert_eq!(steps(&folder.checkpoints()), [20, 30]);
    }

    #[test]
    fn a_best_model_that_is_gone_is_missed_at_once() {
        let (_log, folder) = run(&[at(20, 10)], &[]);
        let error = recover(&folder, &checkpoint(0).state.config, &data()).unwrap_err().to_string();
        assert!(error.contains("the best model is gone"), "{error}");
    }

    /// Whatever is left of a run that had checkpoints, it does not begin anew without a word, and nothing
    /// is deleted.
    #[test]
    fn checkpoints_that_are_gone_are_missed() {
        let status = |step| Status { step, state: StatusKind::Interrupted, ..Status::NOT_BEGUN };
        type Leave = fn(&RunFolder);
        let left: [(&str, Leave, u64); 5] = [
            ("results.json", |run| run.write_json("results.json", &1).unwrap(), 0),
            ("has taken 20 steps", |_| (), 20),
            ("best", |run| fs::remove_file(run.path().join(STATUS)).unwrap(), 0),
            ("best", |run| fs::write(run.path().join(STATUS), "torn").unwrap(), 0),
            (
                "validation",
                |run| {
                    fs::remove_file(run.path().join(STATUS)).unwrap();
                    fs::remove_dir_all(run.best()).unwrap();
                    let mut events = EventWriter::create(&run.validation()).unwrap();
                    events.scalar(10, "error", 1.0).unwrap();
                    events.flush().unwrap();
                },
                0,
            ),
        ];
        for (needle, leave, step) in left {
            let (_log, folder) = run(&[], &[at(10, 10)]);
            folder.write_json(STATUS, &status(step)).unwrap();
            leave(&folder);
            let before = steps(&folder.best());
            let error =
                recover(&folder, &checkpoint(0).state.config, &data()).unwrap_err().to_string();
            assert!(error.contains("the checkpoints are gone from"), "{error}");
            assert!(error.contains(needle) && error.contains("--restart"), "{needle}: {error}");
            assert_eq!(steps(&folder.best()), before, "{needle}");
        }
    }

    /// Killed anywhere in `RunFolder::clear`, a run goes on or begins: it is not refused.
    #[test]
    fn a_run_that_was_being_deleted_begins() {
        let (_log, folder) = run(&[], &[at(10, 10), at(20, 20)]);
        folder.write_json(STATUS, &Status::NOT_BEGUN).unwrap();
        fs::create_dir(folder.path().join("deleted")).unwrap();
        assert_eq!(recovered(&folder), (None, vec![]));
    }

    #[test]
    fn checkpoints_of_another_run_are_refused() {
        let (_log, folder) = run(&[at(20, 20)], &[at(20, 20)]);
        let other = RunConfig { batch_size: 7, ..checkpoint(0).state.config };
        let error = recover(&folder, &other, &data()).unwrap_err().to_string();
        assert!(error.contains("batch_size: 2 there, 7 now"), "{error}");
    }
}

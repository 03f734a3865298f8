//! How a run begins: what it has reached, and the parameters, slots and counters that it begins with.
//!
//! The first of these that applies:
//!
//! 1. **finished**: its results are recorded and nothing is left to do. They are returned; nothing is read
//!    or trained.
//! 2. **resumed**: it has a checkpoint. Parameters, slots, step and best validation are the checkpoint's, on
//!    the same data.
//! 3. **pretrained**: the configuration names weights (`--checkpoint_path`). Those that fit are loaded, the
//!    other parameters are drawn from the seed.
//! 4. **fresh**: all parameters are drawn from the seed.
//!
//! `--restart` deletes the run first, and so leaves 3 and 4. In 2 the pretrained weights are not read again:
//! what they were is in the checkpoint. All that can fail without the run's folder comes before the folder
//! is made, and before anything is deleted.

use std::path::Path;

use anyhow::Result;

use super::other_pixels::warn_of_other_pixels;
use super::{Learner, TrainOptions};
use crate::error::{Exit, Failure};
use crate::run::{self, DataSummary, RunConfig, RunFolder, RunResult, State, Status, StatusFile};
use crate::util::stderr::message;

/// A run that may be trained: its folder, which is locked and the first rank's alone, and where it stands.
pub(super) struct Beginning {
    pub folder: Option<RunFolder>,
    pub learner: Learner,
    pub state: State,
}

/// Case 1: what the run at `path` has reached, if it is finished and has nothing left to do.
pub(super) fn already_finished(
    config: &RunConfig,
    options: &TrainOptions,
    path: &Path,
) -> Result<Option<RunResult>> {
    if options.restart {
        return Ok(None);
    }
    refuse_another(config, path)?;
    let reached = || -> Result<Option<RunResult>> {
        let result = RunResult::at(path).unwrap_or_else(|error| {
            message(&format!("warning: {error}\nnote: the test is done once more"));
            None
        });
        let status = Status::of(path).ok().flatten();
        let Some(result) = result else { return Ok(None) };
        if let Some(status) = status.filter(|status| status.epochs > result.epochs) {
            // It went on, and its best model is another one now.
            return match config.epochs < status.epochs {
                true => Err(went_on(config, &status, path)),
                false => Ok(None),
            };
        }
        // One that was counted by another measure says nothing.
        let there = RunFolder::config_at(path)?;
        let is_same = there.is_some_and(|there| there.min_delta == config.min_delta);
        let improved = result.improved.filter(|_| is_same);
        Ok(config.is_over(result.epochs, Some(result.best), improved).then_some(result))
    };
    if reached()?.is_none() {
        return Ok(None);
    }
    let folder = RunFolder::open(path)?;
    // Once more: another process may have gone on meanwhile.
    let Some(result) = reached()? else { return Ok(None) };
    StatusFile::finished(&folder, &result)?;
    let more = match result.epochs < config.epochs {
        // Early stopping.
        true if config.min_delta > 0.0 => "more --patience or less --min_delta goes on",
        true => "more --patience goes on",
        false => "more --epochs go on",
    };
    message(&format!("note: this run is finished; --restart trains it anew, {more}"));
    if let (Some(there), Some(now)) = (RunFolder::kept_data_dir(path), &options.source.data_dir)
        && now.canonicalize().ok().as_ref() != Some(&there)
    {
        let (there, now) = (there.display(), now.display());
        message(&format!(
            "note: it was trained on the data in `{there}`; those in `{now}` were not read"
        ));
    }
    Ok(Some(result))
}

/// Fewer epochs are asked for than the run at `path` has trained since it was finished.
fn went_on(config: &RunConfig, status: &Status, path: &Path) -> anyhow::Error {
    let what = format!("`--epochs {}`: the run has trained {}", config.epochs, status.epochs);
    Failure::new(Exit::Failed, what)
        .why(format!("`{}` was finished once, and went on", path.display()))
        .help(format!(
            "--epochs {} or more ends it; --comment trains a run of fewer epochs of its own",
            status.epochs
        ))
        .into()
}

/// Cases 2 to 4: the run `config` on `data`, in its folder at `path`.
pub(super) fn initialize(
    config: &RunConfig,
    options: &TrainOptions,
    path: &Path,
    data: &DataSummary,
) -> Result<Beginning> {
    let mut learner = Learner::new(config, data, &options.train_devices[0], &options.eval_device)?;
    // Before the folder is made: where the weights cannot be had, nothing is.
    let may_be_new = options.restart || RunFolder::checkpoints_at(path)?.is_empty();
    let mut loaded = if may_be_new { learner.load_pretrained(config)? } else { None };

    let folder = RunFolder::open(path)?;
    if options.restart {
        folder.clear()?;
    } else {
        // Once more: another process may have begun it meanwhile.
        refuse_another(config, path)?;
    }
    if let Some((from, checkpoint)) = run::recover(&folder, config, data)? {
        let state = learner.resume(checkpoint, &from, config, data)?;
        return Ok(Beginning { folder: Some(folder), learner, state });
    }
    if !may_be_new {
        // Another process deleted the checkpoints meanwhile.
        loaded = learner.load_pretrained(config)?;
    }
    if let (Some((loaded, theirs)), Some(from)) = (loaded, &config.pretrained) {
        let from = from.checkpoint_path.display();
        message(&format!("weights of `{from}`\n{loaded}"));
        if let Some(theirs) = theirs {
            warn_of_other_pixels(config, data, &theirs);
        }
    }
    let state = State::new(config.clone(), data.clone());
    Ok(Beginning { folder: Some(folder), learner, state })
}

/// Fails when the run that lives at `path` is not the run `config`.
fn refuse_another(config: &RunConfig, path: &Path) -> Result<()> {
    RunFolder::config_at(path)?.map_or(Ok(()), |there| config.refuse_another(&there, path))
}

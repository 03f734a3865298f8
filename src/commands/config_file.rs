//! `--config FILE`: the configuration of a run that is to be trained once more.
//!
//! The file is a run's `config.json`, or one like it. It may come from anywhere, so its values are
//! checked as those of flags are. Flags beside it count more than what it says.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::values::{self, MOST_EPOCHS};
use crate::data::image_file::LONGEST;
use crate::error::{Exit, Failure};
use crate::inputs::INPUTS;
use crate::models::MODELS;
use crate::nn::Kind;
use crate::optim::Arguments;
use crate::registry;
use crate::run::{LearningRateDecay, RunConfig, Schedule};

/// The most bytes of a file; a run's has a thousand.
const MOST: u64 = 1 << 20;

/// The configuration in the file `path`, of a model of this `kind`, or of any.
///
/// # Errors
/// [`Exit::Usage`] where it cannot be read or describes no run.
pub(super) fn read(path: &Path, kind: Option<Kind>) -> Result<RunConfig> {
    let config = parse(path).and_then(|mut config| check(&mut config).map(|()| config));
    let wrong = || Failure::new(Exit::Usage, format!("`--config {}`", path.display()));
    let config = config.map_err(|error| {
        let help = "give the config.json of a run, as log/SingleLayerCAE/.../config.json";
        wrong().why(format!("{error:#}")).help(help)
    })?;
    if let Some(kind) = kind
        && registry::kind(&config.model)? != kind
    {
        let (is, program) = match kind {
            Kind::Autoencoder => ("autoencoder", "train_classifier"),
            Kind::Classifier => ("classifier", "train_autoencoder"),
        };
        let why = format!("its model, {}, is no {is}", config.model);
        return Err(wrong().why(why).help(format!("{program} trains it")).into());
    }
    Ok(config)
}

fn parse(path: &Path) -> Result<RunConfig> {
    let mut json = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut json)?;
    ensure!(json.len() as u64 <= MOST, "it has more than {MOST} bytes");
    Ok(serde_json::from_slice(&json)?)
}

/// Checks what the flags' parsers check, and fills the optimizer's defaults in.
fn check(config: &mut RunConfig) -> Result<()> {
    let known = |name: &str, there: bool| {
        ensure!(there, "there is no `{name}`");
        Ok(())
    };
    known(&config.model, MODELS.iter().any(|(name, _)| *name == config.model))?;
    known(&config.dataset, INPUTS.iter().any(|(name, _)| *name == config.dataset))?;
    let entry = config.optimizer_entry()?;
    let given = config.optimizer_args.iter().map(|(name, value)| (name.to_owned(), value.clone()));
    config.optimizer_args = Arguments::new(entry, given.collect())?;
    config.optimizer = entry.name.to_owned();
    ensure!(config.batch_size > 0, "batch_size is 0");
    let epochs = config.epochs;
    ensure!((1..=MOST_EPOCHS).contains(&epochs), "epochs: 1 to {MOST_EPOCHS}, not {epochs}");
    ensure!(config.patience != Some(0), "patience is 0");
    if let Some(classes) = &config.classes {
        let increase = classes.is_sorted_by(|one, next| one < next);
        ensure!(!classes.is_empty() && increase, "classes: one or more, increasing");
    }
    let l2_penalty = config.l2_penalty;
    ensure!(l2_penalty.is_finite() && l2_penalty >= 0.0, "l2_penalty: 0 or more, not {l2_penalty}");
    check_schedule(&config.lr_schedule)?;
    if let Some(comment) = &config.comment {
        values::comment(comment).map_err(anyhow::Error::msg).context("comment")?;
    }
    let sides = config.image_size.iter().flatten();
    for side in sides {
        ensure!((1..=LONGEST).contains(side), "image_size: 1 to {LONGEST}, not {side}");
    }
    Ok(())
}

fn check_schedule(schedule: &Schedule) -> Result<()> {
    let Some(LearningRateDecay { epochs, factor }) = schedule.shape.decay() else { return Ok(()) };
    ensure!((1..=MOST_EPOCHS).contains(&epochs), "lr_schedule decays in {epochs} epochs");
    ensure!(factor.is_finite() && factor >= 0.0, "lr_schedule decays by {factor}");
    Ok(())
}

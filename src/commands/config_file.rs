//! `--config FILE`: the configuration of a run that is to be trained once more.
//!
//! The file is a run's `config.json`, or one like it. It may come from anywhere: its values are
//! [validated](crate::train::config) as those of flags are. Flags override it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Result, ensure};

use crate::error::{Exit, Failure};
use crate::models::MODELS;
use crate::nn::Kind;
use crate::registry;
use crate::run::RunConfig;

/// The most bytes of a file; a run's has a thousand.
const MAX_BYTES: u64 = 1 << 20;

/// The configuration in the file `path`, of a model of this `kind`, or of any.
///
/// # Errors
/// [`Exit::Usage`] where it cannot be read or describes no run.
pub(super) fn read(path: &Path, kind: Option<Kind>) -> Result<RunConfig> {
    let config = parse(path).map_err(|error| wrong(path, &error))?;
    known_model(&config.model).map_err(|error| wrong(path, &error))?;
    if let Some(kind) = kind
        && registry::kind(&config.model)? != kind
    {
        let (is, program) = match kind {
            Kind::Autoencoder => ("autoencoder", "train_classifier"),
            Kind::Classifier => ("classifier", "train_autoencoder"),
        };
        let why = format!("its model, {}, is no {is}", config.model);
        let what = format!("`--config {}`", path.display());
        return Err(Failure::new(Exit::Usage, what)
            .why(why)
            .help(format!("{program} trains it"))
            .into());
    }
    Ok(config)
}

/// Fails unless there is a model `name`.
fn known_model(name: &str) -> Result<()> {
    ensure!(MODELS.iter().any(|(known, _)| *known == name), "there is no `{name}`");
    Ok(())
}

fn parse(path: &Path) -> Result<RunConfig> {
    let mut json = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut json)?;
    ensure!(json.len() as u64 <= MAX_BYTES, "it has more than {MAX_BYTES} bytes");
    Ok(serde_json::from_slice(&json)?)
}

/// The error of `--config path`, `why` it describes no run.
pub(super) fn wrong(path: &Path, why: &anyhow::Error) -> Failure {
    Failure::new(Exit::Usage, format!("`--config {}`", path.display()))
        .why(format!("{why:#}"))
        .help("give the config.json of a run, as log/SingleLayerCAE/.../config.json")
}

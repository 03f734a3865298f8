//! What only files know of a run: its data, its weights, its folder.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::partial::{Classes, NamedWeights};
use super::validate::ValidRunConfig;
use crate::data::{Identity, Source, subset};
use crate::error::{Exit, Failure};
use crate::registry;
use crate::run::{Pretrained, RunConfig, RunFolder};
use crate::train::pretrained;

impl ValidRunConfig {
    /// The run on the data that are where `source` says, in the folder that `folder_of` gives it. The run that
    /// is there already has the seed, where none was given, unless it is to be deleted first (`restart`).
    ///
    /// # Errors
    /// When the data cannot be opened or are others than the file says, a class is not theirs, the weights
    /// cannot be read, or the folder's configuration is damaged.
    pub fn resolve(
        self,
        source: &Source,
        restart: bool,
        folder_of: impl FnOnce(&RunConfig) -> PathBuf,
    ) -> Result<RunConfig> {
        let Self { mut config, data, classes, weights, seed_is_drawn } = self;
        let source = Source { image_size: config.image_size, ..source.clone() };
        let dataset = registry::dataset(&config.dataset, &source)?;
        config.data = dataset.identity();
        if let Some(wanted) = data.filter(|wanted| *wanted != config.data) {
            return Err(other_data(&config.dataset, wanted.as_ref(), config.data.as_ref()));
        }
        // What only the images say of a flag, before anything is trained.
        if let Some(augment) = &config.augment {
            augment.refuse_larger(dataset.shape())?;
        }
        config.normalize.refuse_channels(dataset.shape()[0])?;
        config.classes = match classes {
            Some(Classes::Names(names)) => subset::labels_of(Some(&names), &*dataset)?,
            Some(Classes::Labels(labels)) => Some(labels),
            None => None,
        };
        let folder = folder_of(&config);
        let there = if restart { None } else { RunFolder::config_at(&folder)? };
        if let Some(weights) = weights {
            config.pretrained = Some(weights.read(there.as_ref())?);
        }
        if let Some(there) = there.filter(|_| seed_is_drawn) {
            config.seed = there.seed;
        }
        Ok(config)
    }
}

impl NamedWeights {
    /// The weights with their checksum. A run that goes on, whose configuration is `there`, does not need them
    /// any more: where they are gone, they were what they were.
    fn read(self, there: Option<&RunConfig>) -> Result<Pretrained> {
        let Self { checkpoint_path, exclude_scopes } = self;
        let path: &Path = &checkpoint_path;
        let known = there.and_then(|there| there.pretrained.as_ref());
        let known = known.filter(|known| known.checkpoint_path == path && !path.exists());
        let sha256 = match known {
            Some(known) => known.sha256.clone(),
            None => pretrained::read(path)?.weights.sha256(),
        };
        Ok(Pretrained { checkpoint_path, sha256, exclude_scopes })
    }
}

/// The data of `dataset` that are there are not those that are `wanted`.
fn other_data(dataset: &str, wanted: Option<&Identity>, there: Option<&Identity>) -> anyhow::Error {
    let text = |data: Option<&Identity>| {
        data.map_or("none".to_owned(), |data| format!("{} ({})", data.name, data.fingerprint))
    };
    Failure::new(Exit::Failed, "these are not the pictures of the run in --config")
        .why(format!("{} there, {} now", text(wanted), text(there)))
        .help(format!("name theirs with --data_dir; --dataset {dataset} takes these"))
        .into()
}

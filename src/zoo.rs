//! The plug-ins by name.

use anyhow::Result;

use crate::inputs::INPUTS;
use crate::models::MODELS;
use crate::{Autoencoder, Dataset, Exit, Failure, Init, Model, Source};

/// The autoencoder `name` for images of `shape` `[channels, height, width]`.
///
/// # Errors
/// When there is none of that name, or the images do not suit it.
pub fn autoencoder(name: &str, shape: [usize; 3], init: &mut Init) -> Result<Box<dyn Autoencoder>> {
    let Model::Autoencoder(build) = find(MODELS, "model", name)?;
    build(shape, init)
}

/// The data set `name`, with its files where `source` says; nothing is read yet.
///
/// # Errors
/// When there is none of that name.
pub fn dataset(name: &str, source: &Source) -> Result<Box<dyn Dataset>> {
    find(INPUTS, "data set", name)?(source)
}

/// The row of `table` called `name`.
fn find<T: Copy>(table: &[(&str, T)], kind: &str, name: &str) -> Result<T> {
    let row = table.iter().find(|(candidate, _)| *candidate == name);
    row.map(|(_, entry)| *entry).ok_or_else(|| {
        let names: Vec<_> = table.iter().map(|(name, _)| *name).collect();
        Failure::new(Exit::Usage, format!("there is no {kind} `{name}`"))
            .why(format!("there are: {}", names.join(", ")))
            .into()
    })
}

//! The plug-ins by name.

use anyhow::Result;

use crate::data::checked_dataset::Checked;
use crate::data::image_file::LONGEST;
use crate::data::{Dataset, Source};
use crate::error::{Exit, Failure};
use crate::inputs::INPUTS;
use crate::models::MODELS;
use crate::nn::{Kind, Model};

/// How to build the model `name`.
///
/// # Errors
/// When there is none of that name.
pub fn model(name: &str) -> Result<Model> {
    find(MODELS, "model", name)
}

/// What the model `name` is trained for.
///
/// # Errors
/// When there is none of that name.
pub fn kind(name: &str) -> Result<Kind> {
    Ok(model(name)?.kind())
}

/// The data set `name`, with its files where `source` says; no images are read yet.
///
/// # Errors
/// When there is none of that name, it cannot be opened or is wrong, or it has images of one
/// size alone and `source` asks for a size.
pub fn dataset(name: &str, source: &Source) -> Result<Box<dyn Dataset>> {
    let dataset = open(name, source)?;
    if source.image_size.is_some() && !dataset.resizes() {
        let [_, height, width] = dataset.shape();
        return Err(Failure::new(Exit::Usage, format!("`--image_size` with `--dataset {name}`"))
            .why(format!("its images are {height}x{width}, and stay so"))
            .help("leave the flag out; it is for data sets whose pictures have any size")
            .into());
    }
    Ok(Box::new(dataset))
}

/// The same for a model that takes images of `shape` `[channels, height, width]`: in that size, grey or
/// in colours, if the data set resizes.
///
/// # Errors
/// When there is none of that name, or it cannot be opened or is wrong.
pub fn dataset_of_shape(
    name: &str,
    source: &Source,
    [channels, height, width]: [usize; 3],
) -> Result<Box<dyn Dataset>> {
    // A checkpoint may say anything; nothing is scaled to more than that.
    let possible = [height, width].iter().all(|side| (1..=LONGEST).contains(side));
    let image_size = possible.then_some([height, width]);
    let channels = Some(channels);
    Ok(Box::new(open(name, &Source { image_size, channels, ..source.clone() })?))
}

fn open(name: &str, source: &Source) -> Result<Checked> {
    Checked::new(name, source, find(INPUTS, "data set", name)?(source))
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

/// How many rows all `lists` have.
pub(crate) const fn count<T>(lists: &[&[(&str, T)]]) -> usize {
    let (mut list, mut rows) = (0, 0);
    while list < lists.len() {
        rows += lists[list].len();
        list += 1;
    }
    rows
}

/// The rows of all `lists`, which are `ROWS`, in one table.
///
/// # Panics
/// When there is none.
pub(crate) const fn joined<T: Copy, const ROWS: usize>(
    lists: &[&[(&'static str, T)]],
) -> [(&'static str, T); ROWS] {
    let mut rows = [lists[0][0]; ROWS];
    let (mut list, mut row) = (0, 0);
    while list < lists.len() {
        let mut at = 0;
        while at < lists[list].len() {
            rows[row] = lists[list][at];
            (row, at) = (row + 1, at + 1);
        }
        list += 1;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In upper or lower case: `--model lenet` is LeNet.
    #[test]
    fn names_are_unique() {
        let models = MODELS.iter().map(|(name, _)| *name);
        let inputs = INPUTS.iter().map(|(name, _)| *name);
        for names in [models.collect::<Vec<_>>(), inputs.collect()] {
            let mut lower: Vec<_> = names.iter().map(|name| name.to_lowercase()).collect();
            lower.sort();
            assert!(lower.windows(2).all(|pair| pair[0] != pair[1]), "one name twice: {names:?}");
        }
    }
}

//! Warns of images that are validated or tested on and trained on, too: what a model knows by heart is no measure of
//! it. Nothing is changed or left out: the run is the one that was asked for.

use anyhow::Result;

use super::TrainOptions;
use crate::data::duplicates::{Catalogue, Copied};
use crate::data::{Examples, Split, ValidationSplit};
use crate::run::RunConfig;
use crate::util::shell::quoted;
use crate::util::stderr::message;

/// Pairs in the warning; the others are counted.
const SHOWN: usize = 3;

/// How many of the examples `other`, those of `split`, are in `train` as well, byte for byte; warns of them.
///
/// # Errors
/// Where an image cannot be read.
pub(super) fn warn(
    config: &RunConfig,
    options: &TrainOptions,
    (train, other): (&Examples, &Examples),
    split: Split,
) -> Result<usize> {
    let copies = Catalogue::of(train)?.copies_in(&Catalogue::of(other)?)?;
    let count = copies.len();
    if count == 0 {
        return Ok(0);
    }
    let pair = |Copied { index, of }: &Copied| {
        format!("{} = train {}", called(other, *index), called(train, *of))
    };
    let pairs: Vec<_> = copies.iter().take(SHOWN).map(pair).collect();
    let more = if count > SHOWN { ", ..." } else { "" };
    let images = if count == 1 { "image is" } else { "images are" };
    message(&format!(
        "warning: {count} {} {images} among the training images too ({} {}{more}): a score on what the model has \
         seen says too much; `{}` shows them",
        split.name(),
        split.name(),
        pairs.join(", "),
        command(config, options)
    ));
    Ok(count)
}

/// The example's name, or its number.
fn called(examples: &Examples, index: usize) -> String {
    let name = examples.name(index);
    let plain = |name: &str| name.replace(|c: char| c.is_control(), "?");
    name.map_or_else(|| index.to_string(), plain)
}

/// The command that shows the data of the run `config`.
fn command(config: &RunConfig, options: &TrainOptions) -> String {
    let mut words = format!("dytb data --dataset {}", config.dataset);
    if let Some(folder) = &options.source.data_dir {
        words += &format!(" --data_dir {}", quoted(&folder.display().to_string()));
    }
    if let Some([height, width]) = config.image_size {
        words += &format!(" --image_size {height}x{width}");
    }
    if let Some(classes) = &config.classes {
        let labels: Vec<_> = classes.iter().map(u32::to_string).collect();
        words += &format!(" --classes {}", labels.join(","));
    }
    if let Some(ValidationSplit::Share { share, split_seed }) = config.validation_split {
        words += &format!(" --validation_split {share} --split_seed {split_seed}");
    }
    words
}

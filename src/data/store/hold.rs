//! Decides where the images of a split are: the only place that does.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::decode::{Decoded, into_file, into_memory};
use super::folder::Place;
use super::memory::Memory;
use super::source::{ImageSource, OnDemand};
use crate::data::left_out::{LeftOut, tell_of};
use crate::data::{Examples, Split};
use crate::error::{Exit, Failure};
use crate::util::hex::hex;

/// Where examples come from, for people.
pub(crate) struct Origin<'a> {
    /// The data set's name.
    pub dataset: &'a str,
    /// Which part of it.
    pub split: Split,
    /// The folder that the user has named for its files, if one was.
    pub folder: Option<&'a Path>,
}

/// `examples` with their images in `memory` if they fit, else in a file of the store, and those that cannot be read:
/// they are left out, and told of.
///
/// # Errors
/// [`Exit::Failed`] where the file cannot be written; [`Exit::Unavailable`] where there is no folder for it, or no
/// image can be read.
pub(crate) fn hold(
    examples: Examples,
    memory: &Arc<Memory>,
    origin: &Origin<'_>,
) -> Result<(Examples, Vec<LeftOut>)> {
    let Some(source) = examples.only_source().cloned() else { return Ok((examples, Vec::new())) };
    let count = examples.len();
    let lease = memory.take(count as u64 * examples.image_bytes() as u64);
    let what = format!("{}, {}", origin.dataset, origin.split.name());
    let decoded = match (&*source, lease) {
        (ImageSource::Stored(_), _) => return Ok((examples, Vec::new())),
        (ImageSource::Memory(images), Some(lease)) => {
            let _ = images.lease.set(lease);
            return Ok((examples, Vec::new()));
        }
        (ImageSource::OnDemand(images), Some(lease)) => into_memory(images, count, lease, &what),
        (ImageSource::OnDemand(images), None) => {
            into_file(images, count, &origin.place(images, count, examples.shape())?, &what)?
        }
        (ImageSource::Memory(images), None) => {
            let images = OnDemand {
                fingerprint: hex(&Sha256::digest(&images.bytes)),
                size: images.size,
                decoder: Box::new(move |index: usize| match &*source {
                    ImageSource::Memory(images) => Ok(images.image(index).to_vec()),
                    _ => Err("it is in memory no more".to_owned()),
                }),
            };
            into_file(&images, count, &origin.place(&images, count, examples.shape())?, &what)?
        }
    };
    let left_out = origin.told(&examples, &decoded);
    match (decoded.kept.is_empty(), decoded.left_out.first()) {
        (true, Some((_, why))) => Err(origin.nothing(count, why).into()),
        _ => Ok((examples.at(decoded.source, &decoded.kept)?, left_out)),
    }
}

impl Origin<'_> {
    /// The file for the `count` images of `shape` that `source` gives.
    fn place(&self, source: &OnDemand, count: usize, shape: [usize; 3]) -> Result<Place, Failure> {
        Place::of([self.dataset, self.split.name()], &source.fingerprint, count, shape)
    }

    /// Which of the `examples` are left out, of which it tells.
    fn told(&self, examples: &Examples, decoded: &Decoded) -> Vec<LeftOut> {
        let folder = self.folder.unwrap_or(Path::new(""));
        let path = |index: usize| match examples.name(index) {
            Some(name) => folder.join(name),
            None => PathBuf::from(format!("image {index}")),
        };
        let left_out = decoded.left_out.iter();
        let left_out: Vec<_> =
            left_out.map(|(index, why)| LeftOut { path: path(*index), why: why.clone() }).collect();
        tell_of(&left_out, self.dataset, folder, self.split.name());
        left_out
    }

    /// None of `count` images can be read, the first one for the reason `why`.
    fn nothing(&self, count: usize, why: &str) -> Failure {
        let what = match self.folder {
            Some(folder) => format!("{} cannot use `{}`", self.dataset, folder.display()),
            None => format!("{} cannot be used", self.dataset),
        };
        let none = format!("none of its {count} images for {} can be read", self.split.purpose());
        Failure::new(Exit::Unavailable, what).why(format!("{none}; of the first one: {why}"))
    }
}

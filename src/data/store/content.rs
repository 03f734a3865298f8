//! The SHA-256 of what a run is trained on, kept for images that are in a file.
//!
//! It is over the labels (u32, little-endian) and then the pixels of the training examples, then of the validation
//! examples, in their order. Of images in a file it is computed once: what it is is kept beside them, under a key that
//! is a hash of the labels, of the bytes of the images in memory, and of the digest of the file and the number there of
//! the others. The digest has the checksums of all images in it, and what is read is held against these.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::bar::bar;
use super::folder::store_folder;
use super::source::ImageSource;
use crate::data::Examples;
use crate::util::atomic_file::write_atomically;
use crate::util::hex::hex;

/// The SHA-256 of the labels and pixels of all `parts`, in lower-case hexadecimal digits.
///
/// # Errors
/// Where an image cannot be read, or is damaged.
pub(crate) fn content_sha256(parts: [&Examples; 2]) -> Result<String> {
    if parts.iter().all(|part| part.are_in_memory()) {
        return computed(parts);
    }
    let kept = kept_at(parts)?;
    let known = kept.as_ref().and_then(|path| fs::read_to_string(path).ok());
    if let Some(known) = known.filter(|text| is_sha256(text)) {
        return Ok(known);
    }
    let sha256 = computed(parts)?;
    if let Some(path) = kept {
        // The next run would compute it again: no reason not to train.
        let _ = write_atomically(&path, sha256.as_bytes());
    }
    Ok(sha256)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn computed(parts: [&Examples; 2]) -> Result<String> {
    let mut hash = Sha256::new();
    let bar = match parts.iter().all(|part| part.are_in_memory()) {
        true => indicatif::ProgressBar::hidden(),
        false => bar("SHA-256 of the data", parts.iter().map(|part| part.len()).sum()),
    };
    for part in parts {
        part.labels().iter().for_each(|label| hash.update(label.to_le_bytes()));
        for index in 0..part.len() {
            hash.update(&part.image(index)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(hex(&hash.finalize()))
}

/// Where it is kept, if the user has a cache folder.
fn kept_at(parts: [&Examples; 2]) -> Result<Option<PathBuf>> {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        for (index, label) in part.labels().iter().enumerate() {
            hash.update(label.to_le_bytes());
            match part.place(index) {
                (ImageSource::Stored(images), place) => {
                    hash.update(images.digest());
                    hash.update((place as u64).to_le_bytes());
                }
                _ => hash.update(&part.image(index)?),
            }
        }
    }
    let name = format!("{}.sha256", &hex(&hash.finalize())[..32]);
    Ok(store_folder().map(|folder| folder.join(name)))
}

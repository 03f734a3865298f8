//! What of a folder of pictures is not used: some of it on stderr, pictures first, and all of it in a
//! file of the user's cache folder.

use crate::util::hex::hex;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::files::cache;
use crate::util::atomic_file::write_atomically;
use crate::util::stderr::message;

/// Names in a list of what is left out; the others are counted.
const SHOWN: usize = 5;

/// The ends of names of pictures, also of those that are not read.
const PICTURES: [&str; 20] = [
    "avif", "bmp", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "jxl", "pam", "pbm", "pgm",
    "png", "pnm", "ppm", "svg", "tif", "tiff", "webp",
];

/// A file or folder that is not used.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// Where it is.
    pub path: PathBuf,
    /// Why it is not, in a few words.
    pub why: String,
}

impl LeftOut {
    /// Whether somebody would call it a picture.
    fn is_named_like_a_picture(&self) -> bool {
        let end = self.path.extension().map(|end| end.to_string_lossy().to_lowercase());
        end.is_some_and(|end| PICTURES.contains(&end.as_str()))
    }

    /// In one line, whatever the name.
    fn line(&self) -> String {
        let path = self.path.display().to_string();
        format!("{}: {}", path.replace(|c: char| c.is_control(), "?"), self.why)
    }
}

/// Tells of what is left out of the data set `dataset` in `folder`; `part` says of which of its
/// lists. The whole list, if it is longer than what is told, is in a file of the user's cache folder,
/// unless that cannot be written: nothing depends on it.
pub fn tell_of(left_out: &[LeftOut], dataset: &str, folder: &Path, part: &str) {
    if left_out.is_empty() {
        return;
    }
    let mut sorted: Vec<_> = left_out.iter().collect();
    sorted.sort_by_key(|left_out| !left_out.is_named_like_a_picture());
    message(&format!("note: left out, {} in all:", sorted.len()));
    sorted.iter().take(SHOWN).for_each(|left_out| message(&format!("  {}", left_out.line())));
    if sorted.len() > SHOWN {
        let more = format!("  and {} more", sorted.len() - SHOWN);
        match written(&sorted, dataset, folder, part) {
            Some(path) => message(&format!("{more}; the whole list: {}", path.display())),
            None => message(&more),
        }
    }
}

/// The file with the whole list, one for each folder and part.
fn written(left_out: &[&LeftOut], dataset: &str, folder: &Path, part: &str) -> Option<PathBuf> {
    let whole = folder.canonicalize().unwrap_or(folder.to_owned());
    let hash = Sha256::new().chain_update(whole.as_os_str().as_encoded_bytes());
    let hash = hex(&hash.chain_update([0]).chain_update(part).finalize()[..8]);
    let path = cache(dataset)?.join(format!("left_out_{hash}.txt"));
    let text = left_out.iter().fold(String::new(), |mut text, left_out| {
        let _ = writeln!(text, "{}", left_out.line());
        text
    });
    std::fs::create_dir_all(path.parent()?).ok()?;
    write_atomically(&path, text.as_bytes()).ok()?;
    Some(path)
}

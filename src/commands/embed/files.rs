//! The files of `embed --output` and `--labels`.
//!
//! ```text
//! --output e.npy      [images, ...] of 32-bit numbers
//! --output e.csv      image,class,v0,v1,...
//! --labels l.csv      image,class
//! ```

use std::path::Path;

use anyhow::Result;

use crate::train::{Album, Embedding};
use crate::util::atomic_file::write_atomically;
use crate::util::csv::to_csv;
use crate::util::npy::to_npy;

/// How vectors are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Format {
    Npy,
    Csv,
}

impl Format {
    /// What the ending of `path` says.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_lowercase().as_str() {
            "npy" => Some(Self::Npy),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// Writes the vectors of `embedding`, which are those of `album`, to `path`.
pub(super) fn write(path: &Path, embedding: &Embedding, album: &Album) -> Result<()> {
    if Format::of(path) == Some(Format::Npy) {
        return write_atomically(path, &to_npy(&embedding.vectors, &embedding.shape));
    }
    let values = embedding.shape[1..].iter().product::<usize>().max(1);
    let head = (0..values).map(|at| format!("v{at}"));
    let vectors = embedding.vectors.chunks_exact(values);
    let vectors = vectors.map(|vector| vector.iter().map(f32::to_string).collect());
    write_atomically(path, csv(album, head.collect(), vectors).as_bytes())
}

/// Writes the names and classes of the images of `album` to `path`.
pub(super) fn write_labels(path: &Path, album: &Album) -> Result<()> {
    let nothing = std::iter::repeat_n(Vec::new(), album.names.len());
    write_atomically(path, csv(album, Vec::new(), nothing).as_bytes())
}

/// A line for each image of `album`: its name, its class and these `cells`, below a head.
fn csv(album: &Album, head: Vec<String>, cells: impl Iterator<Item = Vec<String>>) -> String {
    let head = [vec!["image".to_owned(), "class".to_owned()], head].concat();
    let rows = album.names.iter().enumerate().zip(cells);
    let lines =
        rows.map(|((at, name), cells)| [vec![name.clone(), album.class_cell(at)], cells].concat());
    to_csv([head].into_iter().chain(lines))
}

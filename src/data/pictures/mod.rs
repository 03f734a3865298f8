//! Where the files of pictures are: in a folder, in a zip or a tar, or in a list.
//!
//! [`Tree`] is what is below a folder, or in an archive as if that were one; [`Place`] is where a file's bytes are.
//! An archive is listed once and its files are read at their positions: nothing of it is unpacked to the disk, but for a
//! `.tar.gz`, which has no positions and becomes a `.tar` in the [store](crate::data::store). [`list`] reads a CSV of
//! paths and labels.

mod archive_file;
pub mod list;
mod place;
mod tar_tree;
mod tree;
mod zip_tree;

pub use place::Place;
pub use tree::{Entry, EntryKind, Tree};

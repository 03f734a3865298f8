//! Where the images of a data set are while it is used: in memory, or in a file of the user's cache folder.
//!
//! ```text
//! load() ─ Examples ─ hold ┬ fits into --memory: decoded by all threads into one buffer     ImageSource::Memory
//!                          └ does not: decoded once, by all threads, into a file            ImageSource::Stored
//! ```
//!
//! | file in `<cache>/dytb/decoded/` | |
//! |---|---|
//! | `<data set>_<split>_<key>.images` | whole, by its name; `layout.rs` says what is in it |
//! | `....images.part` | being decoded, or interrupted: the next process that needs it goes on |
//! | `unpacked_<key>.tar` | of a `.tar.gz`, by its path, length and time of modification |
//! | `....lock` | who decodes or removes it |
//! | `<key>.sha256` | the SHA-256 of a run's data, which need not be read again for it |
//!
//! The key is a hash of the source's fingerprint, the shape, the split and the program's version: changed pictures are
//! another file. The numbers of a run do not depend on where its images are: a test holds that.
//!
//! The bytes are read at their positions with plain reads, not mapped: a file that is cut short while it is mapped ends
//! a process without a word, and mapping takes `unsafe`.

mod bar;
mod content;
mod decode;
mod folder;
mod hold;
mod layout;
mod memory;
mod positioned;
mod prune;
mod source;
mod stored;
mod stored_writer;
#[cfg(all(test, unix))]
mod tests;
mod unpack;

pub(super) use bar::bar;
pub(crate) use content::content_sha256;
pub(crate) use hold::{Origin, hold};
pub(crate) use memory::Memory;
pub use memory::{parse_bytes, share_of_free};
pub(super) use positioned::Positioned;
pub use prune::{DecodedFile, decoded_files, prune};
pub(super) use source::{ImageSource, OnDemand};
pub(super) use unpack::{holds, unpacked};

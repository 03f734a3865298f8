//! TensorBoard's event files: records `length u64 | masked CRC32C | Event | masked CRC32C`, each
//! `Event` a protocol buffer with a wall time in seconds, a step and a value.
//!
//! ```
//! use dytb::tensorboard::EventWriter;
//!
//! # fn main() -> std::io::Result<()> {
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! let mut writer = EventWriter::create(dir)?;
//! writer.scalar(10, "error", 0.25)?;
//! writer.histogram(10, "weights", &[0.1, -0.2])?;
//! writer.flush()?;
//! # Ok(())
//! # }
//! ```
//!
//! [`EventWriter::create`] is for a new run, [`EventWriter::resume`] for one that goes on from a
//! checkpoint. Every process writes a file of its own; readers take a folder's files in the order of
//! their names.

mod curve;
mod graph;
mod histogram;
mod names;
mod parse;
pub mod plugin_summaries;
mod reader;
mod resume;
mod writer;

pub use curve::curve;
pub use graph::graph;
pub use histogram::histogram;
pub use names::event_files;
pub use parse::parse;
pub use reader::{Record, Records, read_records};
pub use resume::{truncate_after, truncate_at_validation};
pub use writer::EventWriter;
pub(crate) use writer::now;

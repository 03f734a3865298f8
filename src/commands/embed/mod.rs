//! The command `embed`.

mod args;
mod files;
mod projector;

pub use args::Embed;

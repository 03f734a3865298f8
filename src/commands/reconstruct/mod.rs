//! The command `reconstruct`.

mod args;
pub(crate) mod gallery;
mod shown;

pub use args::Reconstruct;

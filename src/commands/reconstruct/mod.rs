//! The command `reconstruct`.

mod args;
mod reconstructions;
pub(crate) mod render;

pub use args::Reconstruct;

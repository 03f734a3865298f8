//! The command `latent`.

mod args;
mod neighbours;
mod pairs;
mod pictures;
mod report;

pub use args::LatentArgs;

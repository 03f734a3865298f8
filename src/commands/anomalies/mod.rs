//! `evaluate --normal`: an autoencoder tells normal images from odd ones.

mod args;
mod files;
mod report;

pub(super) use args::AnomalyArgs;

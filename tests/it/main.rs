//! The integration tests, one binary: each one more would link all of burn once more.
//!
//! `cargo test --test it survive` runs those of one file.

mod common;

mod anomalies;
mod architecture;
mod archives;
mod augment;
mod burn_layers;
mod classifiers;
mod config_file;
mod convolutions;
mod data;
mod devices;
mod download;
mod embed;
mod evaluate;
mod export_model;
mod flags;
#[cfg(unix)]
mod fuzz;
mod gpu_kernels;
mod image_folder;
mod inputs;
mod latent;
mod later_optimizers;
mod layers;
mod losses;
mod metric_values;
mod model_args;
#[cfg(all(feature = "mpi", target_os = "linux"))]
mod mpi;
mod onnx;
mod optimizers;
mod pictures;
mod predict;
mod program;
mod seeing;
mod several;
#[cfg(target_os = "linux")]
mod shared_files;
mod single_layer_cae;
mod slurm;
mod sparsity;
mod statistics;
mod steps;
mod store;
#[cfg(unix)]
mod survive;
mod sweep;
mod tensorboard;
mod train;
mod transfer;
mod zoo;

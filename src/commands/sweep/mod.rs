//! The command `sweep`: many configurations, tried and ranked.

mod args;
mod children;
mod file;
mod lead;
mod parallel;
mod report;
mod slurm;
mod status;

pub use args::Sweep;

//! What several files of tests need.

pub mod command;
pub mod data;
#[cfg(unix)]
pub mod forged;
pub mod golden;
pub mod interrupted;
#[cfg(unix)]
pub mod kinds;
#[cfg(unix)]
pub mod mutation;
pub mod parameters;
pub mod remains;
pub mod server;
pub mod skip;

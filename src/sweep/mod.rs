//! A sweep: many configurations of one kind of run, tried and ranked.
//!
//! | file | what it is |
//! |---|---|
//! | `space` | what is varied, and over which values |
//! | `search` | which configuration a trial has: grid, random, TPE |
//! | `halving` | how many trials are trained for how many epochs |
//! | `state` | the sweep on the disk: `sweep.json`, the list of trials, a configuration for each run |
//! | `standing` | how far a run has come, read off its folder |
//! | `schedule` | which run is next |
//! | `importance` | how much each flag has to do with the results |
//!
//! A sweep's state is the folders of its runs and an append-only list of the configurations that were drawn: whoever
//! kills it loses what a killed run loses, and the same command ends with the same table.

#[cfg(test)]
mod benchmark;
mod halving;
mod importance;
mod schedule;
mod search;
mod space;
mod standing;
mod state;

pub use halving::{Rung, promoted, rungs};
pub use importance::importance;
pub use schedule::{Next, Schedule, Task};
pub use search::{Search, Tried, draw, grid_size};
pub use space::{Domain, Scale, Vary, separator};
pub use standing::{Standing, measure};
pub use state::{Sweep, SweepSpec, Trial};

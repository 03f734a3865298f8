//! Runs side by side: what they are, what they reached, how they stand, and whether a difference is one.
//!
//! [`find`] reads the runs below some folders; [`groups`] puts those together that differ in seed and fold alone,
//! and [`compare_with_baseline`] compares them with a baseline. Then there are [`sections`], [`table`] and [`classes`] for people,
//! [`csv`](fn@csv) and [`json`] for programs, and [`plot`] for a picture of their learning curves.

mod args;
mod baseline;
mod find;
mod formats;
mod group;
mod legend;
mod lines;
mod partial;
mod plot;
mod row;
mod sections;
mod select;
mod table;
mod verdict;

pub use args::Compare;
pub use baseline::{Comparison, Pairing, compare_with_baseline, find_baseline};
pub use find::find;
pub use formats::{csv, json};
pub use group::{Group, groups};
pub use lines::Axis;
pub use plot::plot;
pub use row::Row;
pub use sections::{Section, sections};
pub use table::{chosen, classes, table};

/// Each of `names` once, in the order in which they come.
fn unique<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

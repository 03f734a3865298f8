//! Runs side by side: what they are, what they reached, how they stand.
//!
//! [`find`] reads the runs below some folders and puts the best validation first; then there are
//! [`sections`], [`table`] and [`classes`] for people, [`csv`](fn@csv) and [`json`] for programs, and [`plot`]
//! for a picture of their learning curves.

mod args;
mod find;
mod formats;
mod legend;
mod partial;
mod plot;
mod row;
mod sections;
mod table;

pub use args::Compare;
pub use find::find;
pub use formats::{csv, json};
pub use plot::plot;
pub use row::Row;
pub use sections::{Section, sections};
pub use table::{classes, table};

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

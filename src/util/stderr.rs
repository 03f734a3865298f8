//! Messages beside the results: notes, warnings, progress.

use std::io::{Write, stderr};

/// Prints `line` and its end on stderr. That nobody reads it, as in `train_autoencoder 2>&1 | head`,
/// is no reason to end a run: `eprintln!` would panic.
pub fn message(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

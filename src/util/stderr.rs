//! Messages beside the results: notes, warnings, progress.

use std::io::{Write, stderr};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether another process says it all.
static IS_SILENT: AtomicBool = AtomicBool::new(false);

/// Prints `line` and its end on stderr. That nobody reads it, as in `train_autoencoder 2>&1 | head`,
/// is no reason to end a run: `eprintln!` would panic.
pub fn message(line: &str) {
    if !IS_SILENT.load(Ordering::Relaxed) {
        let _ = writeln!(stderr(), "{line}");
    }
}

/// From now on this process has no messages: it is one of several that would say the same.
pub fn silence() {
    IS_SILENT.store(true, Ordering::Relaxed);
}

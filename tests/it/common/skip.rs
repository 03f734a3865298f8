//! Tells that a test is skipped.

use std::io::Write;

/// One line on stderr, past the test runner, which hides what passing tests print.
pub fn skipped(what: &str) {
    // A closed stderr is no failure of the test.
    let _ = writeln!(std::io::stderr(), "skipped {what}");
}

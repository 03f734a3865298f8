//! How far a download is: a bar where stderr is a terminal, else one line at its start.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::util::stderr::message;

/// Tells of a download of `bytes` from `url`, of which `done` are there.
pub(super) fn start(url: &str, done: u64, bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        let megabytes = (bytes - done) as f64 / 1e6;
        message(&format!("downloading {url} ({megabytes:.1} MB)"));
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}");
    let bar = ProgressBar::new(bytes).with_position(done).with_message(url.to_owned());
    // The template above is a constant; were it wrong, the plain bar would do.
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

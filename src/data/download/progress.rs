//! How far a download is: a bar where stderr is a terminal, else one line at its start.

use indicatif::ProgressBar;

use crate::util::bar::bar;
use crate::util::stderr::message;

/// Tells of a download of `bytes` from `url`, of which `done` are there.
pub(super) fn start(url: &str, done: u64, bytes: u64) -> ProgressBar {
    let bar = bar("{msg} {wide_bar} {bytes}/{total_bytes} {eta}", bytes, url).with_position(done);
    if bar.is_hidden() {
        let megabytes = (bytes - done) as f64 / 1e6;
        message(&format!("downloading {url} ({megabytes:.1} MB)"));
    }
    bar
}

//! How far the reading of many images is: a bar where stderr is a terminal, else nothing.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for `images` images, called `what`.
pub(super) fn bar(what: &str, images: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} images {per_sec} {eta}");
    let bar = ProgressBar::new(images as u64).with_message(what.to_owned());
    // The template above is a constant; were it wrong, the plain bar would do.
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

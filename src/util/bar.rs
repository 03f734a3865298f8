//! A progress bar for work of known length: on stderr where that is a terminal, else nothing.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `template` for `length` units of work, called `what`; hidden where stderr is no terminal.
pub(crate) fn bar(template: &str, length: u64, what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new(length).with_message(what.to_owned());
    // The templates are constants; were one wrong, the plain bar would do.
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

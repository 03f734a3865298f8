//! How far the reading of many images is.

use indicatif::ProgressBar;

use crate::util::bar;

/// A bar for `images` images, called `what`.
pub(in crate::data) fn bar(what: &str, images: usize) -> ProgressBar {
    bar::bar("{msg} {wide_bar} {pos}/{len} images {per_sec} {eta}", images as u64, what)
}

//! The files of `--confusion_matrix`: counts as CSV, and a picture.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::metrics::Confusion;
use crate::util::atomic_file::write_atomically;
use crate::util::stderr::message;
use crate::viz;

/// Writes `confusion` of the classes called `names` to the two files that `path` means, says so on
/// stderr, and returns them.
///
/// # Errors
/// When one cannot be written.
pub(super) fn write(path: &Path, confusion: &Confusion, names: &[String]) -> Result<Vec<PathBuf>> {
    let [csv, png] = files(path);
    write_atomically(&csv, confusion.to_csv(names).as_bytes())?;
    write_atomically(&png, &viz::confusion(confusion.counts(), names).png()?)?;
    for file in [&csv, &png] {
        message(&format!("written: {}", file.display()));
    }
    Ok(vec![csv, png])
}

/// `matrix`, `matrix.png` and `matrix.csv` all mean `matrix.csv` and `matrix.png`. What else is behind
/// a dot belongs to the name: `lr=0.01`.
fn files(path: &Path) -> [PathBuf; 2] {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    let is_ours = ["csv", "png"].iter().any(|other| ending.eq_ignore_ascii_case(other));
    let stem = if is_ours { path.with_extension("") } else { path.to_owned() };
    ["csv", "png"].map(|ending| stem.with_added_extension(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_not_doubled() {
        for (path, stem) in [
            ("cm", "cm"),
            ("cm.png", "cm"),
            ("a.b/cm.CSV", "a.b/cm"),
            ("lr=0.01", "lr=0.01"),
            ("lr=0.01.png", "lr=0.01"),
            ("cm.svg", "cm.svg"),
        ] {
            let expected = ["csv", "png"].map(|ending| PathBuf::from(format!("{stem}.{ending}")));
            assert_eq!(files(Path::new(path)), expected, "{path}");
        }
    }
}

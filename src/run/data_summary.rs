//! What a run is trained on, so that it never goes on with other data without a word.
//!
//! The SHA-256 is over the labels (u32, little-endian) and then the pixels of the training examples, then
//! of the validation examples, in their order. The test examples are not in it: they are read once, at
//! the end.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::data::store::content_sha256;
use crate::data::{Examples, Normalization};
use crate::error::{Exit, Failure};
use crate::util::defaults::is_default;

/// Class names in a message, at the most.
const SHOWN: usize = 20;

/// Shape, classes, numbers of examples and content of the data that a run is trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataSummary {
    /// `[channels, height, width]` of an image.
    pub shape: [usize; 3],
    /// The names of the classes, by label.
    pub class_names: Vec<String>,
    /// Numbers of examples for training and for validation.
    pub examples: [usize; 2],
    /// Of their labels and pixels, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Whether the examples for validation are the test's too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub validation_is_test: bool,
    /// Mean and deviation by which the images are normalised; `None` for -1..=1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalization: Option<Normalization>,
    /// Examples for validation that are for training too, byte for byte.
    #[serde(default, skip_serializing_if = "is_default")]
    pub validation_in_train: usize,
}

impl DataSummary {
    /// Of the examples for training and for validation, in classes of these names.
    ///
    /// # Errors
    /// Where an image cannot be read, or is damaged.
    pub fn new(train: &Examples, validation: &Examples, class_names: Vec<String>) -> Result<Self> {
        Ok(Self {
            shape: train.shape(),
            class_names,
            examples: [train.len(), validation.len()],
            sha256: content_sha256([train, validation])?,
            validation_is_test: false,
            normalization: None,
            validation_in_train: 0,
        })
    }

    /// Fails where these are not the data `there`, on which the run that lives at `path` was trained.
    ///
    /// # Errors
    /// A [`Failure`] that lists the differences.
    pub fn refuse_other(&self, there: &Self, path: &Path) -> Result<()> {
        let rows = [
            ("shape", format!("{:?}", there.shape), format!("{:?}", self.shape)),
            ("classes", list(&there.class_names), list(&self.class_names)),
            ("training examples", there.examples[0].to_string(), self.examples[0].to_string()),
            ("validation examples", there.examples[1].to_string(), self.examples[1].to_string()),
            ("sha256 of labels and pixels", there.sha256.clone(), self.sha256.clone()),
        ];
        let rows = rows.into_iter().filter(|(_, there, now)| there != now);
        let rows: Vec<_> =
            rows.map(|(what, there, now)| format!("{what}: {there} there, {now} now")).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let what = format!("the run in `{}` was trained on other data", path.display());
        Err(Failure::new(Exit::Failed, what)
            .why(rows.join("\n"))
            .help(
                "name its data with --data_dir or put them back as they were; --comment trains a run \
                 of its own on these",
            )
            .into())
    }
}

fn list(names: &[String]) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(labels: &[u32], pixel: u8) -> Examples {
        Examples::new([1, 1, 1], vec![pixel; labels.len()], labels.to_vec()).unwrap()
    }

    fn summary(train: &Examples, names: [&str; 2]) -> DataSummary {
        DataSummary::new(train, &examples(&[1], 7), names.map(str::to_owned).to_vec()).unwrap()
    }

    #[test]
    fn each_difference_is_told() {
        let there = summary(&examples(&[0, 1], 5), ["cat", "dog"]);
        let path = Path::new("log/M/N");
        there.refuse_other(&there.clone(), path).unwrap();
        for (other, needle) in [
            (summary(&examples(&[0, 1], 6), ["cat", "dog"]), "sha256"),
            (summary(&examples(&[1, 0], 5), ["cat", "dog"]), "sha256"),
            (summary(&examples(&[0], 5), ["cat", "dog"]), "training examples: 2 there, 1 now"),
            (
                summary(&examples(&[0, 1], 5), ["cat", "eel"]),
                "classes: cat, dog there, cat, eel now",
            ),
        ] {
            let error = other.refuse_other(&there, path).unwrap_err().to_string();
            assert!(error.contains(needle) && error.contains("log/M/N"), "{error}");
        }
    }
}

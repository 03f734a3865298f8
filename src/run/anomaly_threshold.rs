//! `anomalies.json` in a run's folder: from which score on an image is called odd.
//!
//! ```text
//! {"score": "mean", "threshold": 0.0213, "share": 0.95, "normal": ["1", "7"], "dataset": "MNIST",
//!  "images": 1076, "step": 4300}
//! ```
//!
//! `dytb evaluate RUN --normal` writes it: the threshold is the least score that the share of the validation's normal
//! images does not exceed. `dytb predict` calls an image normal whose score is not above it, with the model of that
//! step: another one has other scores.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::error::{Exit, Failure};
use crate::metrics::AnomalyScore;
use crate::util::atomic_file::write_atomically;

/// The file's name.
pub(super) const ANOMALIES: &str = "anomalies.json";

/// A threshold, and how it was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnomalyThreshold {
    /// What is compared with it.
    pub score: AnomalyScore,
    /// Finite. Scores up to it are normal.
    pub threshold: f64,
    /// The share of the normal images that it keeps.
    pub share: f64,
    /// The classes that are normal, by name.
    pub normal: Vec<String>,
    /// The data set.
    pub dataset: String,
    /// Normal images of the validation that it was found on.
    pub images: usize,
    /// The step of the model.
    pub step: u64,
}

impl AnomalyThreshold {
    /// Writes it to the folder `run`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, run: &Path) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        write_atomically(&run.join(ANOMALIES), &json)
    }

    /// That of the folder `run`, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn read(run: &Path) -> Result<Option<Self>> {
        let file = run.join(ANOMALIES);
        let json = match fs::read(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            json => json.with_context(|| format!("cannot read `{}`", file.display()))?,
        };
        let damaged = |why: String| {
            Failure::new(Exit::Failed, format!("`{}` is damaged", file.display())).why(why).help(
                format!("`dytb evaluate {} --normal CLASS,...` writes it anew", run.display()),
            )
        };
        let found: Self = serde_json::from_slice(&json).map_err(|why| damaged(why.to_string()))?;
        match found.threshold.is_finite() {
            true => Ok(Some(found)),
            false => Err(damaged("its threshold is no number".to_owned()).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_it_was_written() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(AnomalyThreshold::read(run.path()).unwrap(), None);
        let threshold = AnomalyThreshold {
            score: AnomalyScore::P99,
            threshold: 0.1 + 0.2,
            share: 0.95,
            normal: vec!["1".into(), "7".into()],
            dataset: "MNIST".into(),
            images: 12,
            step: 430,
        };
        threshold.write(run.path()).unwrap();
        assert_eq!(AnomalyThreshold::read(run.path()).unwrap(), Some(threshold));
        fs::write(run.path().join(ANOMALIES), "{}").unwrap();
        let error = format!("{:#}", AnomalyThreshold::read(run.path()).unwrap_err());
        assert!(error.contains("anomalies.json` is damaged"), "{error}");
    }
}

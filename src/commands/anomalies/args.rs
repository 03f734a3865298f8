//! The flags of `evaluate --normal`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use clap::Args;

use super::{files, report};
use crate::commands::{output, values};
use crate::error::{Exit, Failure};
use crate::metrics::AnomalyScore;
use crate::run::RunFolder;
use crate::train::{AnomalyRequest, tell_apart};
use crate::util::stderr::message;

/// Which images are normal, and what is told of them.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::commands) struct AnomalyArgs {
    /// How well an autoencoder tells these classes, the normal ones, from all others, or from those of --classes, by
    /// its error; keeps a threshold for `dytb predict` in the run [without names: the classes it was trained on]
    #[arg(long, num_args = 0..=1, value_name = "CLASS,...", conflicts_with = "metrics")]
    normal: Option<Option<Normal>>,
    /// What an image is scored by: mean, max or p99 (the 99th percentile) of the errors of its pixels, or ssim, one
    /// less the structural similarity [default: mean]
    #[arg(long, value_parser = str::parse::<AnomalyScore>, value_name = "NAME", requires = "normal")]
    score: Option<AnomalyScore>,
    /// Write the score of each image to this CSV file
    #[arg(long, value_name = "FILE", requires = "normal")]
    scores: Option<PathBuf>,
    /// Draw the ROC curve to this PNG file
    #[arg(long, value_parser = values::png, value_name = "FILE", requires = "normal")]
    roc: Option<PathBuf>,
    /// Draw how the scores of normal and other images are distributed to this PNG file
    #[arg(long, alias = "hist", value_parser = values::png, value_name = "FILE", requires = "normal")]
    histogram: Option<PathBuf>,
}

/// Classes with commas between them.
#[derive(Clone, Debug)]
pub(super) struct Normal(Vec<String>);

/// Whether `path` is a run's folder or one of checkpoints.
fn is_of_run(path: &Path) -> bool {
    let below = |name: &str| path.join(name).is_dir();
    let is_checkpoint = |path: &Path| path.extension().is_some_and(|ending| ending == "ckpt");
    let has_checkpoints = path
        .read_dir()
        .is_ok_and(|mut entries| entries.any(|e| e.is_ok_and(|e| is_checkpoint(&e.path()))));
    RunFolder::is_run(path)
        || below("best")
        || below("checkpoints")
        || has_checkpoints
        || is_checkpoint(path) && path.is_file()
}

impl FromStr for Normal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if is_of_run(Path::new(text)) {
            return Err(
                "it is a run and no class: name the run first, as `dytb evaluate RUN --normal`"
                    .into(),
            );
        }
        match text.split(',').any(|name| name.trim().is_empty()) {
            true => Err("name classes with a comma between two, as 1,7".into()),
            false => Ok(Self(text.split(',').map(str::to_owned).collect())),
        }
    }
}

impl AnomalyArgs {
    /// Whether that is asked for.
    pub fn are_given(&self) -> bool {
        self.normal.is_some()
    }

    /// Tells apart what `request` names, but for what these flags say, writes the files and prints the result.
    ///
    /// # Errors
    /// As [`tell_apart`], and when a file cannot be written.
    pub fn run(&self, request: AnomalyRequest, json: bool) -> Result<()> {
        let normal = self.normal.clone().flatten().map(|Normal(names)| names);
        let score = self.score.unwrap_or_default();
        self.refuse_one_file()?;
        let report = tell_apart(&AnomalyRequest { normal, score, ..request })?;
        let written = files::write(&report, &self.scores, &self.roc, &self.histogram)?;
        for file in &written {
            message(&format!("written: {}", file.display()));
        }
        output::print(&match json {
            true => report::as_json(&report, &written),
            false => report::as_text(&report),
        })
    }

    /// Fails where two of the files are one.
    fn refuse_one_file(&self) -> Result<()> {
        let files = [&self.scores, &self.roc, &self.histogram];
        let files: Vec<_> = files.into_iter().flatten().collect();
        // `y.png` and `./y.png` are one file.
        let places = files.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
        match (1..files.len()).find(|&at| places[..at].contains(&places[at])) {
            None => Ok(()),
            Some(at) => {
                let what = format!("`{}` is named for two files", files[at].display());
                Err(Failure::new(Exit::Usage, what).help("give each a name of its own").into())
            }
        }
    }
}

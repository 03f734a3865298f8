//! The files of `evaluate --normal`: scores as CSV, and two pictures.
//!
//! ```text
//! image,name,class,normal,score,odd        (name only of pictures in folders)
//! 0,,7,1,0.0113,0
//! ```
//!
//! `normal` is 1 for the images of normal classes, `odd` is 1 where the score is above the threshold.

use std::path::PathBuf;

use anyhow::Result;

use crate::train::AnomalyReport;
use crate::util::atomic_file::write_atomically;
use crate::util::csv::to_csv;
use crate::viz;

/// Writes those of the files that are asked for, and returns them.
pub(super) fn write(
    report: &AnomalyReport,
    scores: &Option<PathBuf>,
    roc: &Option<PathBuf>,
    histogram: &Option<PathBuf>,
) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    if let Some(path) = scores {
        write_atomically(path, csv(report).as_bytes())?;
        written.push(path.clone());
    }
    if let Some(path) = roc {
        let picture = viz::roc(&report.ranking.roc(), report.ranking.auroc());
        write_atomically(path, &picture.png()?)?;
        written.push(path.clone());
    }
    if let Some(path) = histogram {
        let [normal, others] = [true, false].map(|is_normal| report.scores(is_normal));
        let picture = viz::populations(&normal, &others, report.threshold.threshold);
        write_atomically(path, &picture.png()?)?;
        written.push(path.clone());
    }
    Ok(written)
}

fn csv(report: &AnomalyReport) -> String {
    let named = report.images.iter().any(|image| image.name.is_some());
    let head = ["image", "name", "class", "normal", "score", "odd"].map(str::to_owned);
    let number = |is: bool| u8::from(is).to_string();
    let lines = report.images.iter().map(|image| {
        [
            image.image.to_string(),
            image.name.clone().unwrap_or_default(),
            image.class.clone(),
            number(image.is_normal),
            image.score.to_string(),
            number(image.score > report.threshold.threshold),
        ]
    });
    to_csv([head].into_iter().chain(lines).map(|line| {
        let cells = line.into_iter().enumerate();
        cells.filter(move |(at, _)| named || *at != 1).map(|(_, cell)| cell)
    }))
}

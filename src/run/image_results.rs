//! `test_images.csv` in a finished run's folder: what its best model makes of each test image, in the order of
//! the test split.
//!
//! ```text
//! image,label,error              image,label,prediction,loss
//! 0,7,0.0021                     0,7,7,0.0103
//! ```
//!
//! `dytb compare --baseline` pairs two runs by it, image by image.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::RunFolder;
use crate::error::{Exit, Failure};
use crate::metrics::{ImageResults, Outcomes};
use crate::util::atomic_file::write_atomically;
use crate::util::csv::{from_csv, to_csv};

/// The file's name.
pub const TEST_IMAGES: &str = "test_images.csv";

/// Writes `results` to the folder of `run`.
///
/// # Errors
/// When they cannot be written.
pub fn write(run: &RunFolder, results: &ImageResults) -> Result<()> {
    let head: &[&str] = match results.outcomes {
        Outcomes::Errors(_) => &["image", "label", "error"],
        Outcomes::Predictions { .. } => &["image", "label", "prediction", "loss"],
    };
    let rows = results.labels.iter().enumerate().map(|(image, label)| {
        let mut row = vec![image.to_string(), label.to_string()];
        match &results.outcomes {
            Outcomes::Errors(errors) => row.push(errors[image].to_string()),
            Outcomes::Predictions { classes, losses } => {
                row.extend([classes[image].to_string(), losses[image].to_string()]);
            }
        }
        row
    });
    let head = head.iter().map(|&name| name.to_owned()).collect();
    let text = to_csv([head].into_iter().chain(rows));
    write_atomically(&run.path().join(TEST_IMAGES), text.as_bytes())
}

/// Those of the run that lives at `path`; `None` where there are none, as in a run of before they were kept.
///
/// # Errors
/// When the file cannot be read or is damaged.
pub fn read(path: &Path) -> Result<Option<ImageResults>> {
    let file = path.join(TEST_IMAGES);
    if !file.exists() {
        return Ok(None);
    }
    let read = || -> Result<ImageResults> {
        let text = fs::read_to_string(&file)?;
        parse(&text).context("it is no table of images")
    };
    let results = read().map_err(|error| {
        Failure::new(Exit::Failed, format!("`{}` is damaged", file.display()))
            .why(format!("{error:#}"))
            .help("dytb compare without --baseline does not need it; --restart trains the run anew")
    })?;
    Ok(Some(results))
}

fn parse(text: &str) -> Result<ImageResults> {
    let lines = from_csv(text).context("it is no CSV")?;
    let (head, rows) = lines.split_first().context("it is empty")?;
    fn column<T: std::str::FromStr>(rows: &[Vec<String>], place: usize) -> Result<Vec<T>> {
        let fields = rows.iter().map(|row| row.get(place).and_then(|field| field.parse().ok()));
        fields.collect::<Option<_>>().with_context(|| format!("column {}", place + 1))
    }
    let outcomes = match head[..] {
        [_, _, ref error] if error == "error" => Outcomes::Errors(column(rows, 2)?),
        [_, _, ref prediction, _] if prediction == "prediction" => {
            Outcomes::Predictions { classes: column(rows, 2)?, losses: column(rows, 3)? }
        }
        _ => bail!("its columns are {}", head.join(", ")),
    };
    let images: Vec<usize> = column(rows, 0)?;
    ensure!(images.iter().copied().eq(0..rows.len()), "its images are not in their order");
    if let Outcomes::Errors(values) = &outcomes {
        ensure!(values.iter().all(|value| value.is_finite()), "an error is no number");
    }
    Ok(ImageResults { labels: column(rows, 1)?, outcomes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_they_were_written() {
        let log = tempfile::tempdir().unwrap();
        let run = RunFolder::open(log.path()).unwrap();
        assert_eq!(read(log.path()).unwrap(), None);
        for outcomes in [
            Outcomes::Errors(vec![0.1 + 0.2, 1e-300, 0.0]),
            Outcomes::Predictions { classes: vec![1, 0, 2], losses: vec![0.1, 5.0, f64::INFINITY] },
        ] {
            let results = ImageResults { labels: vec![1, 2, 0], outcomes };
            write(&run, &results).unwrap();
            assert_eq!(read(log.path()).unwrap(), Some(results));
        }
    }

    #[test]
    fn damage_is_named() {
        let log = tempfile::tempdir().unwrap();
        for text in [
            "",
            "a,b\n",
            "image,label,error\n0,1\n",
            "image,label,error\n1,1,0.5\n",
            "image,label,error\n0,1,x\n",
        ] {
            fs::write(log.path().join(TEST_IMAGES), text).unwrap();
            let error = read(log.path()).unwrap_err().to_string();
            assert!(error.contains("test_images.csv` is damaged"), "{text}: {error}");
        }
    }
}

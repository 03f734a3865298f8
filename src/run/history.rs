//! `history.csv` in a run's folder: a row for each epoch, for pandas and for `dytb compare --plot`.
//!
//! ```text
//! epoch,step,seconds,images_per_second,learning_rate,train_error,validation_error
//! 1,54,2.61,30122,0.00001,0.893,0.8821
//! ```
//!
//! `seconds` are those since the run began, of all its processes. The file is written anew after each epoch, all
//! or nothing; a run that goes on takes out the rows of epochs that its checkpoint does not know. Where a run
//! goes on with other `--metrics`, there are more columns, and empty fields before; so where it goes on with several
//! ranks, which have `bytes_sent` and `waiting_seconds` of the first one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::RunFolder;
use crate::util::atomic_file::write_atomically;
use crate::util::csv::{from_csv, to_csv};
use crate::util::stderr::message;

/// The file's name.
pub const HISTORY: &str = "history.csv";
/// The columns that every row has.
const EPOCH: &str = "epoch";
const SECONDS: &str = "seconds";

/// The file of a run that is being trained.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    table: Table,
}

/// Rows of fields by the names of their columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl History {
    /// That of the run in `folder`, which has finished so many `epochs`: later rows are taken out.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(folder: &RunFolder, epochs: u64) -> Result<Self> {
        let path = folder.path().join(HISTORY);
        let whole = Table::of(folder.path()).unwrap_or_default();
        let mut table = whole.clone();
        // Epoch by epoch, as far as they are there.
        let whole_rows = table.numbers(EPOCH).into_iter().zip(1..=epochs);
        let whole_rows = whole_rows.take_while(|(epoch, number)| *epoch == Some(*number as f64));
        let count = whole_rows.count();
        table.rows.truncate(count);
        if path.exists() && (count as u64) < epochs {
            let what = format!(
                "`{}` was damaged: {} epochs are missing in it",
                path.display(),
                epochs - count as u64
            );
            message(&format!("warning: {what}"));
        }
        let history = Self { path, table };
        if history.table != whole {
            history.write()?;
        }
        Ok(history)
    }

    /// The seconds of the epochs that it has.
    pub fn seconds(&self) -> f64 {
        self.table.numbers(SECONDS).last().copied().flatten().unwrap_or(0.0)
    }

    /// Adds the row of an epoch: names and values.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn push(&mut self, row: &[(String, String)]) -> Result<()> {
        let Table { columns, rows } = &mut self.table;
        for (name, _) in row {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        let field = |column: &String| {
            row.iter()
                .find(|(name, _)| name == column)
                .map_or(String::new(), |(_, value)| value.clone())
        };
        rows.push(columns.iter().map(field).collect());
        self.write()
    }

    fn write(&self) -> Result<()> {
        let Table { columns, rows } = &self.table;
        let padded = rows.iter().map(|row| {
            let missing = columns.len() - row.len().min(columns.len());
            row.iter().cloned().chain(vec![String::new(); missing]).collect()
        });
        let lines = [columns.clone()].into_iter().chain(padded);
        write_atomically(&self.path, to_csv(lines).as_bytes())
    }
}

impl Table {
    /// The history of the run in `folder`; `None` where there is none, or it is no table.
    pub fn of(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join(HISTORY)).ok()?;
        let mut lines = from_csv(&text)?.into_iter();
        Some(Self { columns: lines.next()?, rows: lines.collect() })
    }

    /// The values of the column `name`, row by row; `None` for an empty or damaged field.
    pub fn numbers(&self, name: &str) -> Vec<Option<f64>> {
        let place = self.place(name);
        let number = |row: &Vec<String>| row.get(place?)?.parse().ok();
        self.rows.iter().map(number).collect()
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: u64, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let first =
            [("epoch".to_owned(), epoch.to_string()), ("seconds".into(), format!("{epoch}.5"))];
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        first.into_iter().chain(more).collect()
    }

    #[test]
    fn a_run_that_goes_on_forgets_what_it_has_not_saved() {
        let log = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(log.path()).unwrap();
        let mut history = History::open(&folder, 0).unwrap();
        assert!(!log.path().join(HISTORY).exists() && history.seconds() == 0.0);
        for epoch in 1..=3 {
            history.push(&row(epoch, &[])).unwrap();
        }
        let mut history = History::open(&folder, 2).unwrap();
        assert_eq!(history.seconds(), 2.5);
        history.push(&row(3, &[("validation_psnr", "20.5")])).unwrap();
        assert_eq!(
            fs::read_to_string(log.path().join(HISTORY)).unwrap(),
            "epoch,seconds,validation_psnr\n1,1.5,\n2,2.5,\n3,3.5,20.5\n"
        );
        let table = Table::of(log.path()).unwrap();
        assert_eq!(table.numbers("validation_psnr"), [None, None, Some(20.5)]);
    }

    #[test]
    fn what_is_no_history_is_replaced() {
        let log = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(log.path()).unwrap();
        for text in ["", "\"", "epoch\nx\n", "a,b\n1,2,3\n", "\u{fffd}\n\n"] {
            fs::write(log.path().join(HISTORY), text).unwrap();
            let mut history = History::open(&folder, 5).unwrap();
            history.push(&row(6, &[])).unwrap();
            let table = Table::of(log.path()).unwrap();
            assert_eq!(table.numbers("epoch"), [Some(6.0)], "{text}");
        }
    }
}

//! A CSV of pictures: `path,label` or `path,label,split`, with a header or without.
//!
//! ```text
//! path,label,split
//! images/001.png,cat,train
//! images/002.png,dog,validation
//! ```
//!
//! Paths are relative to the CSV's folder. A header is a first line whose first or second field is called `label` or
//! `class`; its columns may be in any order, and others are passed over. Splits have the names of
//! [folders](crate::data::folder_layout) of splits; without that column, or where none is for validation or for the
//! test, the hash of [`class_folders`](crate::data::class_folders) decides. Classes are in the order of their names or,
//! where all of them are whole numbers, of these.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};

use super::place::Place;
use crate::data::Split;
use crate::data::folder_layout::split_called;
use crate::data::folder_walk::{PictureFile, split_by_hash};
use crate::error::{Exit, Failure};

/// A row of the list.
pub struct Row {
    /// The picture's file.
    pub file: PictureFile,
    /// The name of its class.
    pub class: String,
}

/// What is in a list.
pub struct PictureList {
    /// In the order of their paths.
    pub rows: Vec<Row>,
    /// The names of the classes, in order.
    pub classes: Vec<String>,
    /// Whether it says itself what pictures are for.
    pub has_splits: bool,
}

/// Where the columns are.
struct Columns {
    path: usize,
    label: usize,
    split: Option<usize>,
}

/// Reads the list at `path`; of the files only whether they are there.
///
/// # Errors
/// [`Exit::Unavailable`], naming the file and the line, where a file is missing; [`Exit::Usage`] where a line makes
/// no sense, or contradicts another one.
pub fn read(path: &Path) -> Result<PictureList, Failure> {
    let text = std::fs::read(path).map_err(|error| crate::data::files::unreadable(path, error))?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    let mut records = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(line, csv::Position::line);
            wrong(path, line, &error.to_string())
        })?;
        // The position of a record is before the empty lines that are passed over.
        let from = record.position().map_or(counted, |position| position.byte() as usize);
        let empty = text[from..].iter().take_while(|byte| b"\r\n".contains(byte)).count();
        line += text[counted..from + empty].iter().filter(|byte| **byte == b'\n').count() as u64;
        counted = from + empty;
        records.push((line, record));
    }
    let header = records.first().and_then(|(_, record)| Columns::of_header(record));
    let first = usize::from(header.is_some());
    let has_third = records.get(first).is_some_and(|(_, record)| record.len() > 2);
    let columns = header.unwrap_or(Columns { path: 0, label: 1, split: has_third.then_some(2) });
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut seen: HashMap<PathBuf, (u64, String, Option<Split>)> = HashMap::new();
    let mut rows = Vec::new();
    for (line, record) in &records[first..] {
        let (row, split) = columns.row(path, folder, *line, record)?;
        let said = (*line, row.class.clone(), split);
        if let Some(before) = seen.insert(row.file.path.clone(), said)
            && (&before.1, before.2) != (&row.class, split)
        {
            let why = format!("line {} says something else of `{}`", before.0, name(&row.file));
            return Err(wrong(path, *line, &why));
        }
        rows.push((row, split));
    }
    // In the order of a folder: that of the lines tells nothing.
    rows.sort_by(|(one, _), (other, _)| one.file.path.cmp(&other.file.path));
    let has = |wanted| rows.iter().any(|(_, split)| *split == Some(wanted));
    let missing: Vec<_> =
        [Split::Validation, Split::Test].into_iter().filter(|s| !has(*s)).collect();
    let rows: Vec<_> =
        rows.into_iter().map(|(row, split)| row.for_split(split, &missing)).collect();
    Ok(PictureList { classes: classes(&rows), rows, has_splits: columns.split.is_some() })
}

impl Columns {
    fn of_header(record: &StringRecord) -> Option<Self> {
        let find = |names: &[&str]| {
            record.iter().position(|field| names.contains(&field.trim().to_lowercase().as_str()))
        };
        let label = find(&["label", "class", "labels", "target"])?;
        let path = find(&["path", "file", "filename", "file_name", "image", "filepath"])?;
        Some(Self { path, label, split: find(&["split", "set", "subset"]) })
    }

    /// The row `record` of the list at `list`, and what it says the picture is for.
    fn row(
        &self,
        list: &Path,
        folder: &Path,
        line: u64,
        record: &StringRecord,
    ) -> Result<(Row, Option<Split>), Failure> {
        let field = |at: usize| record.get(at).map(str::trim).filter(|field| !field.is_empty());
        let path = field(self.path).ok_or_else(|| wrong(list, line, "it has no path"))?;
        let class = field(self.label).ok_or_else(|| wrong(list, line, "it has no label"))?;
        let split = match self.split.map(|at| field(at).unwrap_or_default()) {
            None => None,
            Some(text) => Some(split_called(text.as_ref()).ok_or_else(|| {
                let why = format!("`{text}` is no split: train, validation and test are");
                wrong(list, line, &why)
            })?),
        };
        let whole = folder.join(path);
        let metadata = whole.metadata().ok().filter(|metadata| metadata.is_file());
        let metadata = metadata.ok_or_else(|| missing(list, line, &whole))?;
        let file = PictureFile {
            place: Place::File(whole.clone()),
            path: whole,
            name: path.as_bytes().to_vec(),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            split: split.unwrap_or(Split::Train),
            class: None,
        };
        Ok((Row { file, class: class.to_owned() }, split))
    }
}

impl Row {
    /// The same, for what `split` says, or the hash of its path where that says nothing, or where it would be for one
    /// of the `missing` splits and is for training.
    fn for_split(mut self, split: Option<Split>, missing: &[Split]) -> Self {
        let hashed = split_by_hash(&self.file.name);
        self.file.split = match split {
            None => hashed,
            Some(Split::Train) if missing.contains(&hashed) => hashed,
            Some(split) => split,
        };
        self
    }
}

/// The names of the classes of `rows`.
fn classes(rows: &[Row]) -> Vec<String> {
    let names: BTreeMap<_, _> =
        rows.iter().map(|row| (row.class.clone(), row.class.parse::<u64>())).collect();
    let mut names: Vec<_> = names.into_iter().collect();
    if names.iter().all(|(_, number)| number.is_ok()) {
        names.sort_by_key(|(_, number)| number.clone().unwrap_or_default());
    }
    names.into_iter().map(|(name, _)| name).collect()
}

fn name(file: &PictureFile) -> String {
    String::from_utf8_lossy(&file.name).into_owned()
}

fn missing(list: &Path, line: u64, file: &Path) -> Failure {
    let what = format!("`{}`, line {line}: there is no file `{}`", list.display(), file.display());
    Failure::new(Exit::Unavailable, what)
        .why("paths are relative to the folder of the list")
        .help("put the picture there, or mend the line")
}

fn wrong(list: &Path, line: u64, why: &str) -> Failure {
    Failure::new(Exit::Usage, format!("`{}`, line {line} cannot be used", list.display()))
        .why(why)
        .help("a line is `path,label` or `path,label,split`, the path relative to the list, the split train, validation or test")
}

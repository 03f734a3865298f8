//! CSV (RFC 4180), lines ended by a line feed.

use csv::{ReaderBuilder, Terminator, WriterBuilder};

/// The text of `lines`, each its fields; they may have different numbers of them.
pub(crate) fn to_csv<I, S>(lines: I) -> String
where
    I: IntoIterator,
    I::Item: IntoIterator<Item = S>,
    S: AsRef<[u8]>,
{
    let mut writer =
        WriterBuilder::new().flexible(true).terminator(Terminator::Any(b'\n')).from_writer(vec![]);
    for line in lines {
        writer.write_record(line).expect("memory takes all");
    }
    String::from_utf8(writer.into_inner().expect("memory takes all")).expect("fields are texts")
}

/// The lines of `text`, each its fields; `None` where it is no CSV. Lines may have different numbers of fields.
pub(crate) fn from_csv(text: &str) -> Option<Vec<Vec<String>>> {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let line = |record: csv::Result<csv::StringRecord>| {
        Some(record.ok()?.iter().map(str::to_owned).collect())
    };
    reader.records().map(line).collect()
}

//! CSV (RFC 4180), lines ended by a line feed.

use csv::{Terminator, WriterBuilder};

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

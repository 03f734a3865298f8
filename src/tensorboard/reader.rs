//! Records of an event file, up to the first that is torn or damaged.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use tensorboard_rs::masked_crc32c::masked_crc32c;

/// Bytes before a record's data: its length and that one's checksum.
const HEADER: u64 = 12;

/// Bytes after it: its checksum.
const FOOTER: u64 = 4;

/// A record whose checksums are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it starts in the file, in bytes.
    pub offset: u64,
    /// Its data: an `Event` in an event file.
    pub data: Vec<u8>,
}

impl Record {
    /// Where the next one starts.
    pub fn end(&self) -> u64 {
        self.offset + HEADER + self.data.len() as u64 + FOOTER
    }
}

/// The records of a file in turn; ends at the first that is cut or has a wrong checksum.
pub struct Records {
    reader: BufReader<File>,
    offset: u64,
    size: u64,
}

/// Opens a file of records.
///
/// # Errors
/// Those of opening it; what is wrong in it only ends the records.
pub fn read_records(path: &Path) -> io::Result<Records> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    Ok(Records { reader: BufReader::new(file), offset: 0, size })
}

impl Records {
    /// The next record; its data is at most as long as the file.
    fn read(&mut self) -> io::Result<Option<Record>> {
        let mut header = [0; HEADER as usize];
        self.reader.read_exact(&mut header)?;
        let (length, crc) = header.split_at(8);
        let rest = self.size.saturating_sub(self.offset + HEADER + FOOTER);
        let bytes = u64::from_le_bytes(length.try_into().map_err(io::Error::other)?);
        if crc != masked_crc32c(length).to_le_bytes() || bytes > rest {
            return Ok(None);
        }
        let mut data = vec![0; bytes as usize];
        self.reader.read_exact(&mut data)?;
        let mut crc = [0; FOOTER as usize];
        self.reader.read_exact(&mut crc)?;
        let right = crc == masked_crc32c(&data).to_le_bytes();
        Ok(right.then_some(Record { offset: self.offset, data }))
    }
}

impl Iterator for Records {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.size {
            return None;
        }
        let (record, end) = match self.read() {
            Ok(Some(record)) => {
                let end = record.end();
                (Some(Ok(record)), end)
            }
            Ok(None) => (None, self.size),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => (None, self.size),
            Err(error) => (Some(Err(error)), self.size),
        };
        self.offset = end;
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensorboard_rs::record_writer::RecordWriter;

    fn file(records: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for record in records {
            RecordWriter::new(&mut bytes).write(record).unwrap();
        }
        bytes
    }

    fn read(bytes: &[u8]) -> Vec<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let mut end = 0;
        let mut data = Vec::new();
        for record in read_records(&path).unwrap() {
            let record = record.unwrap();
            assert_eq!(record.offset, end);
            end = record.end();
            data.push(record.data);
        }
        data
    }

    #[test]
    fn torn_at_every_byte() {
        let records: [&[u8]; 3] = [b"one", b"", b"three"];
        let bytes = file(&records);
        let ends = [19, 19 + 16, 19 + 16 + 21];
        assert_eq!(bytes.len(), ends[2]);
        for size in 0..=bytes.len() {
            let whole = ends.iter().filter(|&&end| end <= size).count();
            assert_eq!(read(&bytes[..size]), records[..whole], "cut at {size}");
        }
    }

    #[test]
    fn every_flipped_bit_ends_it() {
        let bytes = file(&[b"one", b"two"]);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&bytes), [b"one"; 2][..bit / 8 / 19], "bit {bit}");
        }
    }

    #[test]
    fn a_length_beyond_the_file_takes_no_memory() {
        let length = u64::MAX.to_le_bytes();
        let bytes = [&length[..], &masked_crc32c(&length).to_le_bytes(), b"rest of it"].concat();
        assert!(read(&bytes).is_empty());
    }
}

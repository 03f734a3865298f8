//! What is in a file of images, `n` of `size` bytes each. Numbers are little-endian.
//!
//! | bytes | |
//! |---|---|
//! | 0..8 | `dytbimg1` |
//! | 8..16, 16..24 | n, size |
//! | 24..32 | length of the notes; 0 while the file is being decoded |
//! | 32..64 | SHA-256 of the key, the first 32 bytes, the table and the notes; 0 while it is being decoded |
//! | 64.. 64 + 8 n | the table: of each image whether it is there (u32, 0 or 1), and the CRC-32 of its bytes |
//! | then n · size | the images; nothing where one could not be read |
//! | then | the notes: `[[index, "why"], ...]` of those, as JSON |
//!
//! An image is written before its row of the table, and a row is believed while decoding goes on only where the CRC-32
//! is that of the bytes: after a crash of the machine one may be on the disk without the other.

use sha2::{Digest, Sha256};

/// Where the table begins.
pub(super) const TABLE: u64 = 64;
/// Bytes of a row of the table.
pub(super) const ROW: usize = 8;
/// The first bytes of a file.
const MAGIC: &[u8; 8] = b"dytbimg1";

/// The sizes in a file's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Images, also those that could not be read.
    pub count: u64,
    /// Bytes of an image.
    pub size: u64,
}

/// The first 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub layout: Layout,
    pub notes: u64,
    pub digest: [u8; 32],
}

/// Of one image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub is_there: bool,
    pub crc: u32,
}

impl Layout {
    /// Where the row of the image `index` is.
    pub fn row(self, index: usize) -> u64 {
        TABLE + (index * ROW) as u64
    }

    /// Where the image `index` is; of the one behind the last, where the notes are.
    pub fn image(self, index: u64) -> u64 {
        TABLE + self.count * ROW as u64 + index * self.size
    }

    /// Bytes of the table.
    pub fn table(self) -> usize {
        self.count as usize * ROW
    }

    /// Whether a file can be as long.
    pub fn is_possible(self) -> bool {
        let table = self.count.checked_mul(ROW as u64);
        let images = self.count.checked_mul(self.size);
        let sum = table.and_then(|table| table.checked_add(images?)?.checked_add(TABLE));
        sum.is_some_and(|sum| i64::try_from(sum).is_ok())
    }
}

impl Header {
    /// Of a file that is being decoded.
    pub fn begun(layout: Layout) -> Self {
        Self { layout, notes: 0, digest: [0; 32] }
    }

    /// The header as it is in a file.
    pub fn to_bytes(self) -> [u8; TABLE as usize] {
        let mut bytes = [0; TABLE as usize];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.layout.count.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.layout.size.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.notes.to_le_bytes());
        bytes[32..].copy_from_slice(&self.digest);
        bytes
    }

    /// The header in `bytes`, if it is one.
    pub fn from_bytes(bytes: &[u8; TABLE as usize]) -> Option<Self> {
        let (words, digest) = bytes.split_at(32);
        let (words, _) = words.as_chunks::<8>();
        let [_, count, size, notes] = [0, 1, 2, 3].map(|at| u64::from_le_bytes(words[at]));
        let layout = Layout { count, size };
        let is_one = words[0] == *MAGIC && layout.is_possible();
        is_one.then_some(Self { layout, notes, digest: digest.try_into().ok()? })
    }

    /// The digest of the file of this header, `key`, `table` and `notes`.
    pub fn digest_of(self, key: &str, table: &[u8], notes: &[u8]) -> [u8; 32] {
        let hash = Sha256::new().chain_update(key).chain_update(&self.to_bytes()[..32]);
        hash.chain_update(table).chain_update(notes).finalize().into()
    }
}

impl Row {
    /// Of an image of these bytes.
    pub fn of(image: &[u8]) -> Self {
        Self { is_there: true, crc: crc32fast::hash(image) }
    }

    /// The row as it is in a file.
    pub fn to_bytes(self) -> [u8; ROW] {
        (u64::from(self.is_there) | u64::from(self.crc) << 32).to_le_bytes()
    }

    /// The row in `bytes`.
    pub fn from_bytes(bytes: [u8; ROW]) -> Self {
        let word = u64::from_le_bytes(bytes);
        Self { is_there: word as u32 == 1, crc: (word >> 32) as u32 }
    }
}

/// The rows of a table.
pub(super) fn rows(table: &[u8]) -> Vec<Row> {
    table.as_chunks::<ROW>().0.iter().map(|bytes| Row::from_bytes(*bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_rows_come_back() {
        let layout = Layout { count: 3, size: 5 };
        let header = Header { layout, notes: 7, digest: [9; 32] };
        assert_eq!(Header::from_bytes(&header.to_bytes()), Some(header));
        assert_eq!((layout.row(2), layout.image(0), layout.image(3)), (80, 88, 103));
        let row = Row::of(b"123456789");
        // The check value of CRC-32/ISO-HDLC in the catalogue of CRC algorithms.
        assert_eq!(row.crc, 0xcbf4_3926);
        assert_eq!(rows(&[row.to_bytes(), [0; 8]].concat()), [row, Row::default()]);
        let mut other = header.to_bytes();
        other[0] = b'D';
        assert_eq!(Header::from_bytes(&other), None);
        let huge = Header::begun(Layout { count: u64::MAX / 8, size: u64::MAX });
        assert_eq!(Header::from_bytes(&huge.to_bytes()), None);
    }
}

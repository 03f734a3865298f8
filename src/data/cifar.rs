//! The binary version of CIFAR: records of `labels` label bytes, then an image
//! `[3 channels, 32 rows, 32 columns]`, one byte each: 3,073 bytes for CIFAR-10, 3,074 for
//! CIFAR-100 (coarse label, fine label).
//!
//! ```
//! use dytb::data::cifar::CIFAR_10;
//!
//! let mut file = vec![7; 1 + 3 * 32 * 32];
//! file[0] = 9;
//! let (pixels, labels) = CIFAR_10.parse(&file).unwrap();
//! assert_eq!((pixels.len(), labels), (3072, vec![9]));
//! ```
//!
//! Source: the section "Binary version" of the CIFAR-10 and CIFAR-100 page.

use std::fs::File;
use std::io::{self, Error, ErrorKind, Read};
use std::path::Path;

use super::files::unreadable;
use crate::error::Failure;

/// `[channels, height, width]` of an image.
pub const SHAPE: [usize; 3] = [3, 32, 32];

/// Bytes of an image.
const IMAGE: usize = 3 * 32 * 32;

/// CIFAR-10: one label of ten; at most 10,000 images a file.
pub const CIFAR_10: RecordLayout =
    RecordLayout { label_bytes: 1, label: 0, classes: 10, max_records: 10_000 };

/// CIFAR-100: the fine label of a hundred follows the coarse one; at most 50,000 images a file.
pub const CIFAR_100: RecordLayout =
    RecordLayout { label_bytes: 2, label: 1, classes: 100, max_records: 50_000 };

/// What a record looks like.
#[derive(Clone, Copy, Debug)]
pub struct RecordLayout {
    /// Label bytes before the image.
    pub label_bytes: usize,
    /// Which of them is the label, 0-based.
    pub label: usize,
    /// Labels are less than this.
    pub classes: u32,
    /// The most records that a file may have; a longer one is not read.
    pub max_records: usize,
}

impl RecordLayout {
    /// Bytes of a record.
    pub fn record(&self) -> usize {
        self.label_bytes + IMAGE
    }

    /// Pixels `[records, 3, 32, 32]` and labels `[records]` of a file's bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] where they are not one or more whole records, or a label is not
    /// less than the number of classes.
    pub fn parse(&self, bytes: &[u8]) -> io::Result<(Vec<u8>, Vec<u32>)> {
        self.check_size(bytes.len() as u64)?;
        let records = bytes.len() / self.record();
        let (mut pixels, mut labels) =
            (Vec::with_capacity(records * IMAGE), Vec::with_capacity(records));
        for (index, record) in bytes.chunks_exact(self.record()).enumerate() {
            let label = u32::from(record[self.label]);
            if label >= self.classes {
                let most = self.classes - 1;
                return Err(invalid(format!("image {index} has label {label}, more than {most}")));
            }
            labels.push(label);
            pixels.extend_from_slice(&record[self.label_bytes..]);
        }
        Ok((pixels, labels))
    }

    /// Reads a file, as [`parse`](Self::parse) does its bytes; its size is looked at first.
    ///
    /// # Errors
    /// A [`Failure`] that names the file.
    pub fn read(&self, path: &Path) -> Result<(Vec<u8>, Vec<u32>), Failure> {
        let read = || {
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            self.check_size(size)?;
            let mut bytes = Vec::with_capacity(size as usize);
            // Not past its size, should it grow meanwhile.
            file.take(size).read_to_end(&mut bytes)?;
            self.parse(&bytes)
        };
        read().map_err(|error| unreadable(path, error))
    }

    fn check_size(&self, size: u64) -> io::Result<()> {
        let (record, most) = (self.record() as u64, self.max_records as u64);
        if size == 0 || !size.is_multiple_of(record) {
            return Err(invalid(format!("its {size} bytes are not whole records of {record}")));
        }
        if size / record > most {
            return Err(invalid(format!("it has {} images; the most is {most}", size / record)));
        }
        Ok(())
    }
}

fn invalid(why: String) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    fn file(layout: RecordLayout, labels: &[u8]) -> Vec<u8> {
        let record = |&label: &u8| {
            let mut record = vec![label; layout.record()];
            record[..layout.label_bytes].fill(0);
            record[layout.label] = label;
            record
        };
        labels.iter().flat_map(record).collect()
    }

    #[test]
    fn one_and_two_labels() {
        for layout in [CIFAR_10, CIFAR_100] {
            let (pixels, labels) = layout.parse(&file(layout, &[3, 9])).unwrap();
            assert_eq!(labels, [3, 9]);
            assert_eq!(pixels, [[3; IMAGE], [9; IMAGE]].concat());
        }
    }

    #[test]
    fn damage_is_named() {
        let why = |layout: RecordLayout, bytes: &[u8]| layout.parse(bytes).unwrap_err().to_string();
        assert!(why(CIFAR_10, &file(CIFAR_10, &[1, 10])).contains("image 1 has label 10"));
        assert!(why(CIFAR_10, &file(CIFAR_10, &[1])[1..]).contains("3072 bytes are not whole"));
        assert!(why(CIFAR_10, &[]).contains("0 bytes"));
        assert!(why(CIFAR_100, &file(CIFAR_100, &[100])).contains("image 0 has label 100"));
        let short = RecordLayout { max_records: 9, ..CIFAR_100 };
        assert!(why(short, &file(short, &[1; 10])).contains("10 images"));
    }

    #[test]
    fn no_byte_makes_it_panic() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let whole = file(CIFAR_10, &[1, 2]);
        let mut read = 0;
        for _ in 0..2_000 {
            let mut bytes = whole.clone();
            bytes[random.random_range(0..2) * CIFAR_10.record()] = random.random();
            bytes.truncate(whole.len() / random.random_range(1..3) - random.random_range(0..2));
            if let Ok((pixels, labels)) = CIFAR_10.parse(&bytes) {
                read += 1;
                assert!(labels.iter().all(|&label| label < 10));
                assert_eq!(pixels.len(), labels.len() * IMAGE);
            }
        }
        assert!(read > 100, "only {read} files were whole: the loop tests too little");
    }
}

//! 1,797 handwritten digits, `[1, 8, 8]`, in the program itself: no file, no network.
//!
//! E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
//! Repository, doi 10.24432/C50P49, CC BY 4.0; see `inputs/data/README.md`.

use std::io::Read;

use anyhow::{Context, Result, ensure};

use dytb::{Dataset, Examples, Input, Split};

/// 64 pixels of 0 to 16 and a digit a line, packed by gzip.
const FILE: &[u8] = include_bytes!("data/optdigits.csv.gz");

/// Bytes of the unpacked file.
const UNPACKED: usize = 264_712;

/// A pixel full of ink in the file; drawn white.
const INK: u32 = 16;

/// `--dataset Digits`: 1,297 for training, the first 250 lines of the file for validation, the last
/// 250 for the test.
pub struct Digits;

impl Dataset for Digits {
    fn shape(&self) -> [usize; 3] {
        [1, 8, 8]
    }

    fn num_classes(&self) -> usize {
        10
    }

    fn load(&self, split: Split) -> Result<Examples> {
        let mut text = String::with_capacity(UNPACKED);
        flate2::read::GzDecoder::new(FILE).read_to_string(&mut text)?;
        let lines: Vec<_> = text.lines().collect();
        let (first, last) = (250, lines.len() - 250);
        let lines = match split {
            Split::Validation => &lines[..first],
            Split::Train => &lines[first..last],
            Split::Test => &lines[last..],
        };
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for line in lines {
            let numbers: Vec<u32> = line.split(',').map(str::parse).collect::<Result<_, _>>()?;
            let (label, ink) = numbers.split_last().context("an empty line")?;
            ensure!(ink.iter().all(|&ink| ink <= INK) && *label < 10, "Digits: {line}");
            // Rounded to the nearest.
            pixels.extend(ink.iter().map(|ink| ((ink * 255 + INK / 2) / INK) as u8));
            labels.push(*label);
        }
        Examples::new(self.shape(), pixels, labels)
    }
}

/// `--dataset Digits`
pub const INPUT: Input = |_| Ok(Box::new(Digits));

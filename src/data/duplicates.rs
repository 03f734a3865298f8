//! Images that are there twice, byte for byte: within a split, and in two splits.
//!
//! ```text
//! CRC-32 of each image -> sorted (CRC-32, index) -> those of one CRC-32 are compared byte by byte
//! ```
//!
//! The CRC-32 only finds what may be equal: no image is called a copy that is not one. Of images in a
//! [file](super::store) it stands in the file's table, and no image is read but those that are compared; of images in
//! memory all threads compute it. It is not the SHA-256 of a run's data, which is over all images in their order and
//! tells nothing of a single one.
//!
//! ```
//! use dytb::Examples;
//! use dytb::data::duplicates::Catalogue;
//!
//! let train = Examples::new([1, 1, 1], vec![10, 20, 10], vec![0, 1, 1])?;
//! let validation = Examples::new([1, 1, 1], vec![30, 20], vec![0, 1])?;
//! let train = Catalogue::of(&train)?;
//! assert_eq!(train.copies_within()?[0].index, 2);
//! let shared = train.copies_in(&Catalogue::of(&validation)?)?;
//! assert_eq!((shared[0].index, shared[0].of), (1, 1));
//! # anyhow::Ok(())
//! ```

use anyhow::Result;
use rayon::prelude::*;

use super::Examples;
use crate::util::parallel::try_map;

/// An image that is another one's copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its number in its split.
    pub index: usize,
    /// The number, in the split that was searched, of the first image that it equals.
    pub of: usize,
}

/// The images of a split, ready to be searched.
pub struct Catalogue<'a> {
    examples: &'a Examples,
    /// By example.
    checksums: Vec<u32>,
    /// `(CRC-32, index)`, sorted.
    sorted: Vec<(u32, u32)>,
}

impl<'a> Catalogue<'a> {
    /// Of the images of `examples`.
    ///
    /// # Errors
    /// Where an image cannot be read.
    pub fn of(examples: &'a Examples) -> Result<Self> {
        let checksums = try_map(examples.len(), |index| examples.checksum(index))?;
        let mut sorted: Vec<_> = checksums.iter().copied().zip(0..).collect();
        sorted.par_sort_unstable();
        Ok(Self { examples, checksums, sorted })
    }

    /// The images that equal an earlier one of the same split, by their index.
    ///
    /// # Errors
    /// Where an image cannot be read.
    pub fn copies_within(&self) -> Result<Vec<Copied>> {
        self.found(self, true)
    }

    /// The images of `other` that are here too, by their index there.
    ///
    /// # Errors
    /// Where an image cannot be read.
    pub fn copies_in(&self, other: &Catalogue) -> Result<Vec<Copied>> {
        self.found(other, false)
    }

    /// The images of `other` that equal one here; an earlier one where the two are one split.
    fn found(&self, other: &Catalogue, is_same: bool) -> Result<Vec<Copied>> {
        let copies = try_map(other.examples.len(), |index| -> Result<_> {
            let end = if is_same { index } else { self.examples.len() };
            let first = self.first_like(other, index, end)?;
            Ok(first.map(|of| Copied { index, of }))
        });
        Ok(copies?.into_iter().flatten().collect())
    }

    /// The first image here, before `end`, that equals the image `index` of `other`.
    fn first_like(&self, other: &Catalogue, index: usize, end: usize) -> Result<Option<usize>> {
        let checksum = other.checksums[index];
        let begin = self.sorted.partition_point(|(this, _)| *this < checksum);
        let alike = self.sorted[begin..].iter().take_while(|(this, _)| *this == checksum);
        let mut alike = alike.map(|(_, place)| *place as usize).take_while(|place| *place < end);
        let Some(first) = alike.next() else { return Ok(None) };
        let image = other.examples.image(index)?;
        for place in std::iter::once(first).chain(alike) {
            if self.examples.image(place)? == image {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(images: &[[u8; 8]]) -> Examples {
        Examples::new([2, 2, 2], images.concat(), vec![0; images.len()]).unwrap()
    }

    /// The image of number `n`; no two are equal.
    fn image(n: u64) -> [u8; 8] {
        n.to_le_bytes()
    }

    #[test]
    fn copies_are_those_of_the_first() {
        let train = examples(&[1, 2, 1, 3, 1, 2].map(image));
        let validation = examples(&[9, 1, 3, 8, 1].map(image));
        let [train, validation] = [&train, &validation].map(|part| Catalogue::of(part).unwrap());
        let pairs = |copies: Vec<Copied>| -> Vec<_> {
            copies.iter().map(|copied| (copied.index, copied.of)).collect()
        };
        assert_eq!(pairs(train.copies_within().unwrap()), [(2, 0), (4, 0), (5, 1)]);
        assert_eq!(pairs(validation.copies_within().unwrap()), [(4, 1)]);
        assert_eq!(pairs(train.copies_in(&validation).unwrap()), [(1, 0), (2, 3), (4, 0)]);
        assert_eq!(pairs(validation.copies_in(&train).unwrap()).len(), 4);
    }

    /// Two images of one CRC-32: the 64 bits are more than its 32, and it is linear, so that the CRC-32s of a and
    /// a ^ d are equal for the d whose CRC-32 without start and end is 0: its generator, x^32 + x^26 + ... + 1.
    #[test]
    fn one_checksum_is_no_copy() {
        // 0x1_04C1_1DB7 with the bits of each byte turned round, as the CRC takes them in.
        let generator = 0x1_db71_0641_u64;
        let (one, other) = (image(0), image(generator));
        let split = examples(&[one, other, other]);
        let catalogue = Catalogue::of(&split).unwrap();
        assert_eq!(catalogue.checksums[0], catalogue.checksums[1]);
        assert_eq!(catalogue.copies_within().unwrap(), [Copied { index: 2, of: 1 }]);
    }
}

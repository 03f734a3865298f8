//! Where a JPEG file's picture ends.
//!
//! ```text
//! SOI  (marker, length, length - 2 bytes)*  (SOS, its segment, coded pixels)+  EOI  anything
//! ff d8                                      ff da                             ff d9
//! ```
//!
//! In coded pixels a byte ff is followed by 00, or by a restart marker (d0 to d7); any other marker
//! ends them. A progressive file has several scans, and other segments between them. Pictures within
//! segments (the thumbnail in the EXIF data) are skipped with them, and so is what cameras and phones
//! put behind the end: a film, a second picture, a maker's data.
//!
//! ```
//! use dytb::data::jpeg::end;
//!
//! let file = [0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0, 8, 0xff, 0xd9, 0xff, 0xda];
//! assert_eq!(end(&file), Some(12));
//! assert_eq!(end(&file[..11]), None);
//! ```
//!
//! Source: ITU-T T.81, annex B.

/// What every JPEG file begins with: SOI, and the first byte of a marker.
pub const START: [u8; 3] = [0xff, 0xd8, 0xff];

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;

/// The number of bytes of `file` up to its EOI, that included; `None` where the file is cut off
/// before it. A decoder fills what is missing with grey and says nothing.
pub fn end(file: &[u8]) -> Option<usize> {
    let mut at = START.len() - 1;
    loop {
        let (marker, after) = next_marker(file, at)?;
        at = match marker {
            EOI => return Some(after),
            // Another picture begins before this one has ended.
            SOI => return None,
            // Without a segment: TEM, and restarts.
            0x01 | 0xd0..=0xd7 => after,
            _ => after_segment(file, after)?,
        };
        if marker == SOS {
            at = after_scan(file, at)?;
        }
    }
}

/// The first marker from `at` on, and the place after it. Any number of bytes ff may precede one, and
/// ff 00 is none.
fn next_marker(file: &[u8], at: usize) -> Option<(u8, usize)> {
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xff);
    let first = at + file.get(at..)?.windows(2).position(is_marker)?;
    Some((file[first + 1], first + 2))
}

/// The place after the segment whose length is at `at`.
fn after_segment(file: &[u8], at: usize) -> Option<usize> {
    let length = u16::from_be_bytes([*file.get(at)?, *file.get(at + 1)?]);
    Some(at + usize::from(length).max(2))
}

/// The place of the first marker after the coded pixels at `at`.
fn after_scan(file: &[u8], at: usize) -> Option<usize> {
    let is_end = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
    Some(at + file.get(at..)?.windows(2).position(is_end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment of this marker and content.
    fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker], &length[..], content].concat()
    }

    /// With a thumbnail in its EXIF data, two scans and a restart, and its parts.
    fn file() -> Vec<u8> {
        let thumbnail = [&START[..], &[0xda, 0, 2, 1, 0xff, EOI]].concat();
        let scan = |pixels: &[u8]| [segment(SOS, &[1, 2, 3]), pixels.to_vec()].concat();
        [
            vec![0xff, SOI],
            segment(0xe1, &thumbnail),
            segment(0xc2, &[0xff, EOI, 0xff, SOS]),
            scan(&[1, 0xff, 0, 2, 0xff, 0xd3, 5, 0xff, 0xff, 0]),
            segment(0xc4, &[9; 300]),
            vec![0xff, 0xff],
            scan(&[0xff, 0, 0xff, 0]),
            vec![0xff, 0xff, EOI],
        ]
        .concat()
    }

    #[test]
    fn cut_anywhere_it_has_no_end() {
        let file = file();
        assert_eq!(end(&file), Some(file.len()));
        for size in 0..file.len() {
            assert_eq!(end(&file[..size]), None, "{size}");
        }
    }

    /// What is behind the end changes nothing, and makes no end of a cut file.
    #[test]
    fn what_follows_is_no_part_of_it() {
        let file = file();
        let second = [&START[..], &[0xda, 0, 2, 4]].concat();
        for behind in [&b"ftypmp42 a film"[..], &[0xff, SOS], &[0xff; 9], &second, &file] {
            assert_eq!(end(&[&file, behind].concat()), Some(file.len()));
        }
        assert_eq!(end(&[&file[..file.len() - 3], &file].concat()), None);
    }
}

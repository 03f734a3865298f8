//! IDX, the format of MNIST: `0 0 8 rank`, then `rank` sizes as big-endian u32, then the bytes of
//! an array of u8 with these sizes, the last one varying fastest.
//!
//! ```
//! let file = [0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9];
//! let array = dytb::data::idx::read(&file[..], 100).unwrap();
//! assert_eq!((array.dims(), array.bytes()), (&[1, 3][..], &[7, 8, 9][..]));
//! ```
//!
//! Source: the section "FILE FORMATS FOR THE MNIST DATABASE" of MNIST's page.

use crate::util::hex::hex;
use std::fs::File;
use std::io::{self, BufRead, Error, ErrorKind, Read};
use std::path::Path;

use flate2::read::{GzDecoder, MultiGzDecoder};
use sha2::{Digest, Sha256};

use super::files::unreadable;
use crate::error::Failure;

/// The code of "unsigned byte", the only type of element that is read.
const UNSIGNED_BYTE: u8 = 8;

/// What every file packed by gzip begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An array of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    dims: Vec<u32>,
    bytes: Vec<u8>,
}

impl Idx {
    /// Its sizes, the slowest first: `[examples, height, width]` for images.
    pub fn dims(&self) -> &[u32] {
        &self.dims
    }

    /// Its elements; as many as the product of [`dims`](Self::dims).
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// SHA-256 of the unpacked file, header and all, in lower-case hexadecimal digits.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        hash.update([0, 0, UNSIGNED_BYTE, self.dims.len() as u8]);
        for dim in &self.dims {
            hash.update(dim.to_be_bytes());
        }
        hash.update(&self.bytes);
        hex(&hash.finalize())
    }
}

/// Reads an unpacked file of at most `limit` elements.
///
/// # Errors
/// [`ErrorKind::InvalidData`] where it is no IDX file of bytes, promises more than `limit` elements,
/// or has fewer or more than it promises; the reader's own errors.
pub fn read(mut reader: impl Read, limit: usize) -> io::Result<Idx> {
    let dims = header(&mut reader)?;
    let promised = dims.iter().try_fold(1, |product: usize, &dim| {
        product.checked_mul(dim as usize).filter(|&product| product <= limit)
    });
    let Some(promised) = promised else {
        return Err(invalid(format!("its header promises {dims:?} bytes; the most is {limit}")));
    };
    let mut bytes = Vec::new();
    // One byte more than promised: so a longer file shows, and gzip checks its checksum at the end.
    reader.take(promised as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() != promised {
        let than = if bytes.len() < promised { "less" } else { "more" };
        return Err(invalid(format!("it holds {than} than the {promised} bytes of its header")));
    }
    Ok(Idx { dims, bytes })
}

/// Reads a file, as [`read`] does, whether it is packed by gzip (in one piece or in several) or not;
/// its first bytes tell, whatever its name. What follows the packed pieces is not looked at.
///
/// # Errors
/// A [`Failure`] that names the file.
pub fn read_file(path: &Path, limit: usize) -> Result<Idx, Failure> {
    let open = || File::open(path).map(io::BufReader::new);
    let read = || {
        let mut file = open()?;
        if !file.fill_buf()?.starts_with(&GZIP) {
            return read(file, limit);
        }
        // What follows may be another piece, or anything.
        read(MultiGzDecoder::new(file), limit)
            .or_else(|error| read(GzDecoder::new(open()?), limit).map_err(|_| error))
    };
    read().map_err(|error| unreadable(path, error))
}

/// The sizes that the header gives.
fn header(reader: &mut impl Read) -> io::Result<Vec<u32>> {
    let mut magic = [0; 4];
    reader.read_exact(&mut magic)?;
    let [0, 0, UNSIGNED_BYTE, rank] = magic else {
        return Err(invalid(format!("it starts with {magic:?}, not [0, 0, 8, rank]")));
    };
    let mut dims = Vec::new();
    for _ in 0..rank {
        let mut dim = [0; 4];
        reader.read_exact(&mut dim)?;
        dims.push(u32::from_be_bytes(dim));
    }
    Ok(dims)
}

fn invalid(why: String) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

    const FILE: [u8; 16] = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4];

    fn why(file: &[u8], limit: usize) -> String {
        read(file, limit).unwrap_err().to_string()
    }

    #[test]
    fn any_rank() {
        let array = read(&FILE[..], 4).unwrap();
        assert_eq!((array.dims(), array.bytes()), (&[2, 2][..], &[1, 2, 3, 4][..]));
        let scalar = read(&[0, 0, 8, 0, 9][..], 4).unwrap();
        assert_eq!((scalar.dims(), scalar.bytes()), (&[][..], &[9][..]));
    }

    #[test]
    fn sha256_is_that_of_the_file() {
        assert_eq!(read(&FILE[..], 4).unwrap().sha256(), hex(&Sha256::digest(FILE)));
    }

    #[test]
    fn sizes_must_be_true() {
        assert!(why(&FILE[..15], 4).contains("less than the 4 bytes"));
        assert!(why(&[&FILE[..], &[5]].concat(), 4).contains("more than the 4 bytes"));
        assert!(why(&FILE, 3).contains("the most is 3"));
        assert_eq!(read(&FILE[..9], 4).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn packed_in_pieces_or_not_at_all() {
        use flate2::{Compression, write::GzEncoder};
        use std::io::Write;
        let gz = |bytes: &[u8]| {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(bytes).unwrap();
            packed.finish().unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.gz");
        let pieces = [gz(&FILE[..5]), gz(&FILE[5..13]), gz(&[]), gz(&FILE[13..])].concat();
        for whole in [FILE.to_vec(), gz(&FILE), pieces] {
            std::fs::write(&path, &whole).unwrap();
            assert_eq!(read_file(&path, 4).unwrap(), read(&FILE[..], 4).unwrap());
            std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
            let text = read_file(&path, 4).unwrap_err().to_string();
            assert!(text.contains("a.gz is damaged"), "{text}");
        }
        std::fs::write(&path, [&gz(&FILE)[..], &[0; 512]].concat()).unwrap();
        assert_eq!(read_file(&path, 4).unwrap(), read(&FILE[..], 4).unwrap());
        std::fs::write(&path, [&FILE[..], &[1]].concat()).unwrap();
        assert!(read_file(&path, 4).unwrap_err().to_string().contains("more than the 4 bytes"));
    }

    #[test]
    fn huge_promises_take_no_memory() {
        let file = [&[0, 0, 8, 255][..], &[255; 4 * 255]].concat();
        assert!(why(&file, usize::MAX).contains("promises"));
        // Allowed by the limit, yet only what is there is read.
        let file = [&[0, 0, 8, 1][..], &[255; 4], &[1]].concat();
        assert!(why(&file, usize::MAX).contains("less than the 4294967295"));
    }

    #[test]
    fn other_types_are_refused() {
        assert!(why(&[0, 0, 13, 1, 0, 0, 0, 0], 9).contains("[0, 0, 13, 1]"));
    }

    #[test]
    fn no_byte_makes_it_panic() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut whole = 0;
        for _ in 0..20_000 {
            let mut file = FILE.to_vec();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..file.len());
                file[at] = random.random();
            }
            file.truncate(random.random_range(0..=file.len() * 2));
            if let Ok(array) = read(&file[..], 1 << 20) {
                whole += 1;
                let size: u32 = array.dims().iter().product();
                assert_eq!(array.bytes().len(), size as usize);
            }
        }
        assert!(whole > 1_000, "only {whole} files were whole: the loop tests too little");
    }
}

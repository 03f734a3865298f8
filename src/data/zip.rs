//! Files of a zip archive, read into memory: nothing is written, so a path in the archive, whatever
//! it is, leads nowhere on the disk.

use std::collections::HashMap;
use std::fs::File;
use std::hash::Hash;
use std::io::{self, BufReader, Error, ErrorKind, Read};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

/// An archive whose files are called for by a key.
pub struct Zip<K> {
    archive: ZipArchive<BufReader<File>>,
    places: HashMap<K, usize>,
}

impl<K: Eq + Hash> Zip<K> {
    /// Opens the archive at `path`. `key` gives the key of a file by its path in the archive, or
    /// `None` for one that is not wanted.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] where it is damaged or has two files of one key; those of reading.
    pub fn open(path: &Path, key: impl Fn(&str) -> Option<K>) -> io::Result<Self> {
        let archive = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(error)?;
        let mut places = HashMap::new();
        for (place, name) in archive.file_names().enumerate() {
            let name = name.map_err(error)?;
            if let Some(key) = key(&name)
                && places.insert(key, place).is_some()
            {
                return Err(invalid(format!("it has {name} twice")));
            }
        }
        Ok(Self { archive, places })
    }

    /// Whether it has a file of `key`.
    pub fn has(&self, key: &K) -> bool {
        self.places.contains_key(key)
    }

    /// The content of the file of `key`, of at most `limit` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] where it is damaged, longer, packed in an unknown way or
    /// encrypted; [`ErrorKind::NotFound`] where there is none; those of reading.
    pub fn read(&mut self, key: &K, limit: u64) -> io::Result<Vec<u8>> {
        let place = *self.places.get(key).ok_or(ErrorKind::NotFound)?;
        let file = self.archive.by_index(place).map_err(error)?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(invalid(format!("it is longer than {limit} bytes")));
        }
        Ok(bytes)
    }
}

fn error(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => error,
        error => invalid(error.to_string()),
    }
}

fn invalid(why: String) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::CompressionMethod::{Deflated, Stored};
    use zip::write::{SimpleFileOptions, ZipWriter};

    /// An archive of files: path, content.
    fn archive(path: &Path, files: &[(&str, &[u8])]) {
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        for (number, (name, content)) in files.iter().enumerate() {
            let method = if number % 2 == 0 { Deflated } else { Stored };
            let options = SimpleFileOptions::default().compression_method(method);
            zip.start_file(*name, options).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
    }

    /// The number at the end of a path.
    fn number(path: &str) -> Option<u32> {
        path.rsplit('/').next()?.parse().ok()
    }

    #[test]
    fn files_by_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        archive(&path, &[("a/1", b"one"), ("../../2", b"two"), ("readme", b"no"), ("/etc/3", b"")]);
        let mut zip = Zip::open(&path, number).unwrap();
        assert_eq!(zip.read(&1, 3).unwrap(), b"one");
        assert_eq!(zip.read(&2, 9).unwrap(), b"two");
        assert!(zip.has(&3) && !zip.has(&4));
        assert!(zip.read(&1, 2).unwrap_err().to_string().contains("longer than 2"));
        assert_eq!(zip.read(&4, 9).unwrap_err().kind(), ErrorKind::NotFound);
        // Nothing but the archive is on the disk.
        assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        archive(&path, &[("1", &vec![0; 50 << 20])]);
        assert!(path.metadata().unwrap().len() < 1 << 20);
        let why = Zip::open(&path, number).unwrap().read(&1, 1_000).unwrap_err();
        assert_eq!(why.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn two_files_of_a_key_and_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zip");
        archive(&path, &[("a/1", b"one"), ("b/1", b"one")]);
        let why = Zip::open(&path, number).err().unwrap();
        assert_eq!(
            (why.kind(), why.to_string()),
            (ErrorKind::InvalidData, "it has b/1 twice".into())
        );
        let whole = std::fs::read(&path).unwrap();
        for size in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..size]).unwrap();
            let why = Zip::open(&path, number).err().unwrap();
            assert!(
                matches!(why.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof),
                "{why}"
            );
        }
    }
}

//! Images in a file of the store.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::layout::{Header, Row, TABLE, rows};
use super::positioned::Positioned;
use crate::error::{Exit, Failure};

/// A whole file of images, open for reading and locked against its removal.
pub(in crate::data) struct StoredImages {
    file: Positioned,
    path: PathBuf,
    header: Header,
    rows: Vec<Row>,
    left_out: Vec<(usize, String)>,
}

impl StoredImages {
    /// Opens the file at `path`, which has to be that of `key`; `None` where it is damaged.
    ///
    /// # Errors
    /// Those of reading.
    pub fn open(path: &Path, key: &str) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        // Without locks nobody removes it either. It is ours until the file is closed.
        let _ = file.lock_shared();
        // When it was last used; that of another user cannot be told so.
        let writable = File::options().write(true).open(path);
        let _ = writable.and_then(|file| file.set_modified(SystemTime::now()));
        let bytes = file.metadata()?.len();
        let file = Positioned::new(file);
        match Self::read(&file, bytes, key) {
            Ok(Some((header, rows, left_out))) => {
                Ok(Some(Self { file, path: path.to_owned(), header, rows, left_out }))
            }
            Ok(None) => Ok(None),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is in `file`, of `bytes` bytes, beside the images.
    #[expect(clippy::type_complexity, reason = "it is taken apart where it is returned")]
    fn read(
        file: &Positioned,
        bytes: u64,
        key: &str,
    ) -> io::Result<Option<(Header, Vec<Row>, Vec<(usize, String)>)>> {
        let mut head = [0; TABLE as usize];
        file.read_exact_at(&mut head, 0)?;
        let Some(header) = Header::from_bytes(&head) else { return Ok(None) };
        let end = header.layout.image(header.layout.count);
        // Before memory is taken for what a header promises.
        if end.checked_add(header.notes) != Some(bytes) {
            return Ok(None);
        }
        let (mut table, mut notes) =
            (vec![0; header.layout.table()], vec![0; header.notes as usize]);
        file.read_exact_at(&mut table, TABLE)?;
        file.read_exact_at(&mut notes, end)?;
        if header.digest != header.digest_of(key, &table, &notes) {
            return Ok(None);
        }
        let left_out = serde_json::from_slice(&notes).ok();
        Ok(left_out.map(|left_out| (header, rows(&table), left_out)))
    }

    /// The bytes of the image `index`.
    ///
    /// # Errors
    /// [`Exit::Failed`] where they cannot be read, or are not those that were written.
    pub fn image(&self, index: usize) -> Result<Vec<u8>, Failure> {
        let mut image = vec![0; self.header.layout.size as usize];
        self.read_image(index, &mut image)?;
        Ok(image)
    }

    /// Fills `image` with the bytes of the image `index`.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    pub fn read_image(&self, index: usize, image: &mut [u8]) -> Result<(), Failure> {
        let position = self.header.layout.image(index as u64);
        match self.file.read_exact_at(image, position) {
            Ok(()) if self.rows[index] == Row::of(image) => Ok(()),
            Ok(()) => Err(self.damaged(index, "its bytes are not those that were written")),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(self.damaged(index, "the file ends before it"))
            }
            Err(error) => Err(Failure::new(Exit::Failed, format!("cannot read {}", self.path.display()))
                .why(error.to_string())
                .help("see what is wrong with that disk; the same command goes on from its last checkpoint")),
        }
    }

    fn damaged(&self, index: usize, why: &str) -> Failure {
        Failure::new(Exit::Failed, format!("{} is damaged", self.path.display()))
            .why(format!("image {index} of it: {why}"))
            .help(
                "remove that file, which only keeps decoded images: the next run decodes them again from the data set, \
                 and a training goes on from its last checkpoint",
            )
    }

    /// The CRC-32 of the image `index`, without reading it.
    pub fn checksum(&self, index: usize) -> u32 {
        self.rows[index].crc
    }

    /// The numbers of the images that are there.
    pub fn kept(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|&index| self.rows[index].is_there).collect()
    }

    /// The images that could not be read, and why.
    pub fn left_out(&self) -> &[(usize, String)] {
        &self.left_out
    }

    /// Another one where the images may be others.
    pub fn digest(&self) -> &[u8; 32] {
        &self.header.digest
    }
}

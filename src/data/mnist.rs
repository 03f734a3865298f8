//! The four files of MNIST and of the data sets made to take its place: images `[examples, 28, 28]`
//! and labels `[examples]`, for training and for the test, each an [IDX file](super::idx) packed by
//! gzip.
//!
//! As in TensorFlow's `read_data_sets`, the FIRST 5,000 of the training file are for validation.
//! The test files are opened for the test alone.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::files::{obtain, unreadable};
use super::idx::{Idx, read_gz};
use crate::download::{RemoteFile, sha256_of};
use crate::{Examples, Exit, Failure, Split};

/// `[channels, height, width]` of an image.
pub const SHAPE: [usize; 3] = [1, 28, 28];

/// Number of classes.
pub const CLASSES: usize = 10;

/// Bytes of an image.
const IMAGE: usize = 28 * 28;

/// The most images that a file has.
const MOST: usize = 60_000;

/// Examples of the training file that are for validation.
const VALIDATION: usize = 5_000;

/// Names of the files: training images and labels, test images and labels.
const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// The files of a data set.
#[derive(Clone, Copy, Debug)]
pub struct Files {
    /// The data set.
    pub name: &'static str,
    /// The addresses of the folders that have them, in the order in which they are tried.
    pub mirrors: &'static [&'static str],
    /// Training images and labels, test images and labels.
    pub parts: [Part; 4],
}

/// How a file is known.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Size of the packed file.
    pub bytes: u64,
    /// SHA-256 of the packed file, in lower-case hexadecimal digits.
    pub sha256: &'static str,
    /// The same of what it unpacks to, if that is published: the same bytes packed anew are then
    /// welcome.
    pub unpacked_sha256: Option<&'static str>,
}

impl Files {
    /// The examples of `split`, from `folder`; files that are missing there are downloaded.
    ///
    /// # Errors
    /// Those of [`obtain`]; where a file is not the official one, a failure that names it.
    pub fn load(&self, split: Split, folder: &Path, offline: bool) -> Result<Examples> {
        // All of them, so that a run does not end without its test files.
        let paths = self.obtain(folder, offline)?;
        let first = if split == Split::Test { 2 } else { 0 };
        let read = |number: usize| self.read(&self.parts[number], &paths[number]);
        let mut pixels = read(first)?.into_bytes();
        let mut labels: Vec<u32> =
            read(first + 1)?.into_bytes().into_iter().map(u32::from).collect();
        match split {
            Split::Train => {
                pixels.drain(..VALIDATION * IMAGE);
                labels.drain(..VALIDATION);
            }
            Split::Validation => {
                pixels.truncate(VALIDATION * IMAGE);
                labels.truncate(VALIDATION);
            }
            Split::Test => {}
        }
        Examples::new(SHAPE, pixels, labels)
    }

    fn obtain(&self, folder: &Path, offline: bool) -> Result<Vec<PathBuf>, Failure> {
        let urls = NAMES.map(|name| -> Vec<_> {
            self.mirrors.iter().map(|mirror| format!("{mirror}{name}")).collect()
        });
        let urls = urls.each_ref().map(|urls| urls.iter().map(String::as_str).collect::<Vec<_>>());
        let remotes: Vec<_> = (0..NAMES.len())
            .map(|number| RemoteFile {
                name: NAMES[number],
                urls: &urls[number],
                bytes: self.parts[number].bytes,
                sha256: self.parts[number].sha256,
            })
            .collect();
        obtain(self.name, folder, &remotes, offline)
    }

    /// The content of `part`; its checksum makes sizes and labels right too.
    fn read(&self, part: &Part, path: &Path) -> Result<Idx, Failure> {
        // Not "delete it" at once: it may be the right file of the other data set.
        let wrong = |what: String, sha256: &str| {
            let name = self.name;
            Failure::new(Exit::Failed, format!("{} is not {name}'s", path.display()))
                .why(format!("{what}; that of {name} is {sha256}"))
                .remedy(format!(
                    "MNIST and FashionMNIST name their files alike: name the folder of {name}'s with \
                     `--data_dir`; if this is it, delete the file and run again to download it"
                ))
        };
        if part.unpacked_sha256.is_none() {
            let found = sha256_of(path).map_err(|error| unreadable(path, error))?;
            if found != part.sha256 {
                return Err(wrong(format!("its sha256 is {found}"), part.sha256));
            }
        }
        let content = read_gz(path, MOST * IMAGE)?;
        if let Some(sha256) = part.unpacked_sha256 {
            let found = content.sha256();
            if found != sha256 {
                let sizes = content.dims();
                let what = format!("it unpacks to {sizes:?} bytes of sha256 {found}");
                return Err(wrong(what, sha256));
            }
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::files::hex;
    use flate2::{Compression, write::GzEncoder};
    use sha2::{Digest, Sha256};
    use std::io::Write;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    /// Three images more than the validation has and two for the test; image n is full of n % 256,
    /// its label is n % 10.
    fn contents() -> [Vec<u8>; 4] {
        let image = |n: usize| vec![(n % 256) as u8; IMAGE];
        let file = |count: usize, images: bool| {
            let dims = if images { vec![count, 28, 28] } else { vec![count] };
            let mut file = vec![0, 0, 8, dims.len() as u8];
            dims.iter().for_each(|&dim| file.extend((dim as u32).to_be_bytes()));
            match images {
                true => file.extend((0..count).flat_map(image)),
                false => file.extend((0..count).map(|n| (n % 10) as u8)),
            }
            file
        };
        let train = VALIDATION + 3;
        [file(train, true), file(train, false), file(2, true), file(2, false)]
    }

    /// The same files as a data set, known by what they unpack to or by the packed files.
    fn files(contents: &[Vec<u8>; 4], unpacked: bool) -> Files {
        let sum = |bytes: &[u8]| -> &'static str { hex(&Sha256::digest(bytes)).leak() };
        let part = |n: usize| Part {
            bytes: 0,
            sha256: if unpacked { "" } else { sum(&gz(&contents[n])) },
            unpacked_sha256: unpacked.then(|| sum(&contents[n])),
        };
        Files { name: "Set", mirrors: &[], parts: [0, 1, 2, 3].map(part) }
    }

    #[test]
    fn the_first_images_are_for_validation() {
        let folder = tempfile::tempdir().unwrap();
        let contents = contents();
        for (name, content) in NAMES.iter().zip(&contents) {
            std::fs::write(folder.path().join(name), gz(content)).unwrap();
        }
        for unpacked in [true, false] {
            let files = files(&contents, unpacked);
            let load = |split| files.load(split, folder.path(), true).unwrap();
            let train = load(Split::Train);
            assert_eq!((train.len(), train.labels()), (3, &[0, 1, 2][..]));
            assert_eq!(train.image(0), [(VALIDATION % 256) as u8; IMAGE]);
            let validation = load(Split::Validation);
            assert_eq!((validation.len(), validation.image(7)), (VALIDATION, &[7; IMAGE][..]));
            assert_eq!(load(Split::Test).labels(), [0, 1]);
        }
    }

    /// Packed by another program, a file is welcome where what it unpacks to is known.
    #[test]
    fn other_packing_and_other_content() {
        let folder = tempfile::tempdir().unwrap();
        let mut contents = contents();
        let [by_content, by_file] = [true, false].map(|unpacked| files(&contents, unpacked));
        let write = |contents: &[Vec<u8>; 4]| {
            for (name, content) in NAMES.iter().zip(contents) {
                let mut packed = GzEncoder::new(Vec::new(), Compression::none());
                packed.write_all(content).unwrap();
                std::fs::write(folder.path().join(name), packed.finish().unwrap()).unwrap();
            }
        };
        let why = |files: &Files| match files.load(Split::Test, folder.path(), true) {
            Ok(examples) => format!("{} examples", examples.len()),
            Err(error) => error.to_string(),
        };
        write(&contents);
        assert_eq!(why(&by_content), "2 examples");
        let refused = why(&by_file);
        assert!(
            refused.contains("t10k-images-idx3-ubyte.gz is not Set's\n  its sha256 is"),
            "{refused}"
        );
        assert!(refused.contains("FashionMNIST"), "{refused}");
        *contents[2].last_mut().unwrap() ^= 1;
        write(&contents);
        assert!(why(&by_content).contains("it unpacks to [2, 28, 28] bytes"));
    }
}

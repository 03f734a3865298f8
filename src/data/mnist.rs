//! The four files of MNIST and of the data sets made to take its place: images `[examples, 28, 28]`
//! and labels `[examples]`, for training and for the test, each an [IDX file](super::idx), packed by
//! gzip or not.
//!
//! A file may have any of the names that it is found by elsewhere: `train-images-idx3-ubyte.gz`,
//! `train-images-idx3-ubyte`, and the two with a dot for the last but one dash
//! (`train-images.idx3-ubyte`), also in a folder of that name. Its content decides, not its name: the
//! first of them that has the right checksum is read.
//!
//! As in TensorFlow's `read_data_sets`, the FIRST 5,000 of the training file are for validation.
//! The test files are used by the test alone; whether they are whole is looked at before.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::files::{obtain, unreadable};
use super::idx::{Idx, read_file};
use crate::data::download::{RemoteFile, sha256_of};
use crate::data::{Examples, Split};
use crate::error::{Exit, Failure};

/// `[channels, height, width]` of an image.
pub const SHAPE: [usize; 3] = [1, 28, 28];

/// Number of classes.
pub const CLASSES: usize = 10;

/// Bytes of an image.
const IMAGE: usize = 28 * 28;

/// The most images that a file has.
const MAX_EXAMPLES: usize = 60_000;

/// Examples of the training file that are for validation.
const VALIDATION: usize = 5_000;

/// Names of the files as they are downloaded: training images and labels, test images and labels.
const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// The files in `folder` that may be the one called `name`, that name's first.
fn candidates(folder: &Path, name: &str) -> Vec<PathBuf> {
    let unpacked = name.trim_end_matches(".gz");
    let dotted = unpacked.replace("-idx", ".idx");
    let names = [
        name.to_owned(),
        unpacked.to_owned(),
        dotted.clone(),
        format!("{dotted}.gz"),
        format!("{unpacked}/{unpacked}"),
        format!("{dotted}/{dotted}"),
    ];
    names.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect()
}

/// The files of a data set.
#[derive(Clone, Copy, Debug)]
pub struct MnistFiles {
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
    /// The same of what it unpacks to, if that is published: the same bytes packed anew, or not at all,
    /// are then welcome.
    pub unpacked_sha256: Option<&'static str>,
}

impl MnistFiles {
    /// The examples of `split`, from `folder`; files that are missing there are downloaded.
    ///
    /// # Errors
    /// Those of [`obtain`]; where a file is not the official one, a failure that names it.
    pub fn load(&self, split: Split, folder: &Path, offline: bool) -> Result<Examples> {
        // All of them, so that a run does not end without its test files.
        let paths = self.obtain(folder, offline)?;
        let first = if split == Split::Test { 2 } else { 0 };
        let read = |number: usize| self.read_first(&self.parts[number], &paths[number]);
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

    /// Looks whether the test files are whole.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn verify_test(&self, folder: &Path, offline: bool) -> Result<()> {
        let paths = self.obtain(folder, offline)?;
        for number in [2, 3] {
            self.read_first(&self.parts[number], &paths[number])?;
        }
        Ok(())
    }

    /// For each part the files that may be it; those of which there is none are downloaded.
    fn obtain(&self, folder: &Path, offline: bool) -> Result<Vec<Vec<PathBuf>>, Failure> {
        let urls = NAMES.map(|name| -> Vec<_> {
            self.mirrors.iter().map(|mirror| format!("{mirror}{name}")).collect()
        });
        let urls = urls.each_ref().map(|urls| urls.iter().map(String::as_str).collect::<Vec<_>>());
        let missing: Vec<_> = (0..NAMES.len())
            .filter(|&number| candidates(folder, NAMES[number]).is_empty())
            .map(|number| RemoteFile {
                name: NAMES[number],
                urls: &urls[number],
                bytes: self.parts[number].bytes,
                sha256: self.parts[number].sha256,
            })
            .collect();
        obtain(self.name, folder, &missing, offline)?;
        Ok(NAMES.map(|name| candidates(folder, name)).to_vec())
    }

    /// The content of `part`: of the first of `paths` that has the right one. If none has, the error is
    /// that of the first.
    fn read_first(&self, part: &Part, paths: &[PathBuf]) -> Result<Idx, Failure> {
        let mut first = None;
        for path in paths {
            match self.read(part, path) {
                Ok(content) => return Ok(content),
                Err(failure) => first = first.or(Some(failure)),
            }
        }
        Err(first.unwrap_or_else(|| {
            Failure::new(Exit::Failed, format!("a file of {} was removed meanwhile", self.name))
        }))
    }

    /// The content of `part`; its checksum makes sizes and labels right too.
    fn read(&self, part: &Part, path: &Path) -> Result<Idx, Failure> {
        let content = read_file(path, MAX_EXAMPLES * IMAGE)?;
        if let Some(sha256) = part.unpacked_sha256 {
            let found = content.sha256();
            return match found == sha256 {
                true => Ok(content),
                false => {
                    let sizes = content.dims();
                    let what = format!("it has {sizes:?} bytes of sha256 {found}");
                    Err(self.not_ours(path, &format!("{what}; that of {} is {sha256}", self.name)))
                }
            };
        }
        let found = sha256_of(path).map_err(|error| unreadable(path, error))?;
        match found == part.sha256 {
            true => Ok(content),
            false => Err(self.not_ours(
                path,
                &format!(
                    "its sha256 is {found}; that of {} is {}, of the packed file: what was unpacked or \
                     packed anew cannot be told from another file",
                    self.name, part.sha256
                ),
            )),
        }
    }

    /// Not "delete it" at once: it may be the right file of the other data set.
    fn not_ours(&self, path: &Path, why: &str) -> Failure {
        let name = self.name;
        Failure::new(Exit::Failed, format!("{} is not {name}'s", path.display())).why(why).help(
            format!(
                "MNIST and FashionMNIST name their files alike: name the folder of {name}'s with \
                 `--data_dir`; if this is it, put the original file in its place, or move this one \
                 elsewhere and run again to download it"
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::hex::hex;
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
    fn files(contents: &[Vec<u8>; 4], unpacked: bool) -> MnistFiles {
        let sum = |bytes: &[u8]| -> &'static str { hex(&Sha256::digest(bytes)).leak() };
        let part = |n: usize| Part {
            bytes: 0,
            sha256: if unpacked { "" } else { sum(&gz(&contents[n])) },
            unpacked_sha256: unpacked.then(|| sum(&contents[n])),
        };
        MnistFiles { name: "Set", mirrors: &[], parts: [0, 1, 2, 3].map(part) }
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
            assert_eq!(*train.image(0).unwrap(), [(VALIDATION % 256) as u8; IMAGE]);
            let validation = load(Split::Validation);
            assert_eq!(
                (validation.len(), &*validation.image(7).unwrap()),
                (VALIDATION, &[7; IMAGE][..])
            );
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
        let why = |files: &MnistFiles| match files.load(Split::Test, folder.path(), true) {
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
        assert!(why(&by_content).contains("it has [2, 28, 28] bytes"));
    }

    /// Each name by itself, packed in each way; then two of which the second is right.
    #[test]
    fn names_that_files_are_found_by() {
        let contents = contents();
        let in_pieces = |content: &[u8]| [gz(&content[..9]), gz(&content[9..])].concat();
        let [by_content, by_file] = [true, false].map(|unpacked| files(&contents, unpacked));
        let names = [
            "t10k-images-idx3-ubyte.gz",
            "t10k-images-idx3-ubyte",
            "t10k-images.idx3-ubyte",
            "t10k-images.idx3-ubyte.gz",
            "t10k-images-idx3-ubyte/t10k-images-idx3-ubyte",
            "t10k-images.idx3-ubyte/t10k-images.idx3-ubyte",
        ];
        let write = |folder: &Path, name: &str, bytes: &[u8]| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        let load = |files: &MnistFiles, folder: &Path| {
            files.load(Split::Test, folder, true).map(|examples| examples.len())
        };
        for name in names {
            for bytes in [contents[2].clone(), gz(&contents[2]), in_pieces(&contents[2])] {
                let folder = tempfile::tempdir().unwrap();
                for other in [0, 1, 3] {
                    write(folder.path(), NAMES[other], &gz(&contents[other]));
                }
                write(folder.path(), name, &bytes);
                assert_eq!(load(&by_content, folder.path()).unwrap(), 2, "{name}");
                let is_original = bytes == gz(&contents[2]);
                assert_eq!(load(&by_file, folder.path()).is_ok(), is_original, "{name}");
                // Another file under the first name is passed over where the right one is there.
                if name != NAMES[2] {
                    write(folder.path(), NAMES[2], b"<html>Not found</html>");
                    assert_eq!(load(&by_content, folder.path()).unwrap(), 2, "{name}");
                }
                write(folder.path(), name, b"<html>Not found</html>");
                let text = load(&by_content, folder.path()).unwrap_err().to_string();
                assert!(text.contains("it is a web page (HTML)"), "{text}");
            }
        }
    }
}

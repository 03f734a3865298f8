//! "The Database of Faces", once "The ORL Database of Faces": ten pictures each of forty people,
//! `[1, 112, 92]`.
//!
//! Dynamic Training Bench used all 400 for training, and the same 400 for validation and test. Here
//! they are held out by their number, everybody's alike: 1 to 8 are for training (320), 9 for
//! validation (40), 10 for the test (40).
//!
//! The files are `s1/1.pgm` to `s40/10.pgm`: folders in the data folder or in its `att_faces/`, or
//! in its `att_faces.zip`, at any depth. They are not downloaded: we found no published checksum that
//! a download could be checked by. The label is the folder's number less one.
//!
//! F. Samaria and A. Harter, "Parameterisation of a stochastic model for human face
//! identification", 2nd IEEE Workshop on Applications of Computer Vision, 1994.

use std::path::{Path, PathBuf};

use anyhow::Result;

use dytb::data::files::{folder, instead};
use dytb::data::image_file;
use dytb::data::zip::Zip;
use dytb::{Dataset, Examples, Exit, Failure, Input, Split};

const SHAPE: [usize; 3] = [1, 112, 92];
const PEOPLE: usize = 40;
const PICTURES: usize = 10;

/// The archive's name, and that of the folder it is unpacked to.
const ZIP: &str = "att_faces.zip";
const UNPACKED: &str = "att_faces";

/// The most bytes of a picture's file; the real ones have 10,318.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Number of a person and of one of their pictures, from 1.
type Key = (usize, usize);

/// `--dataset ORLFaces`
pub struct ORLFaces {
    folder: PathBuf,
}

impl Dataset for ORLFaces {
    fn shape(&self) -> [usize; 3] {
        SHAPE
    }

    fn num_classes(&self) -> usize {
        PEOPLE
    }

    fn class_names(&self) -> Vec<String> {
        (1..=PEOPLE).map(|person| format!("s{person}")).collect()
    }

    fn load(&self, split: Split) -> Result<Examples> {
        let numbers = match split {
            Split::Train => 1..=8,
            Split::Validation => 9..=9,
            Split::Test => 10..=10,
        };
        let mut files = Files::find(&self.folder)?;
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for person in 1..=PEOPLE {
            for number in numbers.clone() {
                pixels.extend(files.picture((person, number))?);
                labels.push(person as u32 - 1);
            }
        }
        Examples::new(SHAPE, pixels, labels)
    }

    fn verify_test(&self) -> Result<()> {
        let mut files = Files::find(&self.folder)?;
        (1..=PEOPLE).try_for_each(|person| files.picture((person, PICTURES)).map(drop))?;
        Ok(())
    }
}

/// Where the pictures are.
enum Files {
    Folder(PathBuf),
    Zip(PathBuf, Zip<Key>),
}

impl Files {
    /// Those in or below `folder`: all of them, so that a run does not end without its test files.
    fn find(folder: &Path) -> Result<Self, Failure> {
        let all = || (1..=PEOPLE).flat_map(|person| (1..=PICTURES).map(move |n| (person, n)));
        let unpacked = [folder.to_owned(), folder.join(UNPACKED)];
        if let Some(faces) = unpacked.iter().find(|folder| folder.join("s1").is_dir()) {
            let missing: Vec<_> =
                all().map(name).filter(|name| !faces.join(name).is_file()).collect();
            return match missing.is_empty() {
                true => Ok(Self::Folder(faces.clone())),
                false => Err(unavailable(faces, &format!("it lacks {}", some(&missing)))),
            };
        }
        let path = folder.join(ZIP);
        if !path.is_file() {
            let why = format!("there are neither the folders s1 to s{PEOPLE} nor {ZIP}");
            return Err(unavailable(folder, &why));
        }
        let zip = Zip::open(&path, key).map_err(|error| damaged(&path, error.to_string()))?;
        let missing: Vec<_> = all().filter(|key| !zip.has(key)).map(name).collect();
        match missing.is_empty() {
            true => Ok(Self::Zip(path, zip)),
            false => Err(damaged(&path, format!("it lacks {}", some(&missing)))),
        }
    }

    /// The bytes `[1, 112, 92]` of a picture.
    fn picture(&mut self, key: Key) -> Result<Vec<u8>, Failure> {
        let (path, decoded) = match self {
            Self::Folder(folder) => {
                let path = folder.join(name(key));
                let decoded = image_file::open(&path);
                (path, decoded)
            }
            Self::Zip(path, zip) => {
                let bytes = zip.read(&key, MAX_FILE_BYTES).map_err(|error| error.to_string());
                (path.join(name(key)), bytes.and_then(|bytes| image_file::decode(&bytes)))
            }
        };
        let [_, height, width] = SHAPE;
        match decoded {
            Ok(face) if (face.width() as usize, face.height() as usize) == (width, height) => {
                Ok(image_file::bytes(face, SHAPE))
            }
            Ok(face) => {
                let size = format!("{}x{}", face.width(), face.height());
                Err(damaged(&path, format!("it has {size} pixels instead of {width}x{height}")))
            }
            Err(why) => Err(damaged(&path, why)),
        }
    }
}

fn name((person, number): Key) -> String {
    format!("s{person}/{number}.pgm")
}

/// The key of the file that has `path` in an archive.
fn key(path: &str) -> Option<Key> {
    let mut parts = path.rsplit('/');
    let number = parts.next()?.strip_suffix(".pgm")?.parse().ok()?;
    let person = parts.next()?.strip_prefix('s')?.parse().ok()?;
    Some((person, number))
}

/// The first names of a list.
fn some(names: &[String]) -> String {
    match names.len() {
        0..=3 => names.join(", "),
        all => format!("{} and {} more", names[..3].join(", "), all - 3),
    }
}

fn unavailable(folder: &Path, why: &str) -> Failure {
    Failure::new(Exit::Unavailable, format!("ORLFaces: no faces in {}", folder.display()))
        .why(why)
        .help(format!(
            "put {ZIP}, or the folders that it unpacks to, there, or name the folder that has them \
             with `--data_dir`; they are described at https://cam-orl.co.uk/facedatabase.html and \
             not downloaded"
        ))
}

fn damaged(path: &Path, why: String) -> Failure {
    Failure::new(Exit::Failed, format!("{} is damaged", path.display()))
        .why(instead(path).map_or(why, str::to_owned))
        .help("put the original file in its place")
}

/// `--dataset ORLFaces`
pub const INPUT: Input = |source| Ok(Box::new(ORLFaces { folder: folder("ORLFaces", source)? }));

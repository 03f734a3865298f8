//! CIFAR-10: photographs of ten kinds of things, `[3, 32, 32]`, 50,000 for training, mirrored at
//! random, and 10,000 for the test.
//!
//! **The test images are the validation images too**, as in Dynamic Training Bench: "best by
//! validation" then looks at the test set, and the test error of the best model is no independent
//! one.
//!
//! The files are `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, in the data folder
//! or in its `cifar-10-batches-bin/`; where they are in neither, they are unpacked there from
//! `cifar-10-binary.tar.gz`. Files with fewer images than the official ones are read, and told of.
//!
//! A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

use std::path::{Path, PathBuf};

use anyhow::Result;

use dytb::data::archive::unpack;
use dytb::data::cifar::{CIFAR_10, SHAPE};
use dytb::data::files::{damaged, folder, not_saved, obtain, unreadable};
use dytb::download::{RemoteFile, lock, sha256_of};
use dytb::{Dataset, Examples, Input, Split};

const ARCHIVE: RemoteFile<'static> = RemoteFile {
    name: "cifar-10-binary.tar.gz",
    urls: &["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"],
    bytes: 170_052_171,
    sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
};

/// The archive's folder.
const UNPACKED: &str = "cifar-10-batches-bin";

/// Training files, then the test file.
const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// `--dataset Cifar10`
pub struct Cifar10 {
    folder: PathBuf,
    offline: bool,
}

impl Dataset for Cifar10 {
    fn shape(&self) -> [usize; 3] {
        SHAPE
    }

    fn num_classes(&self) -> usize {
        CIFAR_10.classes as usize
    }

    fn load(&self, split: Split) -> Result<Examples> {
        let (kind, names) = match split {
            Split::Train => ("training", &FILES[..5]),
            Split::Validation | Split::Test => ("test", &FILES[5..]),
        };
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        let folder = self.folder_with(names)?;
        for name in names {
            let (file_pixels, file_labels) = CIFAR_10.read(&folder.join(name))?;
            pixels.extend(file_pixels);
            labels.extend(file_labels);
        }
        let official = names.len() * CIFAR_10.max_records;
        if labels.len() < official {
            let found = labels.len();
            eprintln!("Cifar10: {found} of the official {official} {kind} images (a subset)");
        }
        Examples::new(self.shape(), pixels, labels)
    }

    fn random_horizontal_flip(&self) -> bool {
        true
    }
}

impl Cifar10 {
    /// The folder that has the files called `names`, which are unpacked if need be.
    fn folder_with(&self, names: &[&str]) -> Result<PathBuf> {
        let unpacked = self.folder.join(UNPACKED);
        let lacks = |folder: &Path| -> Vec<_> {
            names.iter().copied().filter(|name| !folder.join(name).is_file()).collect()
        };
        let (here, below) = (lacks(&self.folder), lacks(&unpacked));
        if here.is_empty() {
            return Ok(self.folder.clone());
        }
        if below.is_empty() {
            return Ok(unpacked);
        }
        // Where only some are there, the user wants to know the others.
        let missing = if here.len() < below.len() { here } else { below };
        let what = format!("Cifar10 without {}", missing.join(", "));
        let archive = obtain(&what, &self.folder, &[ARCHIVE], self.offline)?.remove(0);
        // Another process may be unpacking the same archive.
        let not_saved = |error| not_saved("Cifar10", format!("{}: {error}", unpacked.display()));
        let _lock = lock(&self.folder, ARCHIVE.name).map_err(not_saved)?;
        if !lacks(&unpacked).is_empty() {
            check(&archive)?;
            let limit = (CIFAR_10.max_records * CIFAR_10.record()) as u64;
            unpack(&archive, &FILES, limit, &unpacked).map_err(not_saved)?;
        }
        Ok(unpacked)
    }
}

/// An archive that was put there by hand has not been checked yet.
fn check(archive: &Path) -> Result<()> {
    let found = sha256_of(archive).map_err(|error| unreadable(archive, error))?;
    if found != ARCHIVE.sha256 {
        let why = format!("its sha256 is {found}, that of CIFAR-10's is {}", ARCHIVE.sha256);
        return Err(damaged(archive, why).into());
    }
    Ok(())
}

/// `--dataset Cifar10`
pub const INPUT: Input =
    |source| Ok(Box::new(Cifar10 { folder: folder("Cifar10", source)?, offline: source.offline }));

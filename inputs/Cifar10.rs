//! CIFAR-10: photographs of ten kinds of things, `[3, 32, 32]`, 50,000 for training, flipped at
//! random, and 10,000 for the test.
//!
//! **The test images are the validation images too**, as in Dynamic Training Bench: "best by
//! validation" then looks at the test set, and the test error of the best model is no independent
//! one.
//!
//! The files are `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`, in the data folder
//! or in its `cifar-10-batches-bin/`; where they are in neither, they are unpacked there from
//! `cifar-10-binary.tar.gz`. Files with fewer images than the official ones are read, and reported.
//!
//! A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

use std::path::PathBuf;

use anyhow::Result;

use dytb::data::cifar::{CIFAR_10, SHAPE};
use dytb::data::cifar_files::CifarFiles;
use dytb::data::download::RemoteFile;
use dytb::data::files::folder;
use dytb::{Dataset, Examples, Input, Split};

const FILES: CifarFiles = CifarFiles {
    name: "Cifar10",
    archive: RemoteFile {
        name: "cifar-10-binary.tar.gz",
        urls: &["https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"],
        bytes: 170_052_171,
        sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    },
    unpacked: "cifar-10-batches-bin",
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: &["test_batch.bin"],
    layout: CIFAR_10,
    others: &[
        ("cifar-10-python.tar.gz", "Python"),
        ("cifar-10-batches-py/", "Python"),
        ("data_batch_1", "Python"),
        ("test_batch", "Python"),
        ("cifar-10-matlab.tar.gz", "Matlab"),
        ("cifar-10-batches-mat/", "Matlab"),
        ("data_batch_1.mat", "Matlab"),
        ("test_batch.mat", "Matlab"),
    ],
};

/// The classes by label, as the archive's `batches.meta.txt` lists them.
const NAMES: [&str; CIFAR_10.classes as usize] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

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
        NAMES.len()
    }

    fn class_names(&self) -> Vec<String> {
        NAMES.map(str::to_owned).to_vec()
    }

    fn load(&self, split: Split) -> Result<Examples> {
        FILES.load(split, &self.folder, self.offline)
    }

    fn validation_is_test(&self) -> bool {
        true
    }

    fn random_horizontal_flip(&self) -> bool {
        true
    }
}

/// `--dataset Cifar10`
pub const INPUT: Input =
    |source| Ok(Box::new(Cifar10 { folder: folder(FILES.name, source)?, offline: source.offline }));

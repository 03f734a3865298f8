//! MNIST: handwritten digits `[1, 28, 28]`, 55,000 for training, 5,000 for validation, 10,000 for
//! the test.
//!
//! As in TensorFlow's `read_data_sets`, the FIRST 5,000 of the training file are for validation.
//! The test files are opened for the test alone.
//!
//! Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".

use std::path::{Path, PathBuf};

use anyhow::Result;

use dytb::data::files::{damaged, folder, obtain};
use dytb::data::idx::{Idx, read_gz};
use dytb::download::RemoteFile;
use dytb::{Dataset, Examples, Failure, Input, Split};

/// Examples of the training file that are for validation.
const VALIDATION: usize = 5_000;

/// Bytes of an image.
const IMAGE: usize = 28 * 28;

/// A file, and the SHA-256 of what it unpacks to: the same digits packed anew are welcome.
struct Part {
    remote: RemoteFile<'static>,
    sha256: &'static str,
}

/// The mirrors' addresses, in the order in which they are tried.
macro_rules! urls {
    ($name:literal) => {
        &[
            concat!("https://storage.googleapis.com/cvdf-datasets/mnist/", $name),
            concat!("https://ossci-datasets.s3.amazonaws.com/mnist/", $name),
        ]
    };
}

const TRAIN_IMAGES: Part = Part {
    remote: RemoteFile {
        name: "train-images-idx3-ubyte.gz",
        urls: urls!("train-images-idx3-ubyte.gz"),
        bytes: 9_912_422,
        sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    },
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
};

const TRAIN_LABELS: Part = Part {
    remote: RemoteFile {
        name: "train-labels-idx1-ubyte.gz",
        urls: urls!("train-labels-idx1-ubyte.gz"),
        bytes: 28_881,
        sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    },
    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
};

const TEST_IMAGES: Part = Part {
    remote: RemoteFile {
        name: "t10k-images-idx3-ubyte.gz",
        urls: urls!("t10k-images-idx3-ubyte.gz"),
        bytes: 1_648_877,
        sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    },
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
};

const TEST_LABELS: Part = Part {
    remote: RemoteFile {
        name: "t10k-labels-idx1-ubyte.gz",
        urls: urls!("t10k-labels-idx1-ubyte.gz"),
        bytes: 4_542,
        sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
};

/// `--dataset MNIST`
pub struct MNIST {
    folder: PathBuf,
    offline: bool,
}

impl Dataset for MNIST {
    fn shape(&self) -> [usize; 3] {
        [1, 28, 28]
    }

    fn num_classes(&self) -> usize {
        10
    }

    fn load(&self, split: Split) -> Result<Examples> {
        // All of them, so that a run does not end without its test files.
        let parts = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS];
        let remotes = parts.each_ref().map(|part| part.remote);
        let paths = obtain("MNIST", &self.folder, &remotes, self.offline)?;
        let first = if split == Split::Test { 2 } else { 0 };
        let read = |number: usize| parts[number].read(&paths[number]);
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
        Examples::new(self.shape(), pixels, labels)
    }
}

impl Part {
    /// The content; its checksum makes sizes and labels right too.
    fn read(&self, path: &Path) -> Result<Idx, Failure> {
        let content = read_gz(path, 60_000 * IMAGE)?;
        let found = content.sha256();
        if found != self.sha256 {
            let why = format!(
                "it unpacks to {:?} bytes of sha256 {found}; MNIST's have {}",
                content.dims(),
                self.sha256
            );
            return Err(damaged(path, why));
        }
        Ok(content)
    }
}

/// `--dataset MNIST`
pub const INPUT: Input =
    |source| Ok(Box::new(MNIST { folder: folder("MNIST", source)?, offline: source.offline }));

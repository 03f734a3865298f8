//! MNIST: handwritten digits `[1, 28, 28]`, 55,000 for training, 5,000 for validation, 10,000 for
//! the test.
//!
//! As in TensorFlow's `read_data_sets`, the FIRST 5,000 of the training file are for validation.
//! The test files are used by the test alone. Packed or not, and by any of the names that they are
//! found by ([`dytb::data::mnist`]), they are known by their content.
//!
//! Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".

use std::path::PathBuf;

use anyhow::Result;

use dytb::data::files::folder;
use dytb::data::mnist::{CLASSES, MnistFiles, Part, SHAPE};
use dytb::{Dataset, Examples, Input, Split};

const FILES: MnistFiles = MnistFiles {
    name: "MNIST",
    mirrors: &[
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ],
    parts: [
        Part {
            bytes: 9_912_422,
            sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            unpacked_sha256: Some(
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
        },
        Part {
            bytes: 28_881,
            sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            unpacked_sha256: Some(
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
        },
        Part {
            bytes: 1_648_877,
            sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            unpacked_sha256: Some(
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
        },
        Part {
            bytes: 4_542,
            sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            unpacked_sha256: Some(
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        },
    ],
};

/// `--dataset MNIST`
pub struct MNIST {
    folder: PathBuf,
    offline: bool,
}

impl Dataset for MNIST {
    fn shape(&self) -> [usize; 3] {
        SHAPE
    }

    fn num_classes(&self) -> usize {
        CLASSES
    }

    fn load(&self, split: Split) -> Result<Examples> {
        FILES.load(split, &self.folder, self.offline)
    }

    fn verify_test(&self) -> Result<()> {
        FILES.verify_test(&self.folder, self.offline)
    }
}

/// `--dataset MNIST`
pub const INPUT: Input =
    |source| Ok(Box::new(MNIST { folder: folder(FILES.name, source)?, offline: source.offline }));

//! Fashion-MNIST: Zalando's articles of clothing `[1, 28, 28]`, made to take MNIST's place: 55,000
//! for training, 5,000 for validation, 10,000 for the test.
//!
//! The files are named and split like MNIST's: give each of the two a folder of its own. Their
//! sizes and sha256 are those that TensorFlow Datasets publishes (`url_checksums/fashion_mnist.txt`).
//! They are those of the packed files, and what these unpack to has none: files that were unpacked or
//! packed anew are refused.
//!
//! H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
//! Learning Algorithms", arXiv:1708.07747, 2017. MIT License.

use std::path::PathBuf;

use anyhow::Result;

use dytb::data::files::folder;
use dytb::data::mnist::{CLASSES, MnistFiles, Part, SHAPE};
use dytb::{Dataset, Examples, Input, Split};

const FILES: MnistFiles = MnistFiles {
    name: "FashionMNIST",
    // As the authors give them.
    mirrors: &[
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ],
    parts: [
        Part {
            bytes: 26_421_880,
            sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            unpacked_sha256: None,
        },
        Part {
            bytes: 29_515,
            sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            unpacked_sha256: None,
        },
        Part {
            bytes: 4_422_102,
            sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            unpacked_sha256: None,
        },
        Part {
            bytes: 5_148,
            sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            unpacked_sha256: None,
        },
    ],
};

/// The classes by label, as the authors' README lists them.
const NAMES: [&str; CLASSES] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// `--dataset FashionMNIST`
pub struct FashionMNIST {
    folder: PathBuf,
    offline: bool,
}

impl Dataset for FashionMNIST {
    fn shape(&self) -> [usize; 3] {
        SHAPE
    }

    fn num_classes(&self) -> usize {
        CLASSES
    }

    fn class_names(&self) -> Vec<String> {
        NAMES.map(str::to_owned).to_vec()
    }

    fn load(&self, split: Split) -> Result<Examples> {
        FILES.load(split, &self.folder, self.offline)
    }

    fn verify_test(&self) -> Result<()> {
        FILES.verify_test(&self.folder, self.offline)
    }
}

/// `--dataset FashionMNIST`
pub const INPUT: Input = |source| {
    Ok(Box::new(FashionMNIST { folder: folder(FILES.name, source)?, offline: source.offline }))
};

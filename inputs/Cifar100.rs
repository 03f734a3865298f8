//! CIFAR-100: photographs of a hundred kinds of things, `[3, 32, 32]`, 50,000 for training, flipped
//! at random, and 10,000 for the test. The labels are the hundred fine ones; the twenty coarse ones
//! are skipped.
//!
//! **The test images are the validation images too**, as in Dynamic Training Bench: "best by
//! validation" then looks at the test set, and the test error of the best model is no independent
//! one.
//!
//! The files are `train.bin` and `test.bin`, in the data folder or in its `cifar-100-binary/`; where
//! they are in neither, they are unpacked there from `cifar-100-binary.tar.gz`. Its size and sha256
//! are those that TensorFlow Datasets publishes (`url_checksums/cifar100.txt`). Files with fewer
//! images than the official ones are read, and reported.
//!
//! A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.

use std::path::PathBuf;

use anyhow::Result;

use dytb::data::cifar::{CIFAR_100, SHAPE};
use dytb::data::cifar_files::CifarFiles;
use dytb::data::download::RemoteFile;
use dytb::data::files::folder;
use dytb::{Dataset, Examples, Input, Split};

const FILES: CifarFiles = CifarFiles {
    name: "Cifar100",
    archive: RemoteFile {
        name: "cifar-100-binary.tar.gz",
        urls: &["https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz"],
        bytes: 168_513_733,
        sha256: "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    },
    unpacked: "cifar-100-binary",
    train: &["train.bin"],
    test: &["test.bin"],
    layout: CIFAR_100,
    others: &[
        ("cifar-100-python.tar.gz", "Python"),
        ("cifar-100-python/", "Python"),
        ("train", "Python"),
        ("test", "Python"),
        ("cifar-100-matlab.tar.gz", "Matlab"),
        ("cifar-100-matlab/", "Matlab"),
        ("train.mat", "Matlab"),
        ("test.mat", "Matlab"),
    ],
};

/// The classes by label, as the archive's `fine_label_names.txt` lists them: in order of the
/// alphabet.
const NAMES: &str = "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy \
    bridge bus butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach \
    couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house \
    kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle \
    mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree \
    plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew \
    skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank \
    telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf \
    woman worm";

/// `--dataset Cifar100`
pub struct Cifar100 {
    folder: PathBuf,
    offline: bool,
}

impl Dataset for Cifar100 {
    fn shape(&self) -> [usize; 3] {
        SHAPE
    }

    fn num_classes(&self) -> usize {
        CIFAR_100.classes as usize
    }

    fn class_names(&self) -> Vec<String> {
        NAMES.split(' ').map(str::to_owned).collect()
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

/// `--dataset Cifar100`
pub const INPUT: Input = |source| {
    Ok(Box::new(Cifar100 { folder: folder(FILES.name, source)?, offline: source.offline }))
};

//! Validation examples other than a data set's own: a share of its examples, or one of k folds.
//!
//! The examples of training and validation are pooled (those of validation only where they are not the test
//! images too). In each class they are put in the order of a hash of (seed, pixels). The first `round(share · n)`
//! of the n of a class are for validation or, of k folds, the i-th of k parts of ⌊n/k⌋ or ⌈n/k⌉. So each class
//! has its share, the split does not depend on the order of the files, and the copies of an image in a class are on
//! one side: no cut goes between two of one hash. The hash has a seed of its own: runs of other seeds are validated
//! on the same images.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::left_out::LeftOut;
use super::{Dataset, Examples, Identity, Split};
use crate::error::{Exit, Failure};
use crate::util::parallel::try_map;
use crate::util::random::split_mix64;

/// The seed of a split where none is given.
pub const SPLIT_SEED: u64 = 1;

/// Which examples are for validation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ValidationSplit {
    /// A share of each class.
    Share {
        /// Between 0 and 1.
        share: f64,
        /// The seed of the hash.
        split_seed: u64,
    },
    /// One of several parts of the same size.
    Fold {
        /// From 1 to `folds`.
        fold: u64,
        /// How many there are.
        folds: u64,
        /// The seed of the hash.
        split_seed: u64,
    },
}

impl ValidationSplit {
    /// Whether it is in its bounds: a share between 0 and 1, or one of two folds or more.
    pub fn is_valid(self) -> bool {
        match self {
            Self::Share { share, .. } => share > 0.0 && share < 1.0,
            Self::Fold { fold, folds, .. } => folds >= 2 && (1..=folds).contains(&fold),
        }
    }

    fn seed(self) -> u64 {
        match self {
            Self::Share { split_seed, .. } | Self::Fold { split_seed, .. } => split_seed,
        }
    }

    /// The same with another seed.
    pub fn with_seed(self, split_seed: u64) -> Self {
        match self {
            Self::Share { share, .. } => Self::Share { share, split_seed },
            Self::Fold { fold, folds, .. } => Self::Fold { fold, folds, split_seed },
        }
    }

    /// As its flags.
    fn flags(self) -> String {
        match self {
            Self::Share { share, .. } => format!("--validation_split {share}"),
            Self::Fold { fold, folds, .. } => format!("--folds {folds}, fold {fold}"),
        }
    }

    /// Of each example of the pool with these `labels` and hashes whether it is for validation.
    fn choose(self, labels: &[u32], hashes: &[u64]) -> Vec<bool> {
        let mut order: Vec<_> = (0..labels.len()).collect();
        order.sort_by_key(|&index| (labels[index], hashes[index], index));
        let mut chosen = vec![false; labels.len()];
        match self {
            Self::Share { share, .. } => {
                for class in order.chunk_by(|&one, &next| labels[one] == labels[next]) {
                    let mut count = (share * class.len() as f64).round() as usize;
                    // No cut between copies.
                    while (1..class.len()).contains(&count)
                        && hashes[class[count - 1]] == hashes[class[count]]
                    {
                        count += 1;
                    }
                    class[..count].iter().for_each(|&index| chosen[index] = true);
                }
            }
            Self::Fold { fold, folds, .. } => {
                // Within a class, not of all in one: each fold has its share of each class. What does not
                // divide goes to another fold in each class, so that the folds are of one size.
                let mut before = 0;
                for class in order.chunk_by(|&one, &next| labels[one] == labels[next]) {
                    let mut own_fold = 0;
                    for (place, &index) in class.iter().enumerate() {
                        // Copies stay together.
                        if place == 0 || hashes[index] != hashes[class[place - 1]] {
                            own_fold = fold_of(place, class.len(), folds as usize, before);
                        }
                        chosen[index] = own_fold + 1 == fold as usize;
                    }
                    before += class.len();
                }
            }
        }
        chosen
    }
}

/// The fold, from 0, of the example at `place` in its class of `count`, after `before` examples of other
/// classes. The first `count % folds` folds from `before % folds` on have one more.
fn fold_of(place: usize, count: usize, folds: usize, before: usize) -> usize {
    let (each, more) = (count / folds, count % folds);
    let of_long = more * (each + 1);
    let fold = match place < of_long {
        true => place / (each + 1),
        false => more + (place - of_long) / each.max(1),
    };
    (fold + before) % folds
}

/// A hash of an image's bytes: SplitMix64 over words of eight, the last one filled with zeros.
fn hash(seed: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(split_mix64(seed, bytes.len() as u64), |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        split_mix64(hash, u64::from_le_bytes(word))
    })
}

/// Fails where a class of `split`, called as in `names`, has images for validation and none for training.
///
/// # Errors
/// Just that.
pub fn refuse_untrained(
    split: ValidationSplit,
    [train, validation]: [&Examples; 2],
    names: &[String],
) -> Result<()> {
    let has = |examples: &Examples, class: u32| examples.labels().contains(&class);
    let mut classes = 0..names.len() as u32;
    let lacking = classes.find(|&class| has(validation, class) && !has(train, class));
    lacking.map_or(Ok(()), |class| {
        let name = &names[class as usize];
        let what = format!("`{}`: no image of `{name}` is left for training", split.flags());
        let help = "add images of it, leave it out with --classes, or take a smaller share";
        Err(Failure::new(Exit::Failed, what).help(help).into())
    })
}

/// A data set with other validation examples.
pub struct Resplit {
    whole: Box<dyn Dataset>,
    split: ValidationSplit,
    /// The validation examples, from loading those for training until they are asked for: both are cut out of
    /// what is read once.
    waiting: Mutex<Option<Examples>>,
}

impl Resplit {
    /// `whole` with the validation examples of `split`, if there is one.
    pub fn of(whole: Box<dyn Dataset>, split: Option<ValidationSplit>) -> Box<dyn Dataset> {
        match split {
            Some(split) => Box::new(Self { whole, split, waiting: Mutex::default() }),
            None => whole,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Option<Examples>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The examples for training, and those for validation.
    ///
    /// # Errors
    /// Those of loading them, and where one of the two would be empty, or a class without an image for training.
    fn parts(&self) -> Result<[Examples; 2]> {
        let mut pool = self.whole.load(Split::Train)?;
        if !self.whole.validation_is_test() {
            pool = pool.followed_by(self.whole.load(Split::Validation)?);
        }
        let hashes = try_map(pool.len(), |index| -> Result<_> {
            let image = pool.image(index)?;
            Ok(hash(self.split.seed(), &image))
        });
        let chosen = self.split.choose(pool.labels(), &hashes?);
        let part = |wanted: bool| -> Result<Examples> {
            let kept: Vec<_> = (0..pool.len()).filter(|&at| chosen[at] == wanted).collect();
            match kept.is_empty() {
                true => Err(self.empty(wanted, pool.len())),
                false => pool.pick(&kept),
            }
        };
        Ok([part(false)?, part(true)?])
    }

    /// There would be no example for validation, or none for training.
    fn empty(&self, is_validation: bool, examples: usize) -> anyhow::Error {
        let of = if is_validation { "validation" } else { "training" };
        let what = format!("`{}`: no image is left for {of}", self.split.flags());
        Failure::new(Exit::Failed, what)
            .why(format!("there are {examples} images in {} classes", self.whole.num_classes()))
            .help("take another share, or fewer --folds")
            .into()
    }
}

impl Dataset for Resplit {
    fn shape(&self) -> [usize; 3] {
        self.whole.shape()
    }

    fn num_classes(&self) -> usize {
        self.whole.num_classes()
    }

    fn class_names(&self) -> Vec<String> {
        self.whole.class_names()
    }

    fn load(&self, split: Split) -> Result<Examples> {
        match split {
            Split::Test => self.whole.load(Split::Test),
            Split::Train => {
                let [train, validation] = self.parts()?;
                *self.waiting() = Some(validation);
                Ok(train)
            }
            Split::Validation => match self.waiting().take() {
                Some(validation) => Ok(validation),
                None => self.parts().map(|[_, validation]| validation),
            },
        }
    }

    fn verify_test(&self) -> Result<()> {
        self.whole.verify_test()
    }

    fn resizes(&self) -> bool {
        self.whole.resizes()
    }

    fn left_out(&self) -> Vec<LeftOut> {
        self.whole.left_out()
    }

    fn identity(&self) -> Option<Identity> {
        self.whole.identity()
    }

    fn random_horizontal_flip(&self) -> bool {
        self.whole.random_horizontal_flip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images of one pixel each, the label by its value; more of them for validation.
    struct Pixels {
        train: Vec<u8>,
        validation: Vec<u8>,
        is_test: bool,
    }

    impl Dataset for Pixels {
        fn shape(&self) -> [usize; 3] {
            [1, 1, 1]
        }

        fn num_classes(&self) -> usize {
            3
        }

        fn load(&self, split: Split) -> Result<Examples> {
            let pixels = if split == Split::Train { &self.train } else { &self.validation };
            let labels = pixels.iter().map(|pixel| u32::from(pixel % 3)).collect();
            Examples::new([1, 1, 1], pixels.clone(), labels)
        }

        fn validation_is_test(&self) -> bool {
            self.is_test
        }
    }

    fn resplit(count: u8, is_test: bool, split: ValidationSplit) -> Resplit {
        let pixels: Vec<_> = (0..count).collect();
        let (train, validation) = pixels.split_at(pixels.len() - 20);
        let whole = Pixels { train: train.to_vec(), validation: validation.to_vec(), is_test };
        Resplit { whole: Box::new(whole), split, waiting: Mutex::default() }
    }

    fn pixels_of(examples: &Examples) -> Vec<u8> {
        (0..examples.len()).map(|index| examples.image(index).unwrap()[0]).collect()
    }

    fn per_class(examples: &Examples) -> [usize; 3] {
        [0, 1, 2].map(|class| examples.labels().iter().filter(|&&label| label == class).count())
    }

    #[test]
    fn a_share_of_each_class() {
        let split = ValidationSplit::Share { share: 0.1, split_seed: 1 };
        let [train, validation] = resplit(240, false, split).parts().unwrap();
        assert_eq!((per_class(&train), per_class(&validation)), ([72; 3], [8; 3]));
        let mut all = [pixels_of(&train), pixels_of(&validation)].concat();
        all.sort_unstable();
        assert_eq!(all, (0..240).collect::<Vec<_>>());
        // What is the test's is not for training.
        let [train, validation] = resplit(240, true, split).parts().unwrap();
        assert!(
            train.len() + validation.len() == 220 && pixels_of(&train).iter().all(|&p| p < 220)
        );
        // The two halves of one reading.
        let twice = resplit(240, false, split);
        let again = [twice.load(Split::Train).unwrap(), twice.load(Split::Validation).unwrap()];
        assert_eq!(again, resplit(240, false, split).parts().unwrap());
        assert_eq!(twice.load(Split::Validation).unwrap(), again[1]);
        let other = ValidationSplit::Share { share: 0.1, split_seed: 2 };
        assert_ne!(resplit(240, false, other).load(Split::Validation).unwrap(), again[1]);
    }

    #[test]
    fn each_example_is_in_one_fold() {
        for (count, folds) in [(240, 5), (100, 7), (31, 10)] {
            let mut seen = Vec::new();
            let mut sizes = Vec::new();
            for fold in 1..=folds {
                let split = ValidationSplit::Fold { fold, folds, split_seed: 1 };
                let [train, validation] = resplit(count, false, split).parts().unwrap();
                assert_eq!(train.len() + validation.len(), usize::from(count));
                sizes.push(validation.len());
                seen.extend(pixels_of(&validation));
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..count).collect::<Vec<_>>(), "{folds} folds");
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(most - least <= 1, "{sizes:?}");
        }
    }

    /// The order of the files is none of the split's.
    #[test]
    fn copies_are_on_one_side() {
        let split = ValidationSplit::Share { share: 0.5, split_seed: 1 };
        let whole = |pixels: Vec<u8>| Pixels { train: pixels, validation: vec![0], is_test: true };
        let pixels: Vec<u8> = (0..60).chain((0..60).rev()).chain(0..20).collect();
        for split in [
            split,
            ValidationSplit::Share { share: 0.05, split_seed: 3 },
            ValidationSplit::Fold { fold: 2, folds: 7, split_seed: 1 },
        ] {
            let whole = Resplit::of(Box::new(whole(pixels.clone())), Some(split));
            let [train, validation] =
                [Split::Train, Split::Validation].map(|split| whole.load(split).unwrap());
            assert_eq!(train.len() + validation.len(), 140);
            let validated = pixels_of(&validation);
            assert!(pixels_of(&train).iter().all(|pixel| !validated.contains(pixel)));
        }
    }

    #[test]
    fn what_would_be_empty_is_an_error() {
        for (count, split, needle) in [
            (24, ValidationSplit::Share { share: 0.01, split_seed: 1 }, "left for validation"),
            (24, ValidationSplit::Share { share: 0.99, split_seed: 1 }, "left for training"),
            (22, ValidationSplit::Fold { fold: 23, folds: 23, split_seed: 1 }, "for validation"),
        ] {
            let error = resplit(count, false, split).load(Split::Train).unwrap_err().to_string();
            assert!(error.contains(needle) && error.contains("--"), "{error}");
        }
    }
}

//! A data set, held to what it says of itself: what comes later counts on it, and would panic or
//! train on something else.
//!
//! | of | is to be |
//! |---|---|
//! | `shape()` | 1, 3 or 4 channels, and a pixel or more |
//! | `num_classes()` | 1 or more |
//! | `class_names()` | one for each class, and none twice |
//! | each split of `load()` | of that shape, its labels less than the number of classes; it is then brought to where it is [kept](crate::data::store) |
//!
//! Whatever is wrong is an error that names the data set's file in `inputs/`.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

use crate::data::left_out::LeftOut;
use crate::data::store::{Memory, Origin, hold};
use crate::data::{Dataset, Examples, Identity, Source, Split};
use crate::error::{Exit, Failure};

/// A data set that was checked, and whose splits are when they are loaded.
pub struct Checked {
    /// Its file without `inputs/` and `.rs`.
    name: String,
    dataset: Box<dyn Dataset>,
    shape: [usize; 3],
    class_names: Vec<String>,
    /// Where its files are, if the user says so.
    folder: Option<PathBuf>,
    /// For its images.
    memory: Arc<Memory>,
    /// What of each split could not be decoded.
    left_out: Mutex<BTreeMap<&'static str, Vec<LeftOut>>>,
}

impl Checked {
    /// The data set that `inputs/{name}.rs` has opened in `source`, or an error instead of one.
    ///
    /// # Errors
    /// Those of opening it, and when it is wrong.
    pub fn new(name: &str, source: &Source, dataset: Result<Box<dyn Dataset>>) -> Result<Self> {
        let dataset = dataset.map_err(|error| of_file(name, error))?;
        let (shape, class_names) = (dataset.shape(), dataset.class_names());
        let (folder, memory) = (source.data_dir.clone(), Memory::new(source.memory));
        let left_out = Mutex::default();
        let name = name.to_owned();
        let checked = Self { name, dataset, shape, class_names, folder, memory, left_out };
        match checked.wrong() {
            Some(why) => Err(wrong(&checked.name, why)),
            None => Ok(checked),
        }
    }

    /// What is wrong with what it says of itself.
    fn wrong(&self) -> Option<String> {
        let [channels, height, width] = self.shape;
        let (classes, names) = (self.dataset.num_classes(), &self.class_names);
        if !matches!(channels, 1 | 3 | 4) {
            let needs = "a picture has 1 (grey), 3 (red, green, blue) or 4";
            return Some(format!("shape() says {channels} channels; {needs}"));
        }
        let pixels = channels.checked_mul(height).and_then(|pixels| pixels.checked_mul(width));
        if pixels.is_none_or(|pixels| pixels == 0) {
            return Some(format!("shape() says {height}x{width} pixels"));
        }
        if classes == 0 {
            return Some(
                "num_classes() says 0; one class is the least, also without labels".into(),
            );
        }
        if names.len() != classes {
            let count = names.len();
            return Some(format!("class_names() has {count} names; num_classes() says {classes}"));
        }
        let mut seen = HashSet::new();
        let twice = names.iter().find(|name| !seen.insert(*name))?;
        Some(format!("class_names() has `{twice}` twice"))
    }

    /// What is wrong with `examples`.
    fn wrong_examples(&self, examples: &Examples) -> Option<String> {
        if examples.shape() != self.shape {
            let (has, says) = (examples.shape(), self.shape);
            return Some(format!("its images are {has:?}; shape() says {says:?}"));
        }
        let classes = self.class_names.len();
        let at = examples.labels().iter().position(|&label| label as usize >= classes)?;
        let label = examples.labels()[at];
        Some(format!(
            "image {at} has label {label}; the {classes} classes are 0 to {}",
            classes - 1
        ))
    }
}

impl Checked {
    /// Refuses a class that is in the labels `before` images were left out, and in none of `examples`.
    fn refuse_lost_class(&self, mut before: HashSet<u32>, examples: &Examples) -> Result<()> {
        before.retain(|label| !examples.labels().contains(label));
        let Some(class) = before.into_iter().min() else { return Ok(()) };
        let class = &self.class_names[class as usize];
        let folder = self.folder.as_ref().map(|folder| format!(" `{}`", folder.display()));
        let what = format!("{} cannot use{}", self.name, folder.unwrap_or(" its images".into()));
        Err(Failure::new(Exit::Unavailable, what)
            .why(format!("the class `{class}` has no picture for training that can be read"))
            .help("add pictures of it, or take the class out of the data set")
            .into())
    }
}

impl Dataset for Checked {
    fn shape(&self) -> [usize; 3] {
        self.shape
    }

    fn num_classes(&self) -> usize {
        self.class_names.len()
    }

    fn class_names(&self) -> Vec<String> {
        self.class_names.clone()
    }

    fn load(&self, split: Split) -> Result<Examples> {
        let examples = self.dataset.load(split).map_err(|error| of_file(&self.name, error))?;
        if let Some(why) = self.wrong_examples(&examples) {
            return Err(wrong(&self.name, format!("load(), {} images: {why}", split.name())));
        }
        let before: HashSet<_> = examples.labels().iter().copied().collect();
        let origin = Origin { dataset: &self.name, split, folder: self.folder.as_deref() };
        let (examples, left_out) = hold(examples, &self.memory, &origin)?;
        let mut known = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(split.name(), left_out);
        drop(known);
        if split == Split::Train {
            self.refuse_lost_class(before, &examples)?;
        }
        Ok(examples)
    }

    fn verify_test(&self) -> Result<()> {
        self.dataset.verify_test().map_err(|error| of_file(&self.name, error))
    }

    fn resizes(&self) -> bool {
        self.dataset.resizes()
    }

    fn left_out(&self) -> Vec<LeftOut> {
        let decoding = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let [decoding, found] =
            [decoding.values().flatten().cloned().collect(), self.dataset.left_out()];
        [found, decoding].concat()
    }

    fn identity(&self) -> Option<Identity> {
        self.dataset.identity()
    }

    fn validation_is_test(&self) -> bool {
        self.dataset.validation_is_test()
    }

    fn random_horizontal_flip(&self) -> bool {
        self.dataset.random_horizontal_flip()
    }
}

fn file(name: &str) -> String {
    format!("inputs/{name}.rs")
}

fn wrong(name: &str, why: String) -> anyhow::Error {
    Failure::new(Exit::Failed, format!("the data set of {} is wrong", file(name))).why(why).into()
}

/// An error that is no [`Failure`] says nothing of where it came from.
fn of_file(name: &str, error: anyhow::Error) -> anyhow::Error {
    match error.chain().any(|cause| cause.is::<Failure>()) {
        true => error,
        false => Err::<(), _>(error).context(file(name)).unwrap_err(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data set that says and hands over anything.
    #[derive(Clone)]
    struct Wrong {
        shape: [usize; 3],
        classes: usize,
        names: &'static [&'static str],
        /// Shape, number of pixels and labels of what is loaded.
        loaded: ([usize; 3], usize, &'static [u32]),
    }

    /// Nothing is wrong with it yet.
    const RIGHT: Wrong =
        Wrong { shape: [1, 2, 2], classes: 2, names: &["a", "b"], loaded: ([1, 2, 2], 8, &[0, 1]) };

    impl Dataset for Wrong {
        fn shape(&self) -> [usize; 3] {
            self.shape
        }

        fn num_classes(&self) -> usize {
            self.classes
        }

        fn class_names(&self) -> Vec<String> {
            self.names.iter().map(|&name| name.to_owned()).collect()
        }

        fn load(&self, _: Split) -> Result<Examples> {
            let (shape, pixels, labels) = self.loaded;
            Examples::new(shape, vec![0; pixels], labels.to_vec())
        }
    }

    /// The same as `Wrong` says it, with images of that shape.
    fn of_shape(shape: [usize; 3]) -> Wrong {
        let size: usize = shape.iter().fold(1, |size, &side| size.saturating_mul(side));
        Wrong { shape, loaded: (shape, 2 * size.min(100), &[0, 1]), ..RIGHT }
    }

    fn load(dataset: Wrong) -> Result<Examples> {
        Checked::new("Stripes", &Source::default(), Ok(Box::new(dataset)))?.load(Split::Validation)
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (wrong, needle) in [
            (of_shape([0, 2, 2]), "0 channels"),
            (of_shape([2, 2, 2]), "2 channels"),
            (of_shape([5, 2, 2]), "5 channels"),
            (of_shape([300, 2, 2]), "300 channels"),
            (of_shape([1, 0, 2]), "0x2 pixels"),
            (of_shape([3, 2, 0]), "2x0 pixels"),
            (of_shape([3, usize::MAX, 9]), "x9 pixels"),
            (Wrong { classes: 0, names: &[], ..RIGHT }, "num_classes() says 0"),
            (Wrong { classes: 3, ..RIGHT }, "2 names; num_classes() says 3"),
            (Wrong { classes: 1, ..RIGHT }, "2 names; num_classes() says 1"),
            (Wrong { names: &[], ..RIGHT }, "0 names; num_classes() says 2"),
            (Wrong { names: &["a", "a"], ..RIGHT }, "`a` twice"),
            (
                Wrong { loaded: ([1, 2, 2], 8, &[0, 2]), ..RIGHT },
                "validation images: image 1 has label 2; the 2 classes are 0 to 1",
            ),
            (Wrong { loaded: ([1, 2, 2], 4, &[u32::MAX]), ..RIGHT }, "has label 4294967295"),
            (Wrong { loaded: ([1, 4, 1], 8, &[0, 1]), ..RIGHT }, "are [1, 4, 1]"),
            (Wrong { loaded: ([3, 2, 2], 24, &[0, 1]), ..RIGHT }, "are [3, 2, 2]"),
            (Wrong { loaded: ([1, 2, 2], 7, &[0, 1]), ..RIGHT }, "7 pixels and 2 labels"),
            (Wrong { loaded: ([1, 2, 2], 8, &[0]), ..RIGHT }, "8 pixels and 1 labels"),
            (Wrong { loaded: ([1, 2, 2], 0, &[]), ..RIGHT }, "no images"),
        ] {
            let error = load(wrong).unwrap_err();
            let text = format!("{error:#}");
            assert_eq!(Exit::of(&error), Exit::Failed, "{text}");
            assert!(text.contains("inputs/Stripes.rs"), "{needle}: {text}");
            assert!(text.contains(needle), "{needle}: {text}");
        }
    }

    #[test]
    fn what_is_right_comes_through() {
        for right in [RIGHT, of_shape([3, 1, 1]), of_shape([4, 2, 2])] {
            assert_eq!(load(right.clone()).unwrap(), right.load(Split::Validation).unwrap());
        }
        let one = Wrong { classes: 1, names: &["a"], loaded: ([1, 2, 2], 4, &[0]), ..RIGHT };
        assert_eq!(load(one).unwrap().len(), 1);
    }

    /// What names a file of the user's keeps its words; other errors get the file's name.
    #[test]
    fn errors_of_its_own() {
        let open = |error: anyhow::Error| {
            format!("{:#}", Checked::new("Set", &Source::default(), Err(error)).err().unwrap())
        };
        let failure = Failure::new(Exit::Unavailable, "Set: a.gz not in b");
        assert_eq!(open(failure.into()), "Set: a.gz not in b");
        assert_eq!(open(anyhow::anyhow!("no such line")), "inputs/Set.rs: no such line");
    }
}

//! A data set of some classes of another one: `--classes 1,7` of MNIST has the ones and the sevens, as
//! classes 0 and 1.

use anyhow::Result;

use crate::data::left_out::LeftOut;
use crate::data::names::as_read;
use crate::data::{Dataset, Examples, Identity, Split};
use crate::error::{Exit, Failure};

/// The flag that names classes to a training.
const CLASSES: &str = "--classes";

/// The examples of some classes.
pub struct Subset {
    whole: Box<dyn Dataset>,
    /// The classes that are kept, by their labels in the whole, in their order there.
    classes: Vec<u32>,
}

impl Subset {
    /// The `classes` of `whole`, or all of it if there are none.
    ///
    /// # Errors
    /// When it has no such class, or one is listed twice.
    pub fn of(whole: Box<dyn Dataset>, classes: Option<&[u32]>) -> Result<Box<dyn Dataset>> {
        match classes {
            Some(classes) => Ok(Box::new(Self::new(whole, classes)?)),
            None => Ok(whole),
        }
    }

    /// The examples of the `classes` of `whole` in the `split`, or all of them, with their numbers there and the names
    /// of their classes, by label.
    ///
    /// # Errors
    /// As those of [`Subset::of`], and where the examples cannot be had.
    pub fn numbered(
        whole: Box<dyn Dataset>,
        classes: Option<&[u32]>,
        split: Split,
    ) -> Result<(Vec<usize>, Examples, Vec<String>)> {
        let Some(classes) = classes else {
            let examples = whole.load(split)?;
            return Ok(((0..examples.len()).collect(), examples, whole.class_names()));
        };
        let subset = Self::new(whole, classes)?;
        let (numbers, examples) = subset.pick(split)?;
        Ok((numbers, examples, subset.class_names()))
    }

    fn new(whole: Box<dyn Dataset>, classes: &[u32]) -> Result<Self> {
        let count = whole.num_classes() as u32;
        if let Some(label) = classes.iter().find(|&&label| label >= count) {
            return Err(no_class(CLASSES, &label.to_string(), &whole.class_names()));
        }
        if let Some(twice) = (1..classes.len()).find(|&at| classes[..at].contains(&classes[at])) {
            let what = format!("the class {} is listed twice", classes[twice]);
            return Err(Failure::new(Exit::Failed, what).into());
        }
        Ok(Self { whole, classes: classes.to_vec() })
    }

    /// The numbers of its examples in the `split` of the whole, and these.
    fn pick(&self, split: Split) -> Result<(Vec<usize>, Examples)> {
        let whole = self.whole.load(split)?;
        // Not by halves: a checkpoint may list them in any order.
        let place = |label: u32| self.classes.iter().position(|own| *own == label);
        let kept: Vec<_> =
            (0..whole.len()).filter(|&index| place(whole.labels()[index]).is_some()).collect();
        if kept.is_empty() {
            let what = format!("`--classes`: there is no {} image of them", split.name());
            return Err(Failure::new(Exit::Failed, what)
                .why(format!("the classes are {}", self.class_names().join(", ")))
                .into());
        }
        // Of a class that is left out there is no image any more.
        let places =
            (0..self.whole.num_classes() as u32).map(|label| place(label).unwrap_or(0) as u32);
        let examples = whole.pick(&kept)?.relabelled(&places.collect::<Vec<_>>());
        if split == Split::Train {
            self.needs_all(examples.labels())?;
        }
        Ok((kept, examples))
    }

    /// Refuses a class that is in none of the `labels` of the training images.
    fn needs_all(&self, labels: &[u32]) -> Result<(), Failure> {
        let names = self.class_names();
        let lacking = (0..names.len()).find(|&class| !labels.contains(&(class as u32)));
        lacking.map_or(Ok(()), |class| {
            let what = format!("`--classes`: there is no training image of `{}`", names[class]);
            Err(Failure::new(Exit::Failed, what).help("leave it out, or add images of it"))
        })
    }
}

/// The labels of the classes of `dataset` that are `named`, if any are.
///
/// # Errors
/// [`Exit::Usage`] when there is no such class.
pub fn labels_of(named: Option<&[String]>, dataset: &dyn Dataset) -> Result<Option<Vec<u32>>> {
    named.map(|named| labels(CLASSES, named, &dataset.class_names())).transpose()
}

/// The labels of the classes that `flag` has `named`, by their names in `names` or by their labels, sorted.
///
/// # Errors
/// [`Exit::Usage`] when there is no such class.
pub fn labels(flag: &str, named: &[String], names: &[String]) -> Result<Vec<u32>> {
    let labels: Result<Vec<_>> = named.iter().map(|name| label(flag, name, names)).collect();
    let mut labels = labels?;
    labels.sort_unstable();
    labels.dedup();
    Ok(labels)
}

/// The label of the class called `name`, letter by letter; else of the one that reads so; else of the
/// one with this number.
fn label(flag: &str, name: &str, names: &[String]) -> Result<u32> {
    let exact = |name: &str| names.iter().position(|other| other == name);
    if let Some(label) = exact(name).or_else(|| exact(name.trim())) {
        return Ok(label as u32);
    }
    let alike: Vec<_> =
        (0..names.len()).filter(|&label| as_read(&names[label]) == as_read(name)).collect();
    let by_number = || name.trim().parse().ok().filter(|&label: &usize| label < names.len());
    match alike[..] {
        [] => {
            by_number().map(|label| label as u32).ok_or_else(|| no_class(flag, name.trim(), names))
        }
        [label] => Ok(label as u32),
        [..] => Err(ambiguous(flag, name.trim(), &alike, names)),
    }
}

fn ambiguous(flag: &str, class: &str, labels: &[usize], names: &[String]) -> anyhow::Error {
    let classes = labels.iter().map(|&label| format!("`{}` ({label})", names[label]));
    Failure::new(Exit::Usage, format!("`{flag}`: more than one class reads `{class}`"))
        .why(format!("there are {}", classes.collect::<Vec<_>>().join(" and ")))
        .help("write the name as it is there, or give the number")
        .into()
}

fn no_class(flag: &str, class: &str, names: &[String]) -> anyhow::Error {
    Failure::new(Exit::Usage, format!("`{flag}`: the data set has no class `{class}`"))
        .why(format!("there are: {}", names.join(", ")))
        .help("name classes, or give their numbers from 0 on, with a comma between two")
        .into()
}

impl Dataset for Subset {
    fn shape(&self) -> [usize; 3] {
        self.whole.shape()
    }

    fn num_classes(&self) -> usize {
        self.classes.len()
    }

    fn class_names(&self) -> Vec<String> {
        let names = self.whole.class_names();
        self.classes.iter().map(|&label| names[label as usize].clone()).collect()
    }

    fn load(&self, split: Split) -> Result<Examples> {
        Ok(self.pick(split)?.1)
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

    fn validation_is_test(&self) -> bool {
        self.whole.validation_is_test()
    }

    fn random_horizontal_flip(&self) -> bool {
        self.whole.random_horizontal_flip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Source;
    use crate::registry;

    fn digits() -> Box<dyn Dataset> {
        registry::dataset("Digits", &Source::default()).unwrap()
    }

    #[test]
    fn ones_and_sevens() {
        let whole = digits().load(Split::Test).unwrap();
        let subset = Subset::of(digits(), Some(&[1, 7])).unwrap();
        assert_eq!((subset.num_classes(), subset.class_names()), (2, vec!["1".into(), "7".into()]));
        let examples = subset.load(Split::Test).unwrap();
        let kept: Vec<_> =
            (0..whole.len()).filter(|&at| [1, 7].contains(&whole.labels()[at])).collect();
        assert_eq!(examples.len(), kept.len());
        for (at, &index) in kept.iter().enumerate() {
            assert_eq!(examples.image(at).unwrap(), whole.image(index).unwrap());
            assert_eq!([1, 7][examples.labels()[at] as usize], whole.labels()[index]);
        }
    }

    /// As a checkpoint may list them.
    #[test]
    fn classes_in_any_order_lose_no_example() {
        let [sorted, turned] = [[1, 7], [7, 1]].map(|classes| {
            Subset::of(digits(), Some(&classes)).unwrap().load(Split::Test).unwrap()
        });
        assert!((0..sorted.len()).all(|at| sorted.image(at).unwrap() == turned.image(at).unwrap()));
        assert!(sorted.labels().iter().zip(turned.labels()).all(|(one, other)| *one == 1 - other));
        assert!(Subset::of(digits(), Some(&[1, 7, 1])).is_err());
    }

    #[test]
    fn by_name_or_by_number() {
        let labels = |named: &[&str]| of(named, &["airplane", "automobile", "7"]);
        assert_eq!(labels(&["Automobile", "0", "automobile"]).unwrap(), [0, 1]);
        // A name goes before a number.
        assert_eq!(labels(&["7"]).unwrap(), [2]);
        let error = labels(&["cat"]).unwrap_err();
        assert!(error.to_string().contains("no class `cat`"), "{error}");
        assert_eq!(Exit::of(&error), Exit::Usage);
        assert!(labels(&["3"]).is_err());
        // As people write lists.
        assert_eq!(labels(&["0", " 1", " 7 "]).unwrap(), [0, 1, 2]);
        for empty in ["", " "] {
            assert!(labels(&["0", empty]).unwrap_err().to_string().contains("no class ``"));
        }
    }

    fn of(named: &[&str], names: &[&str]) -> Result<Vec<u32>> {
        let [named, names] =
            [named, names].map(|list| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        labels(CLASSES, &named, &names)
    }

    #[test]
    fn the_exact_name_goes_first() {
        let names = ["Crane", "crane", "cafe\u{301}", "Ähre", "dog "];
        for (name, label) in [
            ("crane", 1),
            ("Crane", 0),
            (" crane", 1),
            ("caf\u{e9}", 2),
            ("CAFÉ", 2),
            ("ähre", 3),
            ("dog", 4),
            ("0", 0),
        ] {
            assert_eq!(of(&[name], &names).unwrap(), [label], "{name}");
        }
        let error = of(&["CRANE"], &names).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Usage);
        assert!(error.to_string().contains("`Crane` (0) and `crane` (1)"), "{error}");
    }

    /// Images of one class alone.
    struct Zeros;

    impl Dataset for Zeros {
        fn shape(&self) -> [usize; 3] {
            [1, 1, 1]
        }

        fn num_classes(&self) -> usize {
            3
        }

        fn load(&self, _: Split) -> Result<Examples> {
            Examples::new(self.shape(), vec![1, 2, 3], vec![0, 0, 2])
        }
    }

    #[test]
    fn a_class_without_training_images_is_refused() {
        let subset = |classes: &[u32]| Subset::of(Box::new(Zeros), Some(classes)).unwrap();
        assert_eq!(subset(&[0, 2]).load(Split::Train).unwrap().labels(), [0, 0, 1]);
        let error = subset(&[0, 1]).load(Split::Train).unwrap_err();
        assert!(error.to_string().contains("no training image of `1`"), "{error}");
        assert_eq!(subset(&[0, 1]).load(Split::Test).unwrap().len(), 2);
        let error = subset(&[1]).load(Split::Test).unwrap_err();
        assert!(error.to_string().contains("no test image of them"), "{error}");
    }
}

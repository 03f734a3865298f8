//! A data set of some classes of another one: `--classes 1,7` of MNIST has the ones and the sevens, as
//! classes 0 and 1.

use anyhow::Result;

use crate::{Dataset, Examples, Exit, Failure, Identity, Split};

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
    /// When it has no such class.
    pub fn of(whole: Box<dyn Dataset>, classes: Option<&[u32]>) -> Result<Box<dyn Dataset>> {
        let Some(classes) = classes else { return Ok(whole) };
        let count = whole.num_classes() as u32;
        if let Some(label) = classes.iter().find(|&&label| label >= count) {
            return Err(no_class(&label.to_string(), &whole.class_names()));
        }
        Ok(Box::new(Self { whole, classes: classes.to_vec() }))
    }
}

/// The labels of the classes of `dataset` that are `named`, if any are.
///
/// # Errors
/// [`Exit::Usage`] when there is no such class.
pub fn labels_of(named: Option<&[String]>, dataset: &dyn Dataset) -> Result<Option<Vec<u32>>> {
    named.map(|named| labels(named, &dataset.class_names())).transpose()
}

/// The labels of the classes that are `named`, by their names in `names` or by their labels, sorted.
fn labels(named: &[String], names: &[String]) -> Result<Vec<u32>> {
    let mut labels = Vec::new();
    for name in named {
        let by_name = names.iter().position(|other| other.eq_ignore_ascii_case(name));
        let by_label = || name.parse().ok().filter(|&label: &usize| label < names.len());
        let label = by_name.or_else(by_label).ok_or_else(|| no_class(name, names))?;
        labels.push(label as u32);
    }
    labels.sort_unstable();
    labels.dedup();
    Ok(labels)
}

fn no_class(class: &str, names: &[String]) -> anyhow::Error {
    Failure::new(Exit::Usage, format!("`--classes`: the data set has no class `{class}`"))
        .why(format!("there are: {}", names.join(", ")))
        .remedy("name classes, or give their numbers from 0 on, with a comma between two")
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
        let whole = self.whole.load(split)?;
        let (mut pixels, mut labels, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (index, label) in whole.labels().iter().enumerate() {
            if let Ok(class) = self.classes.binary_search(label) {
                pixels.extend_from_slice(whole.image(index));
                labels.push(class as u32);
                names.extend(whole.name(index).map(str::to_owned));
            }
        }
        if labels.is_empty() {
            let what = format!("`--classes`: there is no {} image of them", split.name());
            return Err(Failure::new(Exit::Failed, what)
                .why(format!("the classes are {}", self.class_names().join(", ")))
                .into());
        }
        let examples = Examples::new(self.shape(), pixels, labels)?;
        Ok(if names.is_empty() { examples } else { examples.with_names(names) })
    }

    fn resizes(&self) -> bool {
        self.whole.resizes()
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
    use crate::{Source, zoo};

    fn digits() -> Box<dyn Dataset> {
        zoo::dataset("Digits", &Source::default()).unwrap()
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
            assert_eq!(examples.image(at), whole.image(index));
            assert_eq!([1, 7][examples.labels()[at] as usize], whole.labels()[index]);
        }
    }

    #[test]
    fn by_name_or_by_number() {
        let names = ["airplane", "automobile", "7"].map(str::to_owned);
        let labels = |named: &[&str]| {
            labels(&named.iter().map(|&name| name.to_owned()).collect::<Vec<_>>(), &names)
        };
        assert_eq!(labels(&["Automobile", "0", "automobile"]).unwrap(), [0, 1]);
        // A name goes before a number.
        assert_eq!(labels(&["7"]).unwrap(), [2]);
        let error = labels(&["cat"]).unwrap_err();
        assert!(error.to_string().contains("no class `cat`"), "{error}");
        assert_eq!(Exit::of(&error), Exit::Usage);
        assert!(labels(&["3"]).is_err());
    }
}

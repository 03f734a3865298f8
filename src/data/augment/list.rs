//! The list of augmentations as text: `crop:4,flip,rand:2,9`, or `none`.
//!
//! A comma is between two operations, and a part that begins with a digit belongs to the operation before it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::operation::{EXAMPLES, Operation};
use crate::data::Dataset;
use crate::error::{Exit, Failure};
use crate::util::similar::nearest;

/// Similar enough to be meant.
const SIMILAR: f64 = 0.75;

/// What is done to the images that are trained on, in this order; of none of them nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Augmentation(pub(super) Vec<Operation>);

impl Augmentation {
    /// A flip by a fair coin: Dynamic Training Bench's, of CIFAR.
    pub fn flip() -> Self {
        Self(vec![Operation::Flip])
    }

    /// What a run does to the images of `dataset`: what is `asked` for or, by default, what the data set says.
    pub fn of_run(asked: Option<&Self>, dataset: &dyn Dataset) -> Self {
        match asked {
            Some(asked) => asked.clone(),
            None if dataset.random_horizontal_flip() => Self::flip(),
            None => Self::default(),
        }
    }

    /// Whether it changes nothing.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// As a part of a file's name: Windows takes no colon.
    pub fn file_name(&self) -> String {
        self.to_string().replace(':', "-")
    }

    /// Fails where an operation does not fit into images of `shape` `[channels, height, width]`.
    ///
    /// # Errors
    /// [`Exit::Usage`], naming it.
    pub fn refuse_larger(&self, [_, height, width]: [usize; 3]) -> Result<(), Failure> {
        let wrong = |operation: &Operation| {
            let why = operation.too_large(height, width)?;
            Some(
                Failure::new(
                    Exit::Usage,
                    format!("`--augment {operation}`: the images are {height}x{width}"),
                )
                .why(why),
            )
        };
        self.0.iter().find_map(wrong).map_or(Ok(()), Err)
    }
}

impl FromStr for Augmentation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts: Vec<String> = Vec::new();
        for part in text.split(',').map(str::trim) {
            match parts.last_mut() {
                Some(last) if part.starts_with(|c: char| c.is_ascii_digit()) => {
                    *last += &format!(",{part}");
                }
                _ => parts.push(part.to_owned()),
            }
        }
        if parts == ["none"] {
            return Ok(Self::default());
        }
        let mut operations: Vec<Operation> = Vec::new();
        for part in &parts {
            if part == "none" {
                return Err("none contradicts the others: it stands alone".into());
            }
            let (name, value) = match part.split_once(':') {
                Some((name, value)) => (name, Some(value.trim())),
                None => (part.as_str(), None),
            };
            let name = name.trim().to_lowercase();
            let operation = Operation::parse(&name, value)
                .map_err(|wrong| wrong.unwrap_or_else(|| unknown(&name)))?;
            if operations.iter().any(|other| other.name() == operation.name()) {
                return Err(format!("{name} is listed twice"));
            }
            operations.push(operation);
        }
        Ok(Self(operations))
    }
}

/// There is no operation `name`.
fn unknown(name: &str) -> String {
    let choices: Vec<_> = EXAMPLES.iter().map(|(_, example)| *example).collect();
    let nearest = nearest(name, EXAMPLES.iter().map(|(known, _)| *known), SIMILAR);
    let nearest = nearest.map_or(String::new(), |known| format!("; a similar one: `{known}`"));
    format!("there is no augmentation `{name}`{nearest}; there are: none, {}", choices.join(", "))
}

impl fmt::Display for Augmentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("none");
        }
        let texts: Vec<_> = self.0.iter().map(Operation::to_string).collect();
        f.write_str(&texts.join(","))
    }
}

impl TryFrom<String> for Augmentation {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error| format!("augment: {error}"))
    }
}

impl From<Augmentation> for String {
    fn from(augmentation: Augmentation) -> Self {
        augmentation.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_written() {
        let all = EXAMPLES.map(|(_, example)| example).join(",");
        for text in [&all, "none", "flip", "rand:2,9,flip", "shift:0.5", "scale:1..1"] {
            assert_eq!(text.parse::<Augmentation>().unwrap().to_string(), text);
        }
        assert_eq!(all.parse::<Augmentation>().unwrap().0.len(), EXAMPLES.len());
        let spaced: Augmentation = " Crop:4 , FLIP, rand: 2, 9".parse().unwrap();
        assert_eq!(spaced.to_string(), "crop:4,flip,rand:2,9");
        assert_eq!(spaced.file_name(), "crop-4,flip,rand-2,9");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, needle) in [
            ("", "there is no augmentation ``"),
            ("crop:4,", "there is no augmentation ``"),
            ("none,flip", "none contradicts"),
            ("flip,none", "none contradicts"),
            ("flip,crop:4,flip", "flip is listed twice"),
            ("crop:4,crop:2", "crop is listed twice"),
            ("flipp", "a similar one: `flip`; there are: none, crop:4, flip"),
            ("rotat:3", "a similar one: `rotate`"),
            ("banana", "there is no augmentation `banana`; there are"),
            ("crop", "crop takes a number, as crop:4"),
            ("crop:", "whole number"),
            ("crop:0", "whole number"),
            ("crop:-4", "whole number"),
            ("crop:1.5", "whole number"),
            ("crop:99999999999999999999", "whole number"),
            ("flip:0.5", "flip takes no number"),
            ("flip,3", "there is no augmentation `flip,3`"),
            ("rotate:181", "degrees"),
            ("rotate:nan", "degrees"),
            ("shift:0", "pixels"),
            ("shift:inf", "pixels"),
            ("scale:1.1..0.9", "LOW..HIGH"),
            ("scale:1", "LOW..HIGH"),
            ("scale:0..1", "LOW..HIGH"),
            ("cutout:0", "whole number"),
            ("jitter:1.1", "1 at the most"),
            ("erase:25", "a probability"),
            ("rand:2", "N,M"),
            ("rand:0,9", "N,M"),
            ("rand:2,31", "N,M"),
            ("rand:2,9,3", "N,M"),
        ] {
            let error = text.parse::<Augmentation>().unwrap_err();
            assert!(error.contains(needle), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_larger_than_an_image_is_refused() {
        let shape = [3, 32, 28];
        for fits in ["none", "crop:27", "cutout:28", "shift:27.9", "rotate:180,erase:1,rand:14,30"]
        {
            fits.parse::<Augmentation>().unwrap().refuse_larger(shape).unwrap();
        }
        for larger in ["crop:28", "flip,cutout:29", "shift:28"] {
            let error = larger.parse::<Augmentation>().unwrap().refuse_larger(shape).unwrap_err();
            assert!(error.to_string().contains("the images are 32x28"), "{error}");
        }
    }
}

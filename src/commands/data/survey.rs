//! What is in a data set: its images are read once.

use anyhow::Result;

use crate::data::duplicates::{Catalogue, Copied};
use crate::data::left_out::LeftOut;
use crate::data::{Dataset, Examples, PixelSums, Split};

/// What is in a data set.
pub(super) struct Survey {
    pub name: String,
    /// `[channels, height, width]`.
    pub shape: [usize; 3],
    /// By label.
    pub class_names: Vec<String>,
    /// Whether the images for validation are the test's too.
    pub validation_is_test: bool,
    /// Training, validation, test.
    pub splits: Vec<SplitSurvey>,
    /// What of its files is not used.
    pub left_out: Vec<LeftOut>,
    /// Within each split, and of each in those before it; without those of one split that is two.
    pub duplicates: Vec<Duplicates>,
}

/// What is in a split.
#[derive(Clone)]
pub(super) struct SplitSurvey {
    pub split: Split,
    pub examples: Examples,
    /// Examples of each class.
    pub per_class: Vec<usize>,
    /// Of each channel, of bytes / 255.
    pub mean: Vec<f64>,
    /// As many.
    pub std: Vec<f64>,
    /// Of the pictures that the images are made of, where these may have other sizes.
    pub pictures: Option<PictureSizes>,
}

/// `[height, width]` of pictures.
#[derive(Clone)]
pub(super) struct PictureSizes {
    /// Of the fewest pixels.
    pub smallest: [u32; 2],
    /// Of the most pixels.
    pub largest: [u32; 2],
    pub most_common: [u32; 2],
    /// How many have that one.
    pub most_common_count: usize,
    /// How many sizes there are.
    pub different: usize,
}

/// Images that are there twice.
pub(super) struct Duplicates {
    /// Their split.
    pub of: Split,
    /// The split that has them too, or has them before.
    pub among: Split,
    pub copies: Vec<Copied>,
    /// Of each whether the other one has another label.
    pub differ: Vec<bool>,
}

impl Survey {
    /// Looks through `dataset`, the data set `name`.
    ///
    /// # Errors
    /// When a split cannot be had, or an image cannot be read.
    pub fn of(name: &str, dataset: &dyn Dataset) -> Result<Self> {
        let validation_is_test = dataset.validation_is_test();
        let classes = dataset.num_classes();
        let read = |split| SplitSurvey::of(split, dataset.load(split)?, classes);
        let mut splits = vec![read(Split::Train)?, read(Split::Validation)?];
        if !validation_is_test {
            splits.push(read(Split::Test)?);
        }
        let duplicates = duplicates(&splits)?;
        if validation_is_test {
            splits.push(SplitSurvey { split: Split::Test, ..splits[1].clone() });
        }
        Ok(Self {
            name: name.to_owned(),
            shape: dataset.shape(),
            class_names: dataset.class_names(),
            validation_is_test,
            splits,
            left_out: dataset.left_out(),
            duplicates,
        })
    }

    /// The examples of `split`.
    pub fn examples(&self, split: Split) -> &Examples {
        let mut splits = self.splits.iter();
        &splits.find(|survey| survey.split == split).expect("it has all splits").examples
    }
}

impl SplitSurvey {
    fn of(split: Split, examples: Examples, classes: usize) -> Result<Self> {
        let mut per_class = vec![0; classes];
        examples.labels().iter().for_each(|&label| per_class[label as usize] += 1);
        let sums = PixelSums::of(&examples, &format!("mean and deviation, {}", split.name()))?;
        let (mean, std) = (sums.mean(), sums.std());
        let pictures = PictureSizes::of(examples.original_sizes());
        Ok(Self { split, per_class, mean, std, pictures, examples })
    }
}

impl PictureSizes {
    /// Of pictures of these `sizes`; `None` where there is none.
    fn of(sizes: &[[u32; 2]]) -> Option<Self> {
        let mut sorted = sizes.to_vec();
        sorted.sort_unstable_by_key(|&[height, width]| {
            (u64::from(height) * u64::from(width), height)
        });
        let groups: Vec<_> = sorted.chunk_by(|one, next| one == next).collect();
        let (first, last) = (groups.first()?, groups.last()?);
        // Of two that are as frequent the larger.
        let most_common = groups.iter().max_by_key(|group| group.len())?;
        Some(Self {
            smallest: first[0],
            largest: last[0],
            most_common: most_common[0],
            most_common_count: most_common.len(),
            different: groups.len(),
        })
    }
}

fn duplicates(splits: &[SplitSurvey]) -> Result<Vec<Duplicates>> {
    let catalogues = splits.iter().map(|survey| Catalogue::of(&survey.examples));
    let catalogues = catalogues.collect::<Result<Vec<_>>>()?;
    let mut found = Vec::new();
    for (of, (survey, catalogue)) in splits.iter().zip(&catalogues).enumerate() {
        for (among, others) in splits[..=of].iter().zip(&catalogues).rev() {
            let copies = match among.split == survey.split {
                true => catalogue.copies_within()?,
                false => others.copies_in(catalogue)?,
            };
            let (labels, theirs) = (survey.examples.labels(), among.examples.labels());
            let differ = copies.iter().map(|copied| labels[copied.index] != theirs[copied.of]);
            let differ = differ.collect();
            found.push(Duplicates { of: survey.split, among: among.split, copies, differ });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_pictures() {
        let sizes = PictureSizes::of(&[[3, 4], [2, 9], [1, 1], [3, 4]]).unwrap();
        assert_eq!((sizes.smallest, sizes.largest), ([1, 1], [2, 9]));
        assert_eq!((sizes.most_common, sizes.most_common_count), ([3, 4], 2));
        assert_eq!(sizes.different, 3);
        // One size each way round.
        assert_eq!(PictureSizes::of(&[[2, 6], [6, 2], [2, 6]]).unwrap().different, 2);
        assert!(PictureSizes::of(&[]).is_none());
    }
}

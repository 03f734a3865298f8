//! The examples of a split: an image `[channels, height, width]` of bytes and a label each.
//!
//! Where the bytes are is not told: [`Examples::image`] gives those of one example, from memory, from the
//! [store](super::store) or from a [`DecodeImage`]. A choice among examples, or several splits one after the other,
//! are lists of places in the same images: no bytes are copied.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use anyhow::{Result, bail};

use super::store::{ImageSource, OnDemand};

/// Gives the bytes of a split's images one at a time, to any thread: what a data set hands over whose images need not
/// fit into memory. `Fn(usize) -> Result<Vec<u8>, String>` is one.
pub trait DecodeImage: Send + Sync {
    /// The bytes `[channels, height, width]` of the image `index`, 0 black to 255 white.
    ///
    /// # Errors
    /// Why it cannot be read, in a few words: it is then left out, and told of.
    fn decode(&self, index: usize) -> Result<Vec<u8>, String>;
}

impl<F: Fn(usize) -> Result<Vec<u8>, String> + Send + Sync> DecodeImage for F {
    fn decode(&self, index: usize) -> Result<Vec<u8>, String> {
        self(index)
    }
}

/// The examples of one split.
#[derive(Clone)]
pub struct Examples {
    /// `[channels, height, width]`.
    shape: [usize; 3],
    /// What the images are in.
    sources: Vec<Arc<ImageSource>>,
    /// Of each example its source, and its number there.
    places: Vec<(u32, u32)>,
    /// One per example, 0-based.
    labels: Vec<u32>,
    /// One per example, or none: what they are called.
    names: Vec<String>,
    /// One per example, or none: `[height, width]` of the pictures that they were made of.
    original_sizes: Vec<[u32; 2]>,
}

impl Examples {
    /// `pixels` `[examples, channels, height, width]`, 0 black to 255 white, images of `shape` `[channels, height,
    /// width]`, and their `labels` `[examples]`.
    ///
    /// # Errors
    /// When the numbers of pixels and of labels do not fit, or there is no example.
    pub fn new(shape: [usize; 3], pixels: Vec<u8>, labels: Vec<u32>) -> Result<Self> {
        let size = size_of(shape);
        if labels.is_empty() || pixels.len() != labels.len().saturating_mul(size) {
            let (pixels, labels) = (pixels.len(), labels.len());
            bail!(
                "{pixels} pixels and {labels} labels are no images: one of {shape:?} has {size} pixels \
                 and one label"
            );
        }
        Self::of_source(shape, ImageSource::in_memory(pixels, size), labels)
    }

    /// Images of `shape` `[channels, height, width]` with these `labels` `[examples]`, which `decoder` gives one at a
    /// time. They are decoded once, by all threads: into memory if they fit there, else into a file in the user's cache
    /// folder, which is used again as long as `fingerprint` is the same. That has to be another one where an image may
    /// be another: of the files that they come from the paths, sizes and times of modification, say.
    ///
    /// # Errors
    /// When there is no example, or the images have no pixels.
    pub fn on_demand(
        shape: [usize; 3],
        labels: Vec<u32>,
        fingerprint: String,
        decoder: impl DecodeImage + 'static,
    ) -> Result<Self> {
        let size = size_of(shape);
        if labels.is_empty() || size == 0 {
            bail!("{} labels of images of {shape:?} are no examples", labels.len());
        }
        let source = OnDemand { decoder: Box::new(decoder), fingerprint, size };
        Self::of_source(shape, ImageSource::OnDemand(source), labels)
    }

    /// All images of `source`, in their order.
    pub(super) fn of_source(
        shape: [usize; 3],
        source: ImageSource,
        labels: Vec<u32>,
    ) -> Result<Self> {
        let Ok(count) = u32::try_from(labels.len()) else {
            bail!("{} examples are more than {}", labels.len(), u32::MAX);
        };
        let places = (0..count).map(|index| (0, index)).collect();
        Ok(Self {
            shape,
            sources: vec![Arc::new(source)],
            places,
            labels,
            names: Vec::new(),
            original_sizes: Vec::new(),
        })
    }

    /// The same, with what each example is called: its file, say.
    ///
    /// # Panics
    /// When there are not as many `names` as examples.
    pub fn with_names(mut self, names: Vec<String>) -> Self {
        assert_eq!(names.len(), self.labels.len(), "names of the examples");
        self.names = names;
        self
    }

    /// What the example `index` is called, if it has a name.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.names.get(index).map(String::as_str)
    }

    /// The same, with the `[height, width]` of the picture that each example is made of.
    ///
    /// # Panics
    /// When there are not as many `sizes` as examples.
    pub fn with_original_sizes(mut self, sizes: Vec<[u32; 2]>) -> Self {
        assert_eq!(sizes.len(), self.labels.len(), "sizes of the examples");
        self.original_sizes = sizes;
        self
    }

    /// `[height, width]` of the pictures that the examples are made of, one each; none where all have had their
    /// [`shape`](Self::shape) always.
    pub fn original_sizes(&self) -> &[[u32; 2]] {
        &self.original_sizes
    }

    /// The examples at `kept`, in that order, with their names.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn pick(&self, kept: &[usize]) -> Result<Self> {
        if kept.is_empty() {
            bail!("none of {} examples is kept", self.len());
        }
        Ok(Self {
            shape: self.shape,
            sources: self.sources.clone(),
            places: kept.iter().map(|&index| self.places[index]).collect(),
            labels: kept.iter().map(|&index| self.labels[index]).collect(),
            names: kept.iter().filter_map(|&index| self.names.get(index).cloned()).collect(),
            original_sizes: kept
                .iter()
                .filter_map(|&index| self.original_sizes.get(index).copied())
                .collect(),
        })
    }

    /// These examples, and then those of `next`, which have the same shape. They have names if all have, and sizes of pictures.
    pub(crate) fn followed_by(mut self, next: Self) -> Self {
        let before = self.sources.len() as u32;
        self.sources.extend(next.sources);
        self.places.extend(next.places.iter().map(|(source, index)| (source + before, *index)));
        let have_names = !self.names.is_empty() && !next.names.is_empty();
        self.names = if have_names { [self.names, next.names].concat() } else { Vec::new() };
        let have_sizes = !self.original_sizes.is_empty() && !next.original_sizes.is_empty();
        let sizes = || [self.original_sizes, next.original_sizes].concat();
        self.original_sizes = if have_sizes { sizes() } else { Vec::new() };
        self.labels.extend(next.labels);
        self
    }

    /// The same images with other labels: of label l `labels[l]`.
    ///
    /// # Panics
    /// When there is none for a label.
    pub(crate) fn relabelled(mut self, labels: &[u32]) -> Self {
        self.labels.iter_mut().for_each(|label| *label = labels[*label as usize]);
        self
    }

    /// `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Bytes of an image: channels · height · width.
    pub fn image_bytes(&self) -> usize {
        size_of(self.shape)
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none: never.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// `[examples]`.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The bytes `[channels, height, width]` of one image.
    ///
    /// # Errors
    /// Where it cannot be read any more, or what is read is damaged.
    ///
    /// # Panics
    /// When there is no such example.
    pub fn image(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let (source, place) = self.place(index);
        source.image(place)
    }

    /// The CRC-32 of the bytes of one image, which is not read where its file has it.
    ///
    /// # Errors
    /// As those of [`image`](Self::image).
    pub(super) fn checksum(&self, index: usize) -> Result<u32> {
        let (source, place) = self.place(index);
        source.checksum(place)
    }

    /// [`image`](Self::image), where it is in memory.
    pub(crate) fn image_in_memory(&self, index: usize) -> Option<&[u8]> {
        match self.place(index) {
            (ImageSource::Memory(images), place) => Some(images.image(place)),
            _ => None,
        }
    }

    /// Whether all images are in memory.
    pub(crate) fn are_in_memory(&self) -> bool {
        self.sources.iter().all(|source| matches!(**source, ImageSource::Memory(_)))
    }

    /// What the example `index` is in, and its number there.
    pub(super) fn place(&self, index: usize) -> (&ImageSource, usize) {
        let (source, place) = self.places[index];
        (&self.sources[source as usize], place as usize)
    }

    /// What a data set has handed over as one: its source.
    pub(super) fn only_source(&self) -> Option<&Arc<ImageSource>> {
        match &self.sources[..] {
            [source] => Some(source),
            _ => None,
        }
    }

    /// Those of the examples at `kept`, of all that came from one source, with the same places in `source` instead.
    pub(super) fn at(self, source: ImageSource, kept: &[usize]) -> Result<Self> {
        Ok(Self { sources: vec![Arc::new(source)], ..self.pick(kept)? })
    }
}

fn size_of(shape: [usize; 3]) -> usize {
    shape.iter().fold(1, |size: usize, &side| size.saturating_mul(side))
}

/// Equal images with equal labels and names, wherever they are; those that cannot be read equal nothing.
impl PartialEq for Examples {
    fn eq(&self, other: &Self) -> bool {
        let is_same_image = |index| match (self.image(index), other.image(index)) {
            (Ok(one), Ok(another)) => one == another,
            _ => false,
        };
        (self.shape, &self.labels, &self.names) == (other.shape, &other.labels, &other.names)
            && (0..self.len()).all(is_same_image)
    }
}

impl fmt::Debug for Examples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} examples of {:?}", self.len(), self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(pixels: &[u8]) -> Examples {
        let labels = pixels.iter().map(|&pixel| u32::from(pixel) % 3).collect();
        Examples::new([1, 1, 2], pixels.iter().flat_map(|&p| [p, p]).collect(), labels).unwrap()
    }

    #[test]
    fn chosen_and_joined_examples_keep_their_images() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let one = examples(&[10, 11, 12]).with_names(names(&["a", "b", "c"]));
        let two = examples(&[20, 21]).with_names(names(&["d", "e"]));
        let chosen = one.followed_by(two).pick(&[4, 0, 3]).unwrap();
        assert_eq!(chosen, examples(&[21, 10, 20]).with_names(names(&["e", "a", "d"])));
        assert_ne!(chosen, examples(&[21, 10, 22]).with_names(names(&["e", "a", "d"])));
        assert!(chosen.are_in_memory() && chosen.image_in_memory(2) == Some(&[20, 20]));
        assert!(chosen.pick(&[]).is_err());
    }

    #[test]
    fn decoded_when_asked_for() {
        let decoder = |index: usize| match index {
            1 => Err("it is torn".to_owned()),
            index => Ok(vec![index as u8; 2]),
        };
        let lazy = Examples::on_demand([1, 1, 2], vec![0; 3], "f".into(), decoder).unwrap();
        assert_eq!(*lazy.image(2).unwrap(), [2, 2]);
        assert!(lazy.image(1).unwrap_err().to_string().contains("it is torn"));
        assert!(lazy.image_in_memory(2).is_none() && lazy != lazy.clone());
        assert!(Examples::on_demand([1, 0, 2], vec![0], "f".into(), decoder).is_err());
    }
}

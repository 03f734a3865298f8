//! Which examples make a batch, and what becomes of them before a model sees them.

use super::augment::AugmentedEpoch;
use super::class_weights::BatchWeights;
use super::mix::Mix;
use super::read_ahead::BatchBytes;

/// The examples of a batch, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Of the examples in their split.
    pub indices: &'a [usize],
    /// How their bytes are changed, if they are.
    pub augmented: Option<AugmentedEpoch<'a>>,
    /// With what they are mixed, if they are.
    pub mixed: Option<Mixed<'a>>,
    /// ε of the label smoothing: the share of a target that all classes have alike.
    pub label_smoothing: f64,
    /// What the examples weigh in the loss, if not all the same.
    pub weights: Option<BatchWeights<'a>>,
    /// The bytes that were read for the whole batch, where its images are not in memory.
    pub bytes: Option<&'a BatchBytes>,
}

/// Examples that those of a batch are mixed with.
#[derive(Clone, Copy, Debug)]
pub struct Mixed<'a> {
    /// The [partner](super::mix::partners) of each.
    pub partners: &'a [usize],
    /// How.
    pub mix: Mix,
}

impl<'a> Batch<'a> {
    /// The examples at `indices`, as they are.
    pub fn plain(indices: &'a [usize]) -> Self {
        let (augmented, mixed, weights, bytes) = (None, None, None, None);
        Self { indices, augmented, mixed, label_smoothing: 0.0, weights, bytes }
    }

    /// The examples at `indices`, changed as `augmented` says.
    pub fn augmented(indices: &'a [usize], augmented: Option<AugmentedEpoch<'a>>) -> Self {
        Self { augmented, ..Self::plain(indices) }
    }

    /// The same with the `bytes` that were read for it.
    pub fn with_bytes(self, bytes: &'a BatchBytes) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    /// Number of examples.
    pub fn len(self) -> usize {
        self.indices.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.indices.is_empty()
    }

    /// The examples that these are mixed with, if they are, and how.
    pub fn partners(self) -> Option<(Self, Mix)> {
        let Mixed { partners, mix } = self.mixed?;
        let partners = Self { bytes: self.bytes, ..Self::augmented(partners, self.augmented) };
        Some((partners, mix))
    }

    /// Of each example, itself or its partner: the one that the mixed one has more of.
    pub fn larger_shares(self) -> &'a [usize] {
        match self.mixed {
            Some(Mixed { partners, mix }) if mix.lambda < 0.5 => partners,
            _ => self.indices,
        }
    }

    /// The batch in parts of `size` examples; the last may be smaller. An example keeps its partner.
    ///
    /// # Panics
    /// When `size` is 0.
    pub fn chunks(self, size: usize) -> Vec<Self> {
        let mixed = |from: usize, len: usize| {
            let Mixed { partners, mix } = self.mixed?;
            Some(Mixed { partners: &partners[from..][..len], mix })
        };
        let parts = self.indices.chunks(size).enumerate();
        parts
            .map(|(number, indices)| {
                let mixed = mixed(number * size, indices.len());
                Self { indices, mixed, ..self }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::mix;

    #[test]
    fn a_part_of_a_batch_has_the_partners_of_the_whole() {
        let indices = [3, 1, 4, 5, 9];
        let partners = mix::partners(&indices);
        let of = |lambda| {
            let mix = Mix { lambda, rectangle: None };
            Batch { mixed: Some(Mixed { partners: &partners, mix }), ..Batch::plain(&indices) }
        };
        let parts = of(0.5).chunks(2);
        let seen: Vec<_> = parts.iter().map(|part| part.partners().unwrap().0.indices).collect();
        assert_eq!(seen, [&[9, 3][..], &[1, 4], &[5]]);
        assert_eq!(of(0.5).chunks(2)[0].larger_shares(), [3, 1]);
        assert_eq!(of(0.4).chunks(2)[0].larger_shares(), [9, 3]);
        assert!(Batch::plain(&indices).chunks(2)[1].partners().is_none());
    }
}

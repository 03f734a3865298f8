//! What a model does with each single image: for tests that pair two models image by image.

/// The results of `[images]`, in the order of their split.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageResults {
    /// The true classes.
    pub labels: Vec<u32>,
    /// What the model makes of the images.
    pub outcomes: Outcomes,
}

/// What a model makes of images.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcomes {
    /// The errors of an autoencoder's reconstructions, Σ (x' - x)² / 2n over the n pixels of each image.
    Errors(Vec<f64>),
    /// The classes that a classifier predicts, and the cross-entropy of each image.
    Predictions {
        /// The likeliest classes.
        classes: Vec<u32>,
        /// Cross-entropies, -ln of the probability of the true class.
        losses: Vec<f64>,
    },
}

impl ImageResults {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

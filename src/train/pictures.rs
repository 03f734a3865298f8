//! What a model shows of itself after a validation.

use burn::tensor::Tensor;

use super::AnyModel;
use super::latent::LatentRows;
use crate::data::Normalization;
use crate::nn::Summary;
use crate::util::tensor::floats;

/// Images, what an autoencoder makes of them, and what is in the model's layers: the numbers, which nobody
/// has drawn yet.
pub(crate) struct Pictures {
    /// `[batch, channels, height, width]`.
    pub shape: [usize; 4],
    /// In -1..=1.
    pub images: Vec<f32>,
    /// Of the same shape; `None` of a classifier.
    pub reconstructions: Option<Vec<f32>>,
    /// The histograms, filters and activations of the layers, these of the first image.
    pub summaries: Vec<Summary>,
    /// What is in its code, where it has one.
    pub latent: Vec<LatentRows>,
}

impl Pictures {
    /// What `model` makes of `images` `[batch, channels, height, width]`, both on a device without autodiff.
    /// The images are shown in -1..=1, whatever they are [normalised](Normalization) by.
    pub fn of(
        model: &AnyModel,
        images: Tensor<4>,
        normalization: Option<&Normalization>,
        latent: Vec<LatentRows>,
    ) -> Self {
        let first = images.clone().narrow(0, 0, 1);
        // In parts: the feature maps of a large batch would take more memory than the training.
        let parts = images.clone().split(model.batch_size(), 0).into_iter();
        let parts: Option<Vec<_>> = parts.map(|part| model.reconstruct(part)).collect();
        let shape = images.dims();
        let mut shown = floats(images);
        if let Some(normalization) = normalization {
            normalization.to_range(&mut shown, shape[2] * shape[3]);
        }
        Self {
            shape,
            images: shown,
            reconstructions: parts.map(|parts| floats(Tensor::cat(parts, 0))),
            summaries: model.record(first).into_summaries(),
            latent,
        }
    }
}

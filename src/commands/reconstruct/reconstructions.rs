//! What a trained autoencoder makes of images, and how far that is from them.
//!
//! The error of an image x `[channels, height, width]` and its reconstruction y is that of a batch of
//! one, Σ (y - x)² / (2 n) over its n values; its error map `[height, width]` is |y - x|, the mean
//! over the channels.

use anyhow::Result;

use crate::data::Batch;
use crate::data::DataLoader;
use crate::train::AnyModel;
use crate::util::tensor::floats;

/// Images beside their reconstructions, all `[images, channels, height, width]`.
pub struct Reconstructions {
    /// Of the images.
    pub shape: [usize; 4],
    /// The images, -1 to 1.
    pub images: Vec<f32>,
    /// What became of them.
    pub reconstructions: Vec<f32>,
}

impl Reconstructions {
    /// What `model` makes of the examples of `loader` at `indices`, both on a device without autodiff;
    /// `None` if it makes no reconstructions.
    ///
    /// # Errors
    /// Where an image cannot be read, or is damaged.
    pub fn of(model: &AnyModel, loader: &DataLoader, indices: &[usize]) -> Result<Option<Self>> {
        let [channels, height, width] = loader.examples().shape();
        let shape = [indices.len(), channels, height, width];
        let (mut images, mut reconstructions) = (Vec::new(), Vec::new());
        for batch in indices.chunks(model.batch_size()) {
            let bytes = loader.read(batch)?;
            let batch = loader.images(Batch::plain(batch).with_bytes(&bytes));
            let Some(made) = model.reconstruct(batch.clone()) else { return Ok(None) };
            reconstructions.extend(floats(made));
            images.extend(floats(batch));
        }
        Ok(Some(Self { shape, images, reconstructions }))
    }

    /// The error of each image.
    pub fn errors(&self) -> Vec<f64> {
        let n = self.size();
        let pairs = self.images.chunks_exact(n).zip(self.reconstructions.chunks_exact(n));
        pairs.map(|(image, reconstruction)| error(image, reconstruction)).collect()
    }

    /// The error map of each image, repeated for each channel: in the shape of the images.
    pub fn error_maps(&self) -> Vec<f32> {
        let [_, channels, height, width] = self.shape;
        let (n, plane) = (self.size(), height * width);
        let pairs = self.images.chunks_exact(n).zip(self.reconstructions.chunks_exact(n));
        let maps = pairs.flat_map(|(image, reconstruction)| {
            let distance = |at: usize| (reconstruction[at] - image[at]).abs();
            let mean = move |pixel| {
                (0..channels).map(|c| distance(c * plane + pixel)).sum::<f32>() / channels as f32
            };
            let map: Vec<f32> = (0..plane).map(mean).collect();
            map.repeat(channels)
        });
        maps.collect()
    }

    /// Values in an image.
    fn size(&self) -> usize {
        self.shape[1..].iter().product()
    }
}

/// Half the mean squared difference.
fn error(image: &[f32], reconstruction: &[f32]) -> f64 {
    let squares = image.iter().zip(reconstruction).map(|(x, y)| f64::from(y - x).powi(2));
    squares.sum::<f64>() / (2.0 * image.len() as f64)
}

/// The `count` examples of `loader` with the largest errors, the largest first: index and error. `None`
/// if `model` makes no reconstructions.
///
/// # Errors
/// Where an image cannot be read, or is damaged.
pub fn worst(
    model: &AnyModel,
    loader: &DataLoader,
    count: usize,
) -> Result<Option<Vec<(usize, f64)>>> {
    let all: Vec<_> = (0..loader.len()).collect();
    let mut errors = Vec::new();
    for batch in all.chunks(model.batch_size()) {
        let Some(made) = Reconstructions::of(model, loader, batch)? else { return Ok(None) };
        errors.extend(made.errors());
    }
    let mut ranking: Vec<_> = errors.into_iter().enumerate().collect();
    ranking.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    ranking.truncate(count);
    Ok(Some(ranking))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_their_maps() {
        let pair = Reconstructions {
            shape: [2, 3, 1, 2],
            images: [[0.0; 6], [1.0; 6]].concat(),
            reconstructions: [[0.0; 6], [1.0, 0.0, 0.5, 1.0, 1.0, 1.0]].concat(),
        };
        assert_eq!(pair.errors(), [0.0, (1.0 + 0.25) / 12.0]);
        let map = [0.5 / 3.0, 1.0 / 3.0];
        assert_eq!(pair.error_maps(), [&[0.0; 6][..], &map, &map, &map].concat());
    }
}

//! What a run shows of its model's code after a validation: the same images each time, and the same draws.

use anyhow::Result;
use indicatif::ProgressBar;

use super::LatentSpace;
use super::explorer::codes;
use crate::data::DataLoader;
use crate::train::AnyModel;
use crate::viz::IMAGES;

/// Validation images whose codes tell how far these spread.
const CODES: usize = 200;
/// Images in a row of an interpolation and a traversal, and the most rows of the two: of large images there are fewer.
const STEPS: usize = 9;
const PAIRS: usize = 6;
const NUMBERS: usize = 32;
/// Samples in a row, and the most rows.
const IN_A_ROW: usize = 8;
const SAMPLES: usize = 8;
/// The fewest rows, however large images are.
const LEAST_ROWS: usize = 2;

/// Images in rows.
pub(crate) struct LatentRows {
    /// TensorBoard's tag.
    pub tag: &'static str,
    /// In -1..=1.
    pub images: Vec<f32>,
    /// `[images, channels, height, width]`.
    pub shape: [usize; 4],
    /// Images in a row.
    pub columns: usize,
}

/// What `model` makes of codes between, along and beside those of images of `validation`, both on a device without
/// autodiff; nothing where it has no code.
///
/// # Errors
/// When an image cannot be read.
pub(crate) fn latent_rows(
    model: &AnyModel,
    validation: &DataLoader,
    seed: u64,
) -> Result<Vec<LatentRows>> {
    if model.prior().is_none() {
        return Ok(Vec::new());
    }
    let (count, shape) = (validation.len(), validation.examples().shape());
    // From all of it: a data set may be in the order of its classes.
    let taken = count.min(CODES);
    let indices: Vec<_> = (0..taken).map(|number| number * count / taken).collect();
    let Some(codes) = codes(model, validation, &indices, &ProgressBar::hidden())? else {
        return Ok(Vec::new());
    };
    let device = validation.device();
    let Some(space) = LatentSpace::new(model, (shape, device), &codes) else {
        return Ok(Vec::new());
    };
    let most = |rows: usize, columns: usize| {
        let size = columns.saturating_mul(shape[1].saturating_mul(shape[2])).max(1);
        (IMAGES / size).clamp(LEAST_ROWS, rows)
    };
    // Far apart in the data set: next to each other they may be of one class.
    let number = |number: usize| number * taken / (2 * PAIRS);
    let pairs = (0..most(PAIRS, STEPS)).map(|pair| (number(pair), number(pair + PAIRS)));
    let pairs: Vec<_> = pairs.collect();
    let rows = |tag, images: Vec<f32>, columns| {
        let [channels, height, width] = shape;
        let shape = [images.len() / (channels * height * width), channels, height, width];
        LatentRows { tag, images, shape, columns }
    };
    let traversal = space.traversal(0, STEPS, most(NUMBERS, STEPS));
    let samples = IN_A_ROW * most(SAMPLES, IN_A_ROW);
    let shown = [
        Some(rows("latent/interpolation", space.interpolation(&pairs, STEPS), STEPS)),
        traversal.map(|found| rows("latent/traversal", found.images, STEPS)),
        Some(rows("latent/samples", space.samples(samples, seed), IN_A_ROW)),
    ];
    Ok(shown.into_iter().flatten().collect())
}

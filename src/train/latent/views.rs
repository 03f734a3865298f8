//! Which codes of a model are decoded, and the images `[..., channels, height, width]` in -1..=1 that these are.

use burn::tensor::{Device, Tensor, TensorData};

use super::codes::{Codes, draw_standard_normal};
use crate::nn::Prior;
use crate::train::AnyModel;
use crate::util::tensor::floats;

/// How many deviations to each side a number of the code is taken.
const REACH: f64 = 3.0;

/// A model with a code, and the codes of some images.
pub struct LatentSpace<'a> {
    model: &'a AnyModel,
    /// `[channels, height, width]` of images.
    shape: [usize; 3],
    device: &'a Device,
    prior: Prior,
    codes: &'a Codes,
}

/// Images along some numbers of a code.
#[derive(Clone, Debug, PartialEq)]
pub struct Traversal {
    /// Which numbers.
    pub numbers: Vec<usize>,
    /// Where they are put, in standard deviations from the mean, column by column.
    pub offsets: Vec<f64>,
    /// `[numbers, offsets, channels, height, width]`.
    pub images: Vec<f32>,
}

impl<'a> LatentSpace<'a> {
    /// That of `model`, which makes images of `shape` `[channels, height, width]` on its `device`, without autodiff, and
    /// has made `codes` of some. `None` where it has no code.
    pub fn new(
        model: &'a AnyModel,
        (shape, device): ([usize; 3], &'a Device),
        codes: &'a Codes,
    ) -> Option<Self> {
        Some(Self { model, shape, device, prior: model.prior()?, codes })
    }

    /// `steps` images from that of each first code of `pairs` to that of the second: `[pairs, steps, ...]`.
    pub fn interpolation(&self, pairs: &[(usize, usize)], steps: usize) -> Vec<f32> {
        let codes = pairs.iter().flat_map(|&(from, to)| self.codes.between(from, to, steps));
        self.decode(&codes.collect::<Vec<_>>())
    }

    /// What becomes of the image `at` when each number of its code alone is taken through `steps` values, from three
    /// deviations below the mean to three above it: those of the codes or, where the model was trained for one, of its
    /// prior. Of more than `most` numbers those are taken that deviate most. `None` where the code is no numbers but words.
    pub fn traversal(&self, at: usize, steps: usize, most: usize) -> Option<Traversal> {
        if let Prior::Codebook { .. } = self.prior {
            return None;
        }
        let (means, deviations) = (self.codes.means(), self.codes.deviations());
        let mut numbers: Vec<_> = (0..self.codes.numbers()).collect();
        if numbers.len() > most {
            numbers.sort_by(|&one, &other| deviations[other].total_cmp(&deviations[one]));
            numbers.truncate(most);
            numbers.sort_unstable();
        }
        let ends = (steps.max(2) - 1) as f64;
        let offsets: Vec<_> =
            (0..steps).map(|step| REACH * (2.0 * step as f64 / ends - 1.0)).collect();
        let place = |number: usize, offset: f64| match self.prior {
            Prior::StandardNormal => offset,
            _ => means[number] + deviations[number] * offset,
        };
        let mut codes = Vec::with_capacity(numbers.len() * steps * self.codes.numbers());
        for (&number, &offset) in numbers.iter().flat_map(|n| offsets.iter().map(move |o| (n, o))) {
            let from = codes.len();
            codes.extend_from_slice(self.codes.of(at));
            codes[from + number] = place(number, offset) as f32;
        }
        let images = self.decode(&codes);
        Some(Traversal { numbers, offsets, images })
    }

    /// `count` images of codes that are drawn from the prior that the model was trained for, else from what is known of
    /// the codes: `[count, ...]`.
    pub fn samples(&self, count: usize, seed: u64) -> Vec<f32> {
        self.decode(&match self.prior {
            Prior::StandardNormal => draw_standard_normal(self.codes.numbers(), count, seed),
            Prior::Unknown => self.codes.draw_gaussian(count, seed),
            Prior::Codebook { numbers } => self.codes.draw_words(numbers, count, seed),
        })
    }

    /// The images of `codes` `[images, numbers]`.
    fn decode(&self, codes: &[f32]) -> Vec<f32> {
        let ([_, height, width], numbers) = (self.shape, self.codes.numbers());
        let parts = codes.chunks(self.model.batch_size() * numbers).flat_map(|part| {
            let data = TensorData::new(part.to_vec(), [part.len() / numbers, numbers]);
            let part = Tensor::from_data(data, self.device);
            self.model.decode(part, [height, width]).map_or_else(Vec::new, floats)
        });
        parts.collect()
    }
}

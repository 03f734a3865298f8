//! Mixup and CutMix: an image of a batch, normalised, and the one before it in the batch become one.
//!
//! ```text
//! mixup    x' = λ x_i + (1 - λ) x_{i-1}, λ ~ Beta(A, A)
//! cutmix   x' = x_i, but for a rectangle of x_{i-1} whose sides are √(1 - λ) of the image's, λ ~ Beta(A, A), around a
//!          pixel drawn from all and cut off at the border; then λ is the share of x_i that is left
//! ```
//!
//! and both have the loss λ loss(y_i) + (1 - λ) loss(y_{i-1}), i - 1 of the first one being the last. One λ and one
//! rectangle for a batch, drawn from the step's seed: a part of a batch is mixed as the whole is. Zhang et al. 2017,
//! "mixup: Beyond Empirical Risk Minimization"; Yun et al. 2019, "CutMix: Regularization Strategy to Train Strong
//! Classifiers with Localizable Features"; partner and rectangle as torchvision's `MixUp` and `CutMix`
//! (`transforms/v2/_augment.py`), and where both are asked for one of them by a fair coin, as in its recipes.

use burn::tensor::Tensor;
use rand::distr::Distribution;
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::Beta;

use crate::util::random::split_mix64;

/// How the images of a batch are mixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    /// The share of the image itself.
    pub lambda: f64,
    /// `[rows, columns]`, first and behind the last, of the rectangle that is the partner's; `None` where all pixels are
    /// mixed.
    pub rectangle: Option<[[usize; 2]; 2]>,
}

impl Mix {
    /// The mix of a step whose seed is `step_seed`, with the A of mixup and that of CutMix, 0 for none, for images of
    /// `shape` `[channels, height, width]`; `None` where neither is wanted.
    ///
    /// # Panics
    /// When an A is negative or not finite.
    pub fn draw(mixup: f64, cutmix: f64, shape: [usize; 3], step_seed: u64) -> Option<Self> {
        if mixup == 0.0 && cutmix == 0.0 {
            return None;
        }
        // The microbatches have the seeds of their numbers, from 0.
        let rng = &mut ChaCha8Rng::seed_from_u64(split_mix64(step_seed, u64::MAX));
        let is_cutmix = mixup == 0.0 || (cutmix > 0.0 && rng.random::<bool>());
        let a = if is_cutmix { cutmix } else { mixup };
        let lambda = Beta::new(a, a).expect("a positive number").sample(rng);
        Some(if is_cutmix {
            Self::cut(lambda, shape, rng)
        } else {
            Self { lambda, rectangle: None }
        })
    }

    fn cut(lambda: f64, [_, height, width]: [usize; 3], rng: &mut impl Rng) -> Self {
        let centre = [rng.random_range(0..height), rng.random_range(0..width)];
        Self::around(lambda, [height, width], centre)
    }

    /// The rectangle for this λ around `centre` in images of `size` `[height, width]`.
    fn around(lambda: f64, size: [usize; 2], centre: [usize; 2]) -> Self {
        let half = 0.5 * (1.0 - lambda).sqrt();
        let rectangle = [0, 1].map(|side| {
            let reach = (half * size[side] as f64) as usize;
            [centre[side].saturating_sub(reach), (centre[side] + reach).min(size[side])]
        });
        let area: usize = rectangle.iter().map(|[from, to]| to - from).product();
        let lambda = 1.0 - area as f64 / (size[0] * size[1]) as f64;
        Self { lambda, rectangle: Some(rectangle) }
    }

    /// `images` and `partners`, both `[batch, channels, height, width]`, mixed.
    pub fn apply(self, images: Tensor<4>, partners: Tensor<4>) -> Tensor<4> {
        let Some([rows, columns]) = self.rectangle else {
            return partners * (1.0 - self.lambda) + images * self.lambda;
        };
        if rows[0] == rows[1] || columns[0] == columns[1] {
            return images;
        }
        let [batch, channels, ..] = images.dims();
        let part = [0..batch, 0..channels, rows[0]..rows[1], columns[0]..columns[1]];
        images.slice_assign(part.clone(), partners.slice(part))
    }
}

/// The partner of each example of a batch: the one before it, and of the first one the last.
pub fn partners(indices: &[usize]) -> Vec<usize> {
    let mut partners = indices.to_vec();
    partners.rotate_right(1.min(indices.len()));
    partners
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    const SHAPE: [usize; 3] = [3, 10, 20];

    #[test]
    fn a_mix_is_that_of_its_step() {
        assert!(Mix::draw(0.0, 0.0, SHAPE, 1).is_none());
        let of = |mixup, cutmix| {
            (0..400).map(move |seed| Mix::draw(mixup, cutmix, SHAPE, seed).unwrap())
        };
        assert!(of(0.2, 1.0).eq(of(0.2, 1.0)));
        assert!(
            of(0.2, 0.0).all(|mix| mix.rectangle.is_none() && (0.0..=1.0).contains(&mix.lambda))
        );
        assert!(of(0.0, 1.0).all(|mix| mix.rectangle.is_some()));
        let cut = of(0.2, 1.0).filter(|mix| mix.rectangle.is_some()).count();
        assert!((150..250).contains(&cut), "{cut}");
        // Beta(A, A) has the variance 1 / (4 (2A + 1)).
        for a in [0.2, 1.0, 4.0] {
            let lambdas: Vec<_> = of(a, 0.0).map(|mix| mix.lambda).collect();
            let mean = lambdas.iter().sum::<f64>() / 400.0;
            let variance =
                lambdas.iter().map(|lambda| (lambda - mean).powi(2)).sum::<f64>() / 400.0;
            let expected = 0.25 / (2.0 * a + 1.0);
            assert!(
                (mean - 0.5).abs() < 0.07 && (variance / expected - 1.0).abs() < 0.25,
                "{a}: {variance}"
            );
        }
        // The ends of what a flag takes.
        assert!(of(1e-3, 0.0).chain(of(1e3, 0.0)).all(|mix| (0.0..=1.0).contains(&mix.lambda)));
    }

    /// torchvision 0.29's `CutMix` for H, W = 10, 20: r_w_half = int(0.5 √(1 - λ) W), and so on.
    #[test]
    fn a_rectangle_and_its_share() {
        let mix = Mix::around(0.75, [10, 20], [1, 10]);
        assert_eq!(mix, Mix { lambda: 1.0 - 30.0 / 200.0, rectangle: Some([[0, 3], [5, 15]]) });
        assert_eq!(Mix::around(1.0, [10, 20], [1, 10]).lambda, 1.0);
        assert_eq!(Mix::around(0.0, [10, 20], [5, 10]).lambda, 0.0);
    }

    #[test]
    fn batches_are_torchvisions() {
        let golden = &crate::data::augment::tests::golden()["mixes"];
        let floats = |value: &serde_json::Value| -> Vec<f32> {
            serde_json::from_value(value.clone()).unwrap()
        };
        let shape: [usize; 4] = serde_json::from_value(golden["shape"].clone()).unwrap();
        let batch = floats(&golden["batch"]);
        let order = partners(&[0, 1, 2]);
        let size = batch.len() / order.len();
        let rolled = order.iter().flat_map(|&at| batch[at * size..][..size].to_vec()).collect();
        let tensor =
            |values| Tensor::<4>::from_data(TensorData::new(values, shape), &Device::flex());
        for made in golden["made"].as_array().unwrap() {
            let corners: Option<[usize; 4]> = serde_json::from_value(made["box"].clone()).unwrap();
            let rectangle =
                corners.map(|[left, top, right, bottom]| [[top, bottom], [left, right]]);
            let lambda = made["lambda"].as_f64().unwrap_or(0.5);
            let mixed =
                Mix { lambda, rectangle }.apply(tensor(batch.clone()), tensor(Vec::clone(&rolled)));
            let mixed: Vec<f32> = mixed.into_data().try_to_vec().unwrap();
            let wanted = floats(&made["output"]);
            let far = mixed.iter().zip(&wanted).any(|(got, wanted)| (got - wanted).abs() > 1e-6);
            assert!(!far && mixed.len() == wanted.len(), "{rectangle:?}");
        }
    }

    #[test]
    fn pixels_are_mixed_or_replaced() {
        let device = Device::flex();
        let images = |value: f32| {
            Tensor::<4>::from_data(TensorData::new(vec![value; 8], [2, 1, 2, 2]), &device)
        };
        let mixed = |mix: Mix| {
            let tensor = mix.apply(images(1.0), images(-1.0));
            tensor.into_data().try_to_vec::<f32>().unwrap()[..4].to_vec()
        };
        assert_eq!(mixed(Mix { lambda: 0.75, rectangle: None }), [0.5; 4]);
        let rectangle = Some([[1, 2], [0, 1]]);
        assert_eq!(mixed(Mix { lambda: 0.75, rectangle }), [1.0, 1.0, -1.0, 1.0]);
        let rectangle = Some([[1, 1], [0, 1]]);
        assert_eq!(mixed(Mix { lambda: 1.0, rectangle }), [1.0; 4]);
        assert_eq!(partners(&[4, 7, 9]), [9, 4, 7]);
        assert_eq!(partners(&[4]), [4]);
    }
}

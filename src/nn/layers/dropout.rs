//! Dropout: neurons are left out at random in training. x and y `[batch, ...]`, m a mask of ones
//! with probability p ("keep"), else zeros; n neurons an example; B the Binomial(n, p) distribution.
//!
//! | | training | evaluation |
//! |---|---|---|
//! | inverted | y = x m / p | y = x |
//! | direct | y = x m | y = p x |
//! | binomial | y = x m / (1 - P(B = kept neurons of the example)) | y = x |
//! | direct binomial | y = x m | y = (1 - P(B = n p)) x |
//!
//! Inverted is `tf.nn.dropout`; direct is Srivastava et al. 2014; the binomial ones are Dynamic
//! Training Bench's (`models/utils.py`, `models/LeNetDirectBinomialDropout.py`). P(B = k) is
//! exp(ln n! - ln k! - ln (n - k)! + k ln p + (n - k) ln (1 - p)), with n p rounded down.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use dytb::ForwardContext;
//! use dytb::nn::layers::Dropout;
//!
//! let ones = Tensor::<2>::ones([2, 100], &Device::flex());
//! let kept = Dropout::Inverted.forward(0.5, ones.clone(), &mut ForwardContext::training(1));
//! assert_eq!(kept.max().into_scalar::<f32>(), 2.0);
//! let all = Dropout::Direct.forward(0.5, ones, &mut ForwardContext::evaluation());
//! assert_eq!(all.min().into_scalar::<f32>(), 0.5);
//! ```

use burn::tensor::{Tensor, TensorData};

use super::channels_last::with_channels_last;
use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};
use crate::ops::Activation;

/// A kind of dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropout {
    /// Scaled in training.
    Inverted,
    /// Scaled in evaluation.
    Direct,
    /// Scaled in training, by how probable the number of kept neurons was.
    Binomial,
    /// Scaled in evaluation, by how probable the expected number of kept neurons is.
    DirectBinomial,
}

impl Dropout {
    /// Keeps each neuron of `x` `[batch, ...]` with probability `keep`.
    pub fn forward<const D: usize>(
        self,
        keep: f64,
        x: Tensor<D>,
        context: &mut ForwardContext,
    ) -> Tensor<D> {
        if context.is_training() {
            return with_channels_last(x, |x| {
                let mask = context.bernoulli(keep, x.dims(), &x.device());
                self.train(keep, x, mask)
            });
        }
        let neurons: usize = x.dims()[1..].iter().product();
        let scale = match self {
            Self::Inverted | Self::Binomial => None,
            Self::Direct => Some(keep),
            Self::DirectBinomial => {
                let expected = (neurons as f64 * keep).floor() as usize;
                Some(1.0 - Binomial::new(neurons, keep).probability(expected))
            }
        };
        let kept = match scale {
            None => x,
            Some(scale) => {
                let input = context.input(&x);
                context.made(x * scale, || Node::new(NodeKind::Scale(scale), [input]))
            }
        };
        if let Some(recorder) = context.recorder() {
            recorder.operation("Dropout", None, Activation::Identity, &kept);
        }
        kept
    }

    /// What training makes of `x` with this `mask` of the same shape.
    pub fn train<const D: usize>(self, keep: f64, x: Tensor<D>, mask: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Direct | Self::DirectBinomial => x * mask,
            // The mask is scaled, not the product: one pass less through memory going back.
            Self::Inverted => x * (mask / keep),
            Self::Binomial => {
                let scale = binomial_scale(keep, &mask);
                x * (mask * scale)
            }
        }
    }
}

/// 1 / (1 - P(B = kept)) for the neurons that `mask` `[batch, ...]` keeps of each example:
/// `[batch, 1, ...]`.
fn binomial_scale<const D: usize>(keep: f64, mask: &Tensor<D>) -> Tensor<D> {
    let examples = mask.dims()[0];
    let neurons: usize = mask.dims()[1..].iter().product();
    let kept: Tensor<2> = mask.clone().reshape([examples, neurons]).sum_dim(1);
    let kept: Vec<f32> = kept.try_into_vec_as().expect("the mask can be read back");
    let binomial = Binomial::new(neurons, keep);
    let scales: Vec<f32> = kept
        .into_iter()
        .map(|kept| (1.0 / (1.0 - binomial.probability(kept as usize))) as f32)
        .collect();
    let mut shape = [1; D];
    shape[0] = examples;
    Tensor::from_data(TensorData::new(scales, shape), &mask.device())
}

/// Binomial(n, p).
struct Binomial {
    p: f64,
    /// ln k! for each k from 0 to n.
    log_factorials: Vec<f64>,
}

impl Binomial {
    fn new(n: usize, p: f64) -> Self {
        let mut log_factorials = vec![0.0; n + 1];
        for k in 1..=n {
            log_factorials[k] = log_factorials[k - 1] + (k as f64).ln();
        }
        Self { p, log_factorials }
    }

    /// P(B = k).
    fn probability(&self, k: usize) -> f64 {
        let n = self.log_factorials.len() - 1;
        let ways = self.log_factorials[n] - self.log_factorials[k] - self.log_factorials[n - k];
        (ways + k as f64 * self.p.ln() + (n - k) as f64 * (1.0 - self.p).ln()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// By hand: 10 choose 5 / 2^10, and 0.7³ · 3 · 0.3.
    #[test]
    fn probabilities_of_the_binomial_distribution() {
        assert!((Binomial::new(10, 0.5).probability(5) - 252.0 / 1024.0).abs() < 1e-12);
        assert!((Binomial::new(4, 0.7).probability(3) - 4.0 * 0.343 * 0.3).abs() < 1e-12);
        let many = Binomial::new(25_088, 0.7);
        let sum: f64 = (0..=25_088).map(|k| many.probability(k)).sum();
        assert!((sum - 1.0).abs() < 1e-8, "{sum}");
    }

    #[test]
    fn binomial_dropouts_scale_by_their_probability() {
        let device = Device::flex();
        let x = Tensor::<2>::ones([2, 4], &device);
        let mask = Tensor::from_data([[1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0]], &device);
        let y: Vec<f32> = Dropout::Binomial.train(0.5, x.clone(), mask).try_into_vec_as().unwrap();
        // P(B = 2) = 6/16, P(B = 4) = 1/16.
        assert_eq!(
            y,
            [1.6, 0.0, 1.6, 0.0].into_iter().chain([16.0 / 15.0; 4]).collect::<Vec<f32>>()
        );
        let y = Dropout::DirectBinomial.forward(0.5, x, &mut ForwardContext::evaluation());
        assert_eq!(y.min().into_scalar::<f32>(), 0.625);
    }

    #[test]
    fn images_in_both_orders() {
        let device = Device::flex().autodiff();
        let values: Vec<f32> = (1..=120).map(|i| i as f32).collect();
        let planes = Tensor::<4>::from_data(TensorData::new(values, [2, 3, 4, 5]), &device);
        let pixels = planes.clone().permute([0, 2, 3, 1]).into_data();
        let pixels = Tensor::<4>::from_data(pixels, &device).permute([0, 3, 1, 2]);
        let passes = [planes, pixels].map(|x| {
            let x = x.detach().require_grad();
            let y = Dropout::Inverted.forward(0.5, x.clone(), &mut ForwardContext::training(1));
            let dx = x.grad(&y.clone().sum().backward()).unwrap();
            [x, y, dx].map(|tensor| tensor.into_data().try_to_vec::<f32>().unwrap())
        });
        assert_eq!(passes[0], passes[1]);
        let [x, y, dx] = &passes[0];
        assert!((20..100).contains(&dx.iter().filter(|&&kept| kept > 0.0).count()));
        for ((x, y), dx) in x.iter().zip(y).zip(dx) {
            assert!(*y == dx * x && (*dx == 0.0 || *dx == 2.0), "{x} {y} {dx}");
        }
    }
}

//! m ← μ m + (1 - μ) g from m = 0, u = μ m + (1 - μ) g (without Nesterov u = m);
//! θ ← θ (1 - η λ) - η r O, where O is u with all its singular values brought near 1.
//!
//! O is made by five steps of Newton and Schulz, X ← a X + (b A + c A²) X with A = X Xᵀ, from
//! X = u / ‖u‖; its singular values end within about 0.7..1.2. r, for a matrix of `[rows, columns]`,
//! is 0.2 √max(rows, columns) ("match_rms_adamw", Liu et al. 2025: a step as long as AdamW's, which
//! takes AdamW's learning rates) or √max(1, rows / columns) ("original", Jordan et al. 2024).
//!
//! rows and columns are outputs and inputs, as in PyTorch: a kernel `[out, in, height, width]` is the matrix
//! `[out, in · height · width]`, as in Jordan's program; the weights of a fully connected layer are
//! `[in, out]` here (and in burn), so its rows count as columns for r. O is the same of a matrix and of its
//! transpose. Biases and other vectors have no singular values: they take the step of [`AdamW`] with its β
//! and ε, and with λ. They share the learning
//! rate, so "match_rms_adamw" is the default here ("original" is PyTorch's).
//!
//! Source: `torch.optim.Muon` and its defaults, without its rounding of O to 16 bits. burn's own
//! takes matrices alone.

use burn::tensor::Tensor;

use crate::ops::ordered_sum::ordered_sum;

use super::{AdamW, ArgumentValue, Arguments, Limit, Rule, optimizer};

/// Steps of Newton and Schulz.
const STEPS: usize = 5;
/// Their a, b and c: Jordan et al. 2024, chosen for a steep slope at 0.
const COEFFICIENTS: [f64; 3] = [3.4445, -4.775, 2.0315];
/// The least ‖u‖ that is divided by.
const EPSILON: f64 = 1e-7;

optimizer! {
    /// `Muon`.
    later Muon {
        /// Decay μ of the mean of the gradients.
        momentum: f64 = number(0.95, Limit::NotNegative),
        /// Nesterov's variant.
        nesterov: bool = flag(true),
        /// λ, that of the vectors too.
        weight_decay: f64 = number(0.1, Limit::NotNegative),
        /// r.
        adjust_lr_fn: LearningRates = words(LearningRates::WORDS),
    }
}

/// How the learning rate depends on a matrix's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LearningRates {
    /// 0.2 √max(rows, columns).
    MatchRmsAdamW,
    /// √max(1, rows / columns).
    Original,
}

impl LearningRates {
    const WORDS: &'static [&'static str] = &["match_rms_adamw", "original"];

    /// r for a matrix of `[rows, columns]`, which are outputs and inputs.
    fn ratio(self, [rows, columns]: [usize; 2]) -> f64 {
        match self {
            Self::MatchRmsAdamW => 0.2 * (rows.max(columns) as f64).sqrt(),
            Self::Original => (rows as f64 / columns as f64).max(1.0).sqrt(),
        }
    }
}

impl ArgumentValue for LearningRates {
    fn read(arguments: &Arguments, name: &str) -> Self {
        match arguments.word(name) {
            "original" => Self::Original,
            _ => Self::MatchRmsAdamW,
        }
    }
}

impl Muon {
    /// The rule of the vectors.
    fn adam(&self) -> AdamW {
        AdamW { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: self.weight_decay }
    }
}

/// O of `matrix` `[rows, columns]`, of the same shape.
fn orthogonal(matrix: Tensor<2>) -> Tensor<2> {
    let [rows, columns] = matrix.dims();
    // A is the smaller of the two squares.
    if rows > columns {
        return orthogonal(matrix.transpose()).transpose();
    }
    let norm = ordered_sum(matrix.clone().square()).sqrt().clamp_min(EPSILON);
    let [a, b, c] = COEFFICIENTS;
    (0..STEPS).fold(matrix / norm.unsqueeze(), |x, _| {
        let square = x.clone().matmul(x.clone().transpose());
        let polynomial = square.clone() * b + square.clone().matmul(square) * c;
        x.clone() * a + polynomial.matmul(x)
    })
}

impl Rule<2> for Muon {
    /// A vector has the two slots of AdamW; a matrix has m in the first, the second stays 0.
    fn apply<const D: usize>(
        &self,
        learning_rate: f64,
        step: u64,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        [mean, second]: [Tensor<D>; 2],
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        if D < 2 {
            return self.adam().apply(learning_rate, step, parameter, gradient, [mean, second]);
        }
        let mix = |mean: Tensor<D>| mean * self.momentum + gradient.clone() * (1.0 - self.momentum);
        let mean = mix(mean);
        let update = if self.nesterov { mix(mean.clone()) } else { mean.clone() };

        let shape = update.dims();
        let matrix = [shape[0], shape[1..].iter().product()];
        let direction = orthogonal(update.reshape(matrix)).reshape(shape);
        // PyTorch's fully connected layers are [out, in].
        let [rows, columns] = matrix;
        let as_there = if D == 2 { [columns, rows] } else { matrix };
        let rate = learning_rate * self.adjust_lr_fn.ratio(as_there);
        let decayed = parameter * (1.0 - learning_rate * self.weight_decay);
        (decayed - direction * rate, [mean, second])
    }
}

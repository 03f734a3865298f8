//! d = g - g₋₁ (0 in the first step); m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) d,
//! n ← β₃ n + (1 - β₃) (g + β₂ d)², from m = v = n = 0;
//! θ ← (θ - η (m̂ + β₂ v̂) / (√n̂ + ε)) / (1 + η λ), each hatted mean divided by 1 - βᵢᵗ.
//!
//! Xie et al. 2022 ("Adan: Adaptive Nesterov Momentum Algorithm"), algorithm 1, with the β of its
//! authors' program: the share of the old, 1 minus the paper's, corrected for the beginning at 0,
//! and their defaults. A learning rate five to ten times Adam's suits it.

use super::{Elementwise, Limit, Numbers, Step, optimizer};

optimizer! {
    /// `Adan`.
    later Adan {
        /// Decay β₁ of the mean of the gradients.
        beta_1: f64 = number(0.98, Limit::BelowOne),
        /// Decay β₂ of the mean of their differences, and the differences' weight.
        beta_2: f64 = number(0.92, Limit::BelowOne),
        /// Decay β₃ of the mean of the squares.
        beta_3: f64 = number(0.99, Limit::BelowOne),
        /// ε.
        epsilon: f64 = number(1e-8, Limit::NotNegative),
        /// λ.
        weight_decay: f64 = number(0.0, Limit::NotNegative),
    }
}

impl Elementwise<4> for Adan {
    type Factors = (Step, [f64; 3]);

    fn factors(&self, step: Step) -> (Step, [f64; 3]) {
        (step, [self.beta_1, self.beta_2, self.beta_3].map(|beta| step.correction(beta)))
    }

    #[inline(always)]
    fn update<X: Numbers>(
        &self,
        (Step { learning_rate, number }, [of_means, of_differences, of_squares]): (Step, [f64; 3]),
        parameter: X,
        gradient: X,
        [means, differences, squares, before]: [X; 4],
    ) -> (X, [X; 4]) {
        let mean = |mean: X, new: X, beta: f64| mean * beta + new * (1.0 - beta);
        let difference = match number {
            1 => gradient.like(0.0),
            _ => gradient.clone() - before,
        };
        let ahead = gradient.clone() + difference.clone() * self.beta_2;
        let means = mean(means, gradient.clone(), self.beta_1);
        let differences = mean(differences, difference, self.beta_2);
        let squares = mean(squares, ahead.square(), self.beta_3);

        let nesterov = differences.clone() * (self.beta_2 / of_differences);
        let root = squares.clone().sqrt() / of_squares.sqrt();
        let direction = (means.clone() / of_means + nesterov) / (root + self.epsilon);
        let moved = parameter - direction * learning_rate;
        let parameter = moved / (1.0 + learning_rate * self.weight_decay);
        (parameter, [means, differences, squares, gradient])
    }
}

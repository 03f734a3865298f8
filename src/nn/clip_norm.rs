//! Clipping of gradients by their global norm.
//!
//! ```text
//! ‖g‖ = √(Σ_p ‖g_p‖²)    over all parameters p        g_p ← g_p · min(1, c / (‖g‖ + 1e-6))
//! ```
//!
//! PyTorch's `clip_grad_norm_(parameters, c)` (Pascanu et al. 2013, "On the difficulty of training recurrent neural
//! networks"). burn's own clipping is by parameter, and turns the direction of the step. Each ‖g_p‖² is summed in 32
//! bits in an order that does not depend on the threads, and they are added in the network's order.

use burn::module::{ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::erased::Erased;
use crate::device::is_cpu;
use crate::ops::ordered_sum::ordered_sum;

/// PyTorch's, so that a norm of 0 is none by which to divide.
const EPSILON: f64 = 1e-6;

/// Brings the `gradients` of `network` to a global norm of `most` or less; the norm `[1]` that they had, still on the
/// device. `None` where there is no gradient.
pub(super) fn clip_norm(
    network: &dyn Erased,
    gradients: &mut GradientsParams,
    most: f64,
) -> Option<Tensor<1>> {
    let mut squares = Squares { gradients, sum: None };
    network.visit(&mut squares);
    let norm = squares.sum?.sqrt();
    let factor = (norm.clone() + EPSILON).recip() * most;
    // A GPU would have to be waited for: there all are multiplied, by 1 where nothing is to do.
    let is_within = is_cpu(&norm.device()) && factor.clone().into_scalar::<f32>() >= 1.0;
    if !is_within {
        network.visit(&mut Scale { gradients, factor: factor.clamp_max(1.0) });
    }
    Some(norm)
}

struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else { return };
        let squares = ordered_sum(gradient.square());
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + squares,
            None => squares,
        });
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return };
        let factor = self.factor.clone().reshape([1; D]);
        self.gradients.register(param.id, gradient * factor);
    }
}

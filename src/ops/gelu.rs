//! The Gaussian error linear unit, `y = x Φ(x)`, Φ(x) = (1 + erf(x / √2)) / 2, of images `[batch, channels, height, width]`:
//! dx = dy (Φ(x) + x φ(x)), φ(x) = exp(-x² / 2) / √2π (Hendrycks and Gimpel 2016).
//!
//! On burn's Flex backend (CPU) it is an operation of our own, by all threads and in vectors, where burn goes through the
//! images a dozen times on one, value by value.

// By index: the parts of an iterator are functions of their own, which are not always compiled into the loop.
#![allow(clippy::needless_range_loop)]

use std::f32::consts::{FRAC_1_SQRT_2, LOG2_E};

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use crate::ops::flex_tensor::{Batch, tensor};
use crate::ops::gradients::{AddGradients, register_of_images};
use crate::ops::parallel::of_images;
use crate::ops::simd::{Kernel, Simd, SimdLevel};

/// The unit of `images`, f32 on Flex.
pub(super) fn gelu(images: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::gaussian_unit(images.into_dispatch()))
}

/// Backends with the unit in one operation.
#[backend_extension(Autodiff, Flex)]
pub trait Gaussian: Backend {
    /// `x Φ(x)`, f32.
    fn gaussian_unit(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// Backends with its gradient.
pub trait GaussianBackward: Gaussian + AddGradients {
    /// The gradient of x, from that of the unit.
    fn gaussian_unit_backward(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl Gaussian for Flex {
    fn gaussian_unit(x: FlexTensor) -> FlexTensor {
        let x = Batch::new(&x);
        let x = x.images();
        let out = of_images(x.count(), x.size.len(), |i, _: &mut (), out| {
            SimdLevel::best().run(Unit { x: x.image(i), out });
        });
        tensor(out, x.count(), x.size, x.layout)
    }
}

impl GaussianBackward for Flex {
    fn gaussian_unit_backward(x: FlexTensor, gradient: FlexTensor) -> FlexTensor {
        let (x, gradient) = (Batch::new(&x), Batch::new(&gradient));
        let (x, gradient) = (x.images(), gradient.images());
        let dx = of_images(x.count(), x.size.len(), |i, scratch, dx| {
            let dy = gradient.image_in(i, x.layout, scratch);
            SimdLevel::best().run(Slope { x: x.image(i), dy, dx });
        });
        tensor(dx, x.count(), x.size, x.layout)
    }
}

/// The backward pass; the parent is x.
#[derive(Debug)]
struct GaussianStep;

impl<B: GaussianBackward> Backward<B, 1> for GaussianStep {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            let gradient = B::gaussian_unit_backward(ops.state, gradient);
            register_of_images!(B, grads, parent, gradient);
        }
    }
}

impl<B: GaussianBackward, C: CheckpointStrategy> Gaussian for Autodiff<B, C> {
    fn gaussian_unit(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match GaussianStep.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::UnTracked(step) => step.finish(B::gaussian_unit(x)),
            OpsKind::Tracked(step) => step.finish(x.clone(), B::gaussian_unit(x)),
        }
    }
}

/// `out = x Φ(x)`, value by value. A safe loop that the compiler turns into vectors, for the processor that the program
/// finds itself on; without fused operations, so that all have the same bits.
struct Unit<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for Unit<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        for i in 0..self.out.len().min(self.x.len()) {
            self.out[i] = self.x[i] * below(self.x[i]);
        }
    }
}

/// `dx = dy (Φ(x) + x φ(x))`, likewise.
struct Slope<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Slope<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        self.plain();
    }

    #[inline(always)]
    fn plain(self) {
        let n = self.dx.len();
        let (x, dy, dx) = (&self.x[..n], &self.dy[..n], self.dx);
        for i in 0..n {
            dx[i] = dy[i] * (below(x[i]) + density_times(x[i]));
        }
    }
}

/// Φ(x).
#[inline(always)]
fn below(x: f32) -> f32 {
    0.5 + 0.5 * erf(x * FRAC_1_SQRT_2)
}

/// erf by a rational approximation, `x P(x²) / Q(x²)`, within 5e-7: the coefficients are those of XLA's `ErfImpl32` and of
/// Eigen's `generic_fast_erf_float`. Beyond ±4 erf is ±1 in single precision.
#[inline(always)]
fn erf(x: f32) -> f32 {
    const P: [f32; 7] = [
        -2.726_142_4e-10,
        2.770_681_5e-8,
        -2.101_024e-6,
        -5.692_506_2e-5,
        -7.349_906_4e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    const Q: [f32; 5] =
        [-1.456_607_15e-5, -2.133_740_5e-4, -1.682_827e-3, -7.373_329_3e-3, -1.426_473_9e-2];
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let (mut p, mut q) = (P[0], Q[0]);
    for i in 1..P.len() {
        p = p * square + P[i];
    }
    for i in 1..Q.len() {
        q = q * square + Q[i];
    }
    x * p / q
}

/// x φ(x). Beyond ±10 it is less than 1e-20.
#[inline(always)]
fn density_times(x: f32) -> f32 {
    /// 1 / √2π.
    const FACTOR: f32 = 0.398_942_3;
    let x = x.clamp(-10.0, 10.0);
    x * FACTOR * exp_of_minus(0.5 * x * x)
}

/// exp(-t) of 0 <= t <= 50: 2^-n exp(r), the polynomial and the two parts of ln 2 those of Cephes' `expf`.
#[inline(always)]
fn exp_of_minus(t: f32) -> f32 {
    const POLYNOMIAL: [f32; 6] =
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 0.5];
    /// Of ln 2 so many digits that its product with n is exact, and the rest.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    /// Adding it, and taking it away again, rounds to whole numbers.
    const WHOLE: f32 = 12_582_912.0;
    let n = t * LOG2_E + WHOLE - WHOLE;
    let r = (n * HIGH - t) + n * LOW;
    let mut p = POLYNOMIAL[0];
    for i in 1..POLYNOMIAL.len() {
        p = p * r + POLYNOMIAL[i];
    }
    // 2^-n by its exponent.
    let power = f32::from_bits(((127 - n as i32) as u32) << 23);
    (p * r * r + r + 1.0) * power
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, activation};

    use super::*;

    fn values(shape: [usize; 4], device: &Device) -> Tensor<4> {
        let n = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..n).map(|i| 24.0 * i as f32 / n as f32 - 12.0).collect();
        Tensor::<1>::from_floats(&values[..], device).reshape(shape)
    }

    /// y and dx.
    fn passes(x: Tensor<4>, operation: impl Fn(Tensor<4>) -> Tensor<4>) -> [Vec<f32>; 2] {
        let x = x.detach().require_grad();
        let y = operation(x.clone());
        let gradients = (y.clone() * y.clone()).sum().backward();
        [y, x.grad(&gradients).unwrap()].map(|values| values.into_data().try_to_vec().unwrap())
    }

    #[test]
    fn agrees_with_burn_in_both_orders() {
        let device = Device::flex().autodiff();
        for x in
            [values([17, 5, 9, 8], &device), values([3, 9, 8, 33], &device).permute([0, 3, 1, 2])]
        {
            let (got, want) = (passes(x.clone(), gelu), passes(x, activation::gelu));
            for (what, (got, want)) in ["y", "dx"].iter().zip(got.iter().zip(want)) {
                for (got, want) in got.iter().zip(want) {
                    assert!(
                        (got - want).abs() <= 1e-6 * want.abs().max(1.0),
                        "{what} {got} {want}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite() {
        let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let [y, dx] = [values.map(|x| x * below(x)), values.map(|x| below(x) + density_times(x))];
        assert!(y[0].is_nan() && dx[0].is_nan());
        assert_eq!((y[1], dx[1]), (f32::INFINITY, 1.0));
        assert!(dx[2].abs() < 1e-20, "{}", dx[2]);
    }
}

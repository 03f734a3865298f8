//! What an update rule computes with: tensors on any device, or a few numbers in a register of the CPU. A rule is written
//! once, and both have the same bits: each operation rounds to 32 bits, and a factor of 64 bits is rounded to 32 first,
//! as burn does.

use std::ops::{Add, Div, Mul, Sub};

use burn::tensor::Tensor;

use crate::ops::simd::{LANES, Lanes, lanes};

/// Numbers that go the same way, each by itself.
pub trait Numbers:
    Clone
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// x².
    fn square(self) -> Self;
    /// √x.
    fn sqrt(self) -> Self;
    /// |x|.
    fn abs(self) -> Self;
    /// -1, 0 or 1.
    fn sign(self) -> Self;
    /// 1 / x.
    fn recip(self) -> Self;
    /// x to this power.
    fn power(self, exponent: f64) -> Self;
    /// x, or `least` where that is more; NaN stays.
    fn at_least(self, least: f64) -> Self;
    /// 0 where `test` is `bound` or less, else x.
    fn zero_where_at_most(self, test: Self, bound: f64) -> Self;
    /// As many numbers, each `value`.
    fn like(&self, value: f64) -> Self;
}

impl<const D: usize> Numbers for Tensor<D> {
    fn square(self) -> Self {
        <Tensor<D>>::square(self)
    }
    fn sqrt(self) -> Self {
        Tensor::sqrt(self)
    }
    fn abs(self) -> Self {
        Tensor::abs(self)
    }
    fn sign(self) -> Self {
        Tensor::sign(self)
    }
    fn recip(self) -> Self {
        Tensor::recip(self)
    }
    fn power(self, exponent: f64) -> Self {
        self.powf_scalar(exponent)
    }
    fn at_least(self, least: f64) -> Self {
        self.clamp_min(least)
    }
    fn zero_where_at_most(self, test: Self, bound: f64) -> Self {
        self.mask_fill(test.lower_equal_elem(bound), 0.0)
    }
    fn like(&self, value: f64) -> Self {
        self.full_like(value)
    }
}

/// `x` to this power as burn takes it, where that is by other operations.
#[inline(always)]
pub(super) fn whole_power<X: Numbers>(x: X, exponent: f64) -> Option<X> {
    match exponent {
        0.0 => Some(x.like(1.0)),
        1.0 => Some(x),
        2.0 => Some(x.square()),
        -1.0 => Some(x.recip()),
        -2.0 => Some(x.square().recip()),
        _ => None,
    }
}

/// A few numbers that stay in registers from a rule's first operation to its last.
impl Numbers for Lanes {
    #[inline(always)]
    fn square(self) -> Self {
        lanes!(lane => self.0[lane] * self.0[lane])
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        lanes!(lane => self.0[lane].sqrt())
    }
    #[inline(always)]
    fn abs(self) -> Self {
        lanes!(lane => self.0[lane].abs())
    }
    #[inline(always)]
    fn sign(self) -> Self {
        // As burn has it: 0 of both zeros and of NaN.
        lanes!(lane => {
            let x = self.0[lane];
            if x.is_nan() || x == 0.0 { 0.0 } else { 1.0f32.copysign(x) }
        })
    }
    #[inline(always)]
    fn recip(self) -> Self {
        lanes!(lane => 1.0 / self.0[lane])
    }
    #[inline(always)]
    fn power(self, exponent: f64) -> Self {
        match whole_power(self, exponent) {
            Some(power) => power,
            None => lanes!(lane => self.0[lane].powf(exponent as f32)),
        }
    }
    #[inline(always)]
    fn at_least(self, least: f64) -> Self {
        let least = least as f32;
        lanes!(lane => {
            let x = self.0[lane];
            if x.is_nan() || x > least { x } else { least }
        })
    }
    #[inline(always)]
    fn zero_where_at_most(self, test: Self, bound: f64) -> Self {
        let bound = bound as f32;
        lanes!(lane => if test.0[lane] <= bound { 0.0 } else { self.0[lane] })
    }
    #[inline(always)]
    fn like(&self, value: f64) -> Self {
        Self([value as f32; LANES])
    }
}

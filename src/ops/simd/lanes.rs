//! Sixteen numbers that stay in registers, in safe Rust: the compiler makes the vectors, for the unit that the caller is
//! compiled for. The widest vector of any processor.

use std::ops::{Add, Div, Mul, Sub};

/// Numbers in [`Lanes`].
pub(crate) const LANES: usize = 16;

/// Numbers that go the same way, each by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes(pub [f32; LANES]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    /// The numbers in `from`; zeros where there are fewer.
    #[inline(always)]
    pub(crate) fn read(from: &[f32]) -> Self {
        match from.first_chunk() {
            Some(lanes) => Self(*lanes),
            None => {
                let mut lanes = [0.0; LANES];
                lanes[..from.len()].copy_from_slice(from);
                Self(lanes)
            }
        }
    }

    /// Writes them to `to`, which may have room for fewer.
    #[inline(always)]
    pub(crate) fn write(self, to: &mut [f32]) {
        match to.first_chunk_mut() {
            Some(lanes) => *lanes = self.0,
            None => to.copy_from_slice(&self.0[..to.len()]),
        }
    }
}

/// A value for each lane. A loop, not `array::map` of a closure: that is a function of its own, which is not always
/// compiled for the vector unit of the sweep that calls it.
macro_rules! lanes {
    ($lane:ident => $value:expr) => {{
        let mut lanes = [0.0; $crate::ops::simd::LANES];
        for $lane in 0..lanes.len() {
            lanes[$lane] = $value;
        }
        $crate::ops::simd::Lanes(lanes)
    }};
}
pub(crate) use lanes;

/// An operation of two, and of one and a factor, which is rounded to 32 bits first.
macro_rules! operation {
    ($operation:ident, $name:ident, $sign:tt) => {
        impl $operation for Lanes {
            type Output = Self;
            #[inline(always)]
            fn $name(self, other: Self) -> Self {
                lanes!(lane => self.0[lane] $sign other.0[lane])
            }
        }

        impl $operation<f64> for Lanes {
            type Output = Self;
            #[inline(always)]
            fn $name(self, factor: f64) -> Self {
                let factor = factor as f32;
                lanes!(lane => self.0[lane] $sign factor)
            }
        }
    };
}
operation!(Add, add, +);
operation!(Sub, sub, -);
operation!(Mul, mul, *);
operation!(Div, div, /);

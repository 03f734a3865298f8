//! One number a vector: kernels that are written for vectors alone, on a processor without them.

use crate::ops::simd::Simd;

/// No vector unit.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

impl Simd for Scalar {
    type V = f32;
    const LANES: usize = 1;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn splat(self, value: f32) -> f32 {
        value
    }
    #[inline(always)]
    fn add(self, a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32, b: f32) -> f32 {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: f32, b: f32) -> f32 {
        a * b
    }
    #[inline(always)]
    fn div(self, a: f32, b: f32) -> f32 {
        a / b
    }
    // Rounded twice: a fused one is a call of a library where the processor has none.
    #[inline(always)]
    fn fma(self, a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
    #[inline(always)]
    fn fnma(self, a: f32, b: f32, c: f32) -> f32 {
        c - a * b
    }
    #[inline(always)]
    fn min(self, a: f32, b: f32) -> f32 {
        if a < b { a } else { b }
    }
    #[inline(always)]
    fn max(self, a: f32, b: f32) -> f32 {
        if a > b { a } else { b }
    }
    #[inline(always)]
    fn where_positive(self, test: f32, value: f32) -> f32 {
        if test > 0.0 { value } else { 0.0 }
    }
    #[inline(always)]
    fn sums(self, v: [f32; 4]) -> [f32; 4] {
        v
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> f32 {
        // SAFETY: the caller's.
        unsafe { *from }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: f32) {
        // SAFETY: the caller's.
        unsafe { *to = v }
    }
    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, n: usize) -> f32 {
        // SAFETY: the caller's.
        if n == 0 { 0.0 } else { unsafe { *from } }
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, v: f32, n: usize) {
        if n > 0 {
            // SAFETY: the caller's.
            unsafe { *to = v }
        }
    }
}

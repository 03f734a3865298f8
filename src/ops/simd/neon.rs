//! NEON: 4 floats a vector, 32 registers.

use std::arch::aarch64::*;

use crate::ops::simd::{Anywhere, Kernel, Simd};

/// Proof that this processor has NEON.
#[derive(Clone, Copy)]
pub(super) struct Neon(());

impl Neon {
    /// The vector unit, if this processor has it.
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    /// Runs `kernel` compiled for this instruction set.
    pub(super) fn run(self, kernel: impl Kernel) {
        #[target_feature(enable = "neon")]
        fn compiled<K: Kernel>(simd: Neon, kernel: K) {
            kernel.run(simd)
        }
        // SAFETY: `self` exists only where the processor has NEON.
        unsafe { compiled(self, kernel) }
    }
}

/// Wraps calls to intrinsics.
macro_rules! op {
    ($call:expr) => {
        // SAFETY: `self` exists only where the processor has NEON; the caller vouches for pointers.
        #[allow(unused_unsafe)]
        unsafe {
            $call
        }
    };
}

impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;
    const REGISTERS: usize = 32;

    #[inline(always)]
    fn splat(self, value: f32) -> float32x4_t {
        op!(vdupq_n_f32(value))
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        op!(vaddq_f32(a, b))
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        op!(vsubq_f32(a, b))
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        op!(vmulq_f32(a, b))
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        op!(vdivq_f32(a, b))
    }
    #[inline(always)]
    fn fma(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        op!(vfmaq_f32(c, a, b))
    }
    #[inline(always)]
    fn fnma(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        op!(vfmsq_f32(c, a, b))
    }
    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        op!(vminq_f32(a, b))
    }
    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        op!(vmaxq_f32(a, b))
    }
    #[inline(always)]
    fn where_positive(self, test: float32x4_t, value: float32x4_t) -> float32x4_t {
        op!({
            let bits = vandq_u32(vcgtzq_f32(test), vreinterpretq_u32_f32(value));
            vreinterpretq_f32_u32(bits)
        })
    }
    #[inline(always)]
    fn sums(self, [a, b, c, d]: [float32x4_t; 4]) -> [f32; 4] {
        let mut out = [0.0; 4];
        op!(vst1q_f32(out.as_mut_ptr(), vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d))));
        out
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> float32x4_t {
        op!((*from.cast::<Anywhere<float32x4_t>>()).0)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: float32x4_t) {
        op!((*to.cast::<Anywhere<float32x4_t>>()).0 = v)
    }
    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, n: usize) -> float32x4_t {
        let mut lanes = [0.0; 4];
        op!({
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), n.min(4));
            vld1q_f32(lanes.as_ptr())
        })
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, v: float32x4_t, n: usize) {
        let mut lanes = [0.0; 4];
        op!({
            vst1q_f32(lanes.as_mut_ptr(), v);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, n.min(4))
        })
    }
}

//! AVX2 and FMA: 8 floats a vector, 16 registers.

use std::arch::x86_64::*;

use crate::ops::simd::{Anywhere, Kernel, Simd};

/// Proof that this processor has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The vector unit, if this processor has it.
    pub(super) fn detect() -> Option<Self> {
        let both = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        both.then_some(Self(()))
    }

    /// Runs `kernel` compiled for this instruction set.
    pub(super) fn run(self, kernel: impl Kernel) {
        #[target_feature(enable = "avx2,fma")]
        fn compiled<K: Kernel>(simd: Avx2, kernel: K) {
            kernel.run(simd)
        }
        // SAFETY: `self` exists only where the processor has AVX2 and FMA.
        unsafe { compiled(self, kernel) }
    }
}

/// Wraps calls to intrinsics.
macro_rules! op {
    ($call:expr) => {
        // SAFETY: `self` exists only where the processor has AVX2 and FMA; the caller vouches for
        // pointers.
        unsafe { $call }
    };
}

/// Eight set lanes, then eight clear ones: from `8 - n` on, a mask of the first `n`.
const LANE_MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

impl Avx2 {
    /// A mask of the first `n <= 8` lanes.
    #[inline(always)]
    fn first(self, n: usize) -> __m256i {
        let lanes = &LANE_MASKS[8 - n..16 - n];
        op!(_mm256_loadu_si256(lanes.as_ptr().cast()))
    }
}

impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        op!(_mm256_set1_ps(value))
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_div_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        op!(_mm256_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn fnma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        op!(_mm256_fnmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        op!(_mm256_max_ps(a, b))
    }
    #[inline(always)]
    fn where_positive(self, test: __m256, value: __m256) -> __m256 {
        op!(_mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(test, _mm256_setzero_ps()), value))
    }
    #[inline(always)]
    fn sums(self, [a, b, c, d]: [__m256; 4]) -> [f32; 4] {
        let mut out = [0.0; 4];
        op!({
            let ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let low = _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd);
            let high = _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd);
            // Each half holds a part of all four sums.
            let two = _mm256_add_ps(low, high);
            let one = _mm_add_ps(_mm256_castps256_ps128(two), _mm256_extractf128_ps::<1>(two));
            _mm_storeu_ps(out.as_mut_ptr(), one)
        });
        out
    }
    #[inline(always)]
    fn prefetch(self, from: *const f32) {
        op!(_mm_prefetch::<_MM_HINT_T0>(from.cast()))
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        op!((*from.cast::<Anywhere<__m256>>()).0)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, v: __m256) {
        op!((*to.cast::<Anywhere<__m256>>()).0 = v)
    }
    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, n: usize) -> __m256 {
        op!(_mm256_maskload_ps(from, self.first(n)))
    }
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, v: __m256, n: usize) {
        op!(_mm256_maskstore_ps(to, self.first(n), v))
    }
}

//! The inner loops, generic over the vector unit. `unsafe` is here and nowhere else: each kernel
//! checks the sizes of its slices first, then works on pointers.
#![allow(unsafe_code)]
// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod elementwise;
mod narrow;
#[cfg(target_arch = "aarch64")]
mod neon;
mod outer;
mod simd;
mod sparse;
mod sums;
mod wide;

pub(crate) use elementwise::{activated, derived};
pub use simd::Level;
pub(crate) use simd::{Kernel, Simd};
pub(super) use {
    elementwise::{Activate, Derive},
    narrow::Narrow,
    outer::Outer,
    simd::MAX_LANES,
    sparse::{SparseSums, Steps},
    sums::PlaneSums,
    wide::Wide,
};

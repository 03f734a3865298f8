//! What a kernel needs of a vector unit, and the choice of one at run time.
//!
//! A kernel is written once, as a [`Kernel`] generic over [`Simd`]; [`SimdLevel::run`] compiles it once
//! for each instruction set and calls the one that this processor has.

#![allow(unsafe_code)]
// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

use std::sync::OnceLock;

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod elementwise;
mod floor;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
mod sums;

pub(crate) use aligned::Aligned;
pub(crate) use elementwise::{Activate, Derive, Sum, derived};
pub(crate) use lanes::{LANES, Lanes, lanes};
pub(crate) use scalar::Scalar;
pub(crate) use sums::PlaneSums;

/// The widest vector of any level, in floats: packed weights are padded to a multiple of it.
pub(crate) const MAX_LANES: usize = 16;

/// A vector at any address. The intrinsics that read and write there are functions of the standard library, which builds with
/// `debug-assertions`, as those of the tests, compile with its checks: each vector then goes through memory.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[repr(C, packed)]
struct Anywhere<V>(V);

/// A vector unit. A value of an implementing type is proof that this processor has it.
pub(crate) trait Simd: Copy {
    /// A vector of `LANES` floats.
    type V: Copy;
    /// Floats in a vector.
    const LANES: usize;
    /// Vector registers: how large a tile of sums may be.
    const REGISTERS: usize;

    /// `value` in every lane.
    fn splat(self, value: f32) -> Self::V;
    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `c - a * b`, rounded once.
    fn fnma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The smaller one; a NaN in `b` stays.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The larger one; a NaN in `b` stays.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `value` where `test > 0`, else 0.
    fn where_positive(self, test: Self::V, value: Self::V) -> Self::V;
    /// The sum of the lanes of each of four vectors.
    fn sums(self, v: [Self::V; 4]) -> [f32; 4];

    /// Begins to bring what lies at `from` into the first cache; any address will do.
    fn prefetch(self, _from: *const f32) {}

    /// Reads `LANES` floats.
    ///
    /// # Safety
    /// `from` is valid for reading them.
    unsafe fn load(self, from: *const f32) -> Self::V;
    /// Writes `LANES` floats.
    ///
    /// # Safety
    /// `to` is valid for writing them.
    unsafe fn store(self, to: *mut f32, v: Self::V);
    /// Reads `n <= LANES` floats; the other lanes are 0.
    ///
    /// # Safety
    /// `from` is valid for reading `n` floats.
    unsafe fn load_part(self, from: *const f32, n: usize) -> Self::V;
    /// Writes the first `n <= LANES` floats.
    ///
    /// # Safety
    /// `to` is valid for writing `n` floats.
    unsafe fn store_part(self, to: *mut f32, v: Self::V, n: usize);

    /// The first `LANES` numbers of `from`; zeros where there are fewer.
    #[inline(always)]
    fn read(self, from: &[f32]) -> Self::V {
        // SAFETY: what is in the slice.
        unsafe {
            match from.len() >= Self::LANES {
                true => self.load(from.as_ptr()),
                false => self.load_part(from.as_ptr(), from.len()),
            }
        }
    }

    /// Writes `v` to `to`, which may have room for fewer.
    #[inline(always)]
    fn write(self, to: &mut [f32], v: Self::V) {
        // SAFETY: what is in the slice.
        unsafe {
            match to.len() >= Self::LANES {
                true => self.store(to.as_mut_ptr(), v),
                false => self.store_part(to.as_mut_ptr(), v, to.len()),
            }
        }
    }
}

/// A computation that can run on any vector unit. Mark `run` and all it calls `#[inline(always)]`:
/// only what is inlined into the caller below is compiled for its instruction set. For the same reason the inner loops go
/// by index: closures and the parts of zipped iterators cannot be marked.
pub(crate) trait Kernel {
    /// Runs it.
    fn run<S: Simd>(self, simd: S);
    /// The same, in safe Rust without vectors: what every level is tested against.
    fn plain(self);
}

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimdLevel {
    /// Safe Rust without explicit vectors.
    Plain,
    /// AVX2 and FMA on x86-64: 8 floats a vector.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512F on x86-64: 16 floats a vector.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// NEON on AArch64: 4 floats a vector.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

static BEST: OnceLock<SimdLevel> = OnceLock::new();

impl SimdLevel {
    /// The levels that this processor has, slowest first.
    pub fn available() -> Vec<SimdLevel> {
        let mut levels = vec![SimdLevel::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            if avx2::Avx2::detect().is_some() {
                levels.push(SimdLevel::Avx2);
            }
            if avx512::Avx512::detect().is_some() {
                levels.push(SimdLevel::Avx512);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if neon::Neon::detect().is_some() {
            levels.push(SimdLevel::Neon);
        }
        levels
    }

    /// The fastest level that this processor has, or the one that was [preferred](Self::prefer).
    pub fn best() -> SimdLevel {
        *BEST.get_or_init(|| SimdLevel::available().pop().unwrap_or(SimdLevel::Plain))
    }

    /// Makes this the one that kernels run at, before the first has run: to measure what another processor has.
    ///
    /// # Errors
    /// With the level that kernels run at already.
    pub fn prefer(self) -> Result<(), SimdLevel> {
        match *BEST.get_or_init(|| self) {
            best if best == self => Ok(()),
            best => Err(best),
        }
    }

    /// Runs `kernel` on this vector unit.
    ///
    /// # Panics
    /// Where the processor lacks the level.
    pub(crate) fn run(self, kernel: impl Kernel) {
        const NO_SUCH_ISA: &str = "this processor lacks the instruction set";
        match self {
            SimdLevel::Plain => kernel.plain(),
            #[cfg(target_arch = "x86_64")]
            SimdLevel::Avx2 => avx2::Avx2::detect().expect(NO_SUCH_ISA).run(kernel),
            #[cfg(target_arch = "x86_64")]
            SimdLevel::Avx512 => avx512::Avx512::detect().expect(NO_SUCH_ISA).run(kernel),
            #[cfg(target_arch = "aarch64")]
            SimdLevel::Neon => neon::Neon::detect().expect(NO_SUCH_ISA).run(kernel),
        }
    }
}

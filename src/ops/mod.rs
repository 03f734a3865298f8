//! Operations on tensors, with kernels of our own for the vector units of the CPU and for GPUs.
//!
//! Each is one operation of burn's Flex backend with a backward pass of its own; on the GPUs' backend those are that
//! gain from it, and the others are composed of burn's operations.

pub(crate) mod activated_sum;
mod activation;
pub mod columns;
pub mod conv;
#[cfg(feature = "cube")]
pub(crate) mod cross_entropy;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod dense;
pub mod depthwise;
pub(crate) mod flex_tensor;
mod gelu;
pub(crate) mod gradients;
pub(crate) mod layout;
pub(crate) mod norm;
pub mod ordered_sum;
pub(crate) mod parallel;
pub(crate) mod pool;
pub(crate) mod product;
mod recycled;
pub(crate) mod simd;
mod spare;
pub mod square_error;
pub(crate) mod sums;
pub(crate) mod windows;

#[cfg(test)]
pub(crate) use activation::ACTIVATIONS;
pub use activation::{Activation, gelu};
pub use simd::SimdLevel;

//! Operations on tensors, with kernels of our own for the vector units of the CPU.
//!
//! Each is one operation of burn's Flex backend with a backward pass of its own, and composed of burn's
//! operations on other backends.

mod activation;
pub mod columns;
pub mod conv;
pub(crate) mod dense;
pub mod depthwise;
pub(crate) mod flex_tensor;
pub(crate) mod layout;
pub(crate) mod norm;
pub mod ordered_sum;
pub(crate) mod parallel;
pub(crate) mod pool;
pub(crate) mod product;
pub(crate) mod simd;
pub(crate) mod sums;
pub(crate) mod windows;

pub use activation::Activation;

//! What the operations of the GPUs' backend have in common. CubeCL compiles a `#[cube]` function for CUDA, Vulkan or
//! Metal, or the processor, when it is first launched; what is `comptime` in it is compiled in.
//!
//! Kernels here are launched with their accesses checked, and read and write in an order that the sizes alone decide.

pub(crate) mod activation;
#[cfg(all(test, feature = "cuda"))]
pub(crate) mod cards;
pub(crate) mod gemm;
pub(crate) mod geometry;
pub(crate) mod sums;
pub(crate) mod tensor;

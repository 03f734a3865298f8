//! A dense layer of many weights, its bias and its activation in one operation.
//!
//! ```text
//! y[e][o]  = f(bias[o] + Σ_i x[e][i] weight[i][o])          x [batch, in], weight [in, out], y [batch, out]
//! dz[e][o] = dy[e][o] f'(y[e][o])
//! dx[e][i] = Σ_o dz[e][o] weight[i][o]
//! dW[i][o] = Σ_e x[e][i] dz[e][o]        db[o] = Σ_e dz[e][o]
//! ```
//!
//! The weights fit no cache, and a gradient of them for each microbatch of a batch would take as long as all the
//! rest. So the backward pass of a microbatch may leave x and dz in a [`Deferred`], and [`weight_gradient`] makes
//! the gradient of those of the whole batch: one sum over its examples, in their order, for any number of threads
//! or processes and whatever part of the rows each of them computes.

mod blocks;
#[cfg(feature = "cube")]
mod cube;
mod kernels;
mod layer;
mod op;
mod operands;

use burn::backend::Dispatch;
use burn::tensor::{DType, Tensor};

use crate::device::is_cpu;
use crate::ops::Activation;
use crate::ops::simd::SimdLevel;

pub use blocks::rows_of_gradient;
pub use layer::{ROWS, weight_gradient};
pub use op::Deferred;
use op::{DenseAttributes, FusedDense};
pub use operands::Operands;

/// Whether the operation can be had of these tensors: f32, on the CPU or a GPU that this build has kernels for.
pub(crate) fn can_fuse(x: &Tensor<2>, weight: &Tensor<2>) -> bool {
    let single = x.dtype() == DType::F32 && weight.dtype() == DType::F32;
    single && (is_cpu(&x.device()) || cfg!(feature = "cube")) && x.dims()[0] > 0
}

/// `activation(x weight + bias)` of tensors that [`can_fuse`]: x `[batch, in]`, weight `[in, out]`, bias `[out]`. With
/// `deferred` its backward pass leaves the gradients of the weight and the bias to [`weight_gradient`].
///
/// # Panics
/// When the shapes do not fit together.
pub(crate) fn dense(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    activation: Activation,
    deferred: Option<Deferred>,
) -> Tensor<2> {
    let ([_, inputs], [of, outputs]) = (x.dims(), weight.dims());
    assert_eq!(inputs, of, "dense: inputs of x and of the weight");
    assert_eq!(bias.dims(), [outputs], "dense: outputs of the bias and of the weight");
    let attributes = DenseAttributes { activation, level: SimdLevel::best(), deferred };
    with_attributes(x, weight, bias, attributes)
}

fn with_attributes(
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    attributes: DenseAttributes,
) -> Tensor<2> {
    let (x, weight, bias) = (x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    Tensor::from_dispatch(Dispatch::fused_dense(x, weight, bias, attributes))
}

#[cfg(test)]
mod tests;

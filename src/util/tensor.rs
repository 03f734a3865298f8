//! Tensors read back from their device.

use burn::tensor::Tensor;

/// The values of `tensor`, read back from its device.
pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().expect("the tensor can be read back from its device")
}

//! Tensors read back from their device.

use burn::tensor::{Tensor, TensorData};

/// The values of `tensor`, read back from its device.
pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().expect(READABLE)
}

/// The same to be looked at: not copied where others have the tensor, too.
pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> TensorData {
    tensor.try_into_data_as::<f32>().expect(READABLE)
}

const READABLE: &str = "the tensor can be read back from its device";

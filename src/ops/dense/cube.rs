//! The dense layer as an operation of the GPUs' backend: products of matrices.

use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;

use super::op::{DenseAttributes, DenseGradients, FusedDense, FusedDenseBackward, Saved};
use crate::ops::cube::activation;
use crate::ops::cube::gemm::{Side, Sizes, Together, multiply};

impl FusedDense for CubeBackend {
    fn fused_dense(
        x: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        DenseAttributes { activation, .. }: DenseAttributes,
    ) -> CubeTensor {
        let (rows, [inner, columns]) = (x.meta.shape()[0], sides(&weight));
        let sizes = Sizes { rows, columns, inner };
        let (x, weight) = (Side::matrix(x, Together::Inner), Side::matrix(weight, Together::Rows));
        let y = multiply(x, weight, sizes, Some((&into_contiguous(bias), activation)));
        reshape(y, [rows, columns].into())
    }
}

impl FusedDenseBackward for CubeBackend {
    fn fused_dense_backward(
        Saved { x, weight, output, attributes }: Saved<CubeTensor>,
        gradient: CubeTensor,
        input_too: bool,
    ) -> DenseGradients<CubeTensor> {
        let (batch, [inputs, outputs]) = (x.meta.shape()[0], sides(&weight));
        let (y, dy) = (into_contiguous(output), into_contiguous(gradient));
        let (dz, db) = activation::derived_and_summed(y, dy, attributes.activation, outputs);
        let dz = |together| Side::matrix(dz.clone(), together);
        let dx = input_too.then(|| {
            let sizes = Sizes { rows: batch, columns: inputs, inner: outputs };
            let weight = Side::matrix(weight, Together::Inner);
            reshape(multiply(dz(Together::Inner), weight, sizes, None), [batch, inputs].into())
        });
        let sizes = Sizes { rows: inputs, columns: outputs, inner: batch };
        let dw = multiply(Side::matrix(x, Together::Rows), dz(Together::Rows), sizes, None);
        [dx, Some(reshape(dw, [inputs, outputs].into())), Some(db)]
    }
}

/// Inputs and outputs.
fn sides(weight: &CubeTensor) -> [usize; 2] {
    [weight.meta.shape()[0], weight.meta.shape()[1]]
}

//! The dense layer as an operation of the GPUs' backend: products by burn's kernels, and one kernel for bias and
//! activation, and for their gradient, each.

use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::op::{DenseAttributes, DenseGradients, FusedDense, FusedDenseBackward, Saved};
use crate::ops::cube::product::product;
use crate::ops::cube::{activation, sums};

impl FusedDense for CubeBackend {
    fn fused_dense(
        x: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        DenseAttributes { activation, .. }: DenseAttributes,
    ) -> CubeTensor {
        let z = product(x, weight);
        activation::activate(z, &into_contiguous(bias), activation)
    }
}

impl FusedDenseBackward for CubeBackend {
    fn fused_dense_backward(
        Saved { x, weight, output, attributes }: Saved<CubeTensor>,
        gradient: CubeTensor,
        input_too: bool,
    ) -> DenseGradients<CubeTensor> {
        let outputs = weight.meta.shape()[1];
        let (y, dy) = (into_contiguous(output), into_contiguous(gradient));
        let dz = activation::derived(y, dy, attributes.activation);
        let dx = input_too.then(|| product(dz.clone(), transposed(weight)));
        let dw = product(transposed(x), dz.clone());
        [dx, Some(dw), Some(sums::over_rows(dz, outputs))]
    }
}

fn transposed(matrix: CubeTensor) -> CubeTensor {
    burn_cubecl::ops::permute(matrix, &[1, 0])
}

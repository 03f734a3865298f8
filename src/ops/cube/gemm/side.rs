//! One side of a product, from a tensor.

use burn::tensor::Shape;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use super::operand::{Operand, Together};
use crate::ops::cube::geometry::Geometry;

/// One side of a product.
#[derive(Debug)]
pub(crate) struct Side {
    /// Its numbers.
    pub(super) memory: CubeTensor,
    /// Where they are.
    pub(super) operand: Operand,
    /// From one line to the next.
    pub(super) apart: usize,
}

impl Side {
    /// A `matrix` `[lines, numbers]`, whose lines are rows where the numbers of a row are `together`.
    pub fn matrix(matrix: CubeTensor, together: Together) -> Self {
        let is_in_lines = matrix.meta.strides()[1] == 1 && matrix.meta.strides()[0] > 0;
        let matrix = if is_in_lines { matrix } else { into_contiguous(matrix) };
        let (lines, line) = (matrix.meta.shape()[0], matrix.meta.shape()[1]);
        let apart = if lines > 1 { matrix.meta.strides()[0] } else { line };
        let operand = Operand::matrix(together, line, apart);
        Self { memory: in_one_row(matrix, (lines - 1) * apart + line), operand, apart }
    }

    /// The windows of these `pixels`, `[batch * out_height * out_width, kh * kw * channels]`, of which those of a row or
    /// those of a column are `together`.
    pub fn windows(pixels: CubeTensor, together: Together, geometry: Geometry) -> Self {
        let numbers = pixels.meta.shape().num_elements();
        let operand = Operand::windows(together, geometry);
        Self { memory: in_one_row(pixels, numbers), operand, apart: 0 }
    }
}

/// All memory of a tensor.
fn in_one_row(tensor: CubeTensor, numbers: usize) -> CubeTensor {
    let mut tensor = tensor;
    tensor.meta.shape = Shape::from([numbers]);
    tensor.meta.strides = [1usize].into();
    tensor
}

//! Vector quantisation: of each vector the nearest one of a codebook.
//!
//! z `[n, code]`, codebook e `[codes, code]`: k = argmin_k ‖z - e_k‖², of equal ones the first, and e_k `[n, code]`.
//!
//! van den Oord et al. 2017, "Neural discrete representation learning".

use burn::module::Param;
use burn::tensor::{Int, Tensor};

use crate::nn::ForwardContext;
use crate::nn::trace::{Node, NodeKind};

/// The rows of `codebook` `[codes, code]` that are nearest to those of `z` `[n, code]`: `[n, code]`, and their numbers
/// `[n]`. The rows learn, the choice does not.
pub fn nearest_rows(
    z: &Tensor<2>,
    codebook: &Param<Tensor<2>>,
    context: &mut ForwardContext,
) -> (Tensor<2>, Tensor<1, Int>) {
    let (input, fixed) = (context.input(z), codebook.val().detach());
    // ‖z - e‖² without ‖z‖², which is the same for all vectors.
    let lengths = fixed.clone().square().sum_dim(1).transpose();
    let distances = lengths - z.clone().detach().matmul(fixed.transpose()) * 2.0;
    let nearest = distances.argmin(1).flatten(0, 1);
    let rows = codebook.val().select(0, nearest.clone());
    let rows = context.made(rows, || {
        Node::new(NodeKind::NearestRows, [input]).of(codebook.id).with("", codebook.val())
    });
    (rows, nearest)
}

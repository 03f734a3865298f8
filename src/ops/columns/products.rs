//! The three products of a kernel that slides over images, which convolutions of both ways and their gradients are.

use super::im2col::Im2col;
use super::phases::Phases;
use super::sliding::Sliding;
use crate::ops::Activation;
use crate::ops::conv::PackedWeights;
use crate::ops::layout::Images;
use crate::ops::recycled::Recycled;
use crate::ops::simd::{Activate, SimdLevel};

/// The kernel between small and large images. A convolution is the first product and has the others as its gradients; a
/// transposed convolution is the second one.
pub(super) trait Products {
    /// The small images of the `large` ones, NHWC.
    fn small(&self, large: Images, ending: Option<Ending>) -> Recycled;
    /// The large images of the `small` ones, NHWC.
    fn large(&self, small: Images, ending: Option<Ending>) -> Recycled;
    /// The gradient of the weights, in their order.
    fn weights(&self, large: Images, small: Images) -> Recycled;

    /// The gradients of a convolution from that of its sums, `dz`: of the `large` images, if it is asked for, and of the
    /// weights.
    fn backward(&self, large: Images, dz: Images, input_too: bool) -> (Option<Recycled>, Recycled) {
        (input_too.then(|| self.large(dz, None)), self.weights(large, dz))
    }
}

/// The faster way of two.
pub(super) fn products<'a>(
    sliding: Sliding,
    outputs: usize,
    weight: &'a [f32],
    packed: &'a PackedWeights,
) -> Box<dyn Products + 'a> {
    match Phases::of(sliding, outputs, weight, packed) {
        Some(phases) => Box::new(phases),
        None => Box::new(Im2col { sliding, outputs, weight }),
    }
}

/// What is done with the sums of a channel: `activation(sum + bias)`.
#[derive(Clone, Copy)]
pub(super) struct Ending<'a> {
    pub bias: &'a [f32],
    pub activation: Activation,
}

/// Does what is to be done, if anything is, with the sums `out` of some pixels, whose channels lie together.
pub(super) fn end(ending: Option<Ending>, out: &mut [f32]) {
    if let Some(Ending { bias, activation }) = ending {
        SimdLevel::best().run(Activate { activation, bias, out });
    }
}

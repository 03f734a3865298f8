//! The backward pass of a convolution, over a batch.
//!
//! dz[k][r][p] = dy[k][r][p] f'(y[k][r][p]), the gradient before the activation `[out, h', w']`;
//! dW[k][c][i][j] = Σ_rp dz[k][r][p] x[c][r + i - top][p + j - left], db[k] = Σ_rp dz[k][r][p], both
//! added up over the batch; dx[c][r][p] = Σ_kij dz[k][r - i + top][p - j + left] W[k][c][i][j].
//!
//! Groups have a fixed number of images and their weight gradients are added in order: the result
//! is the same to the last bit whatever the number of threads.

mod dense;
mod pooled;

use std::ops::Range;

use crate::ops::conv::layer::{Layer, LayerGradients, Method, Outputs};
use crate::ops::conv::op::PackedWeights;
use crate::ops::conv::{implicit_gemm, winograd};
use crate::ops::layout::{ImageLayout, Images};
use crate::ops::parallel::GROUP;
use crate::ops::recycled::Recycled;
use crate::ops::sums::sums_of_groups;
use dense::Dense;
use pooled::Pooled;

/// The sums of all groups take no more numbers than this, if that leaves work for some threads.
const MOST_SUMS: usize = 1 << 24;
/// At most this many groups, whatever their sums take.
const FEWEST_GROUPS: usize = 4;

/// A backward pass, its weights packed.
trait Back: Sync {
    /// Numbers that a group sums up: of the weight and the bias gradient.
    fn sums(&self) -> usize;

    /// The order of the input's gradient.
    fn input_layout(&self) -> ImageLayout;

    /// Backward through these images: writes their input's gradient if that is asked for, and adds to
    /// the sums.
    fn group(
        &self,
        x: Images,
        outputs: Outputs,
        images: Range<usize>,
        dx: &mut [f32],
        sums: &mut [f32],
    );

    /// The weight and bias gradients from the sums.
    fn unpack(&self, sums: &[f32]) -> (Vec<f32>, Vec<f32>);
}

impl Layer {
    /// The gradients, from those of the outputs.
    pub(super) fn backward(
        &self,
        x: Images,
        outputs: Outputs,
        (weight, packed): (&[f32], &PackedWeights),
        input_too: bool,
    ) -> LayerGradients {
        match (self.method(), self.pool) {
            (Method::Winograd(tiling), _) => {
                winograd::backward(tiling, self, x, outputs, (weight, packed), input_too)
            }
            (_, Some(windows)) => {
                batch(&Pooled::new(self, windows, weight, input_too), x, outputs, input_too)
            }
            (Method::ImplicitGemm, None) => {
                implicit_gemm::backward(self, x, outputs, (weight, packed), input_too)
            }
            (Method::Direct, None) => {
                batch(&Dense::new(self, weight, input_too), x, outputs, input_too)
            }
        }
    }
}

/// Backward through all images.
fn batch(back: &impl Back, x: Images, outputs: Outputs, input_too: bool) -> LayerGradients {
    let images = x.count();
    let mut dx = Recycled::unset(if input_too { x.values.len() } else { 0 });
    // As many groups as the memory for their sums allows.
    let most = (MOST_SUMS / back.sums()).max(FEWEST_GROUPS);
    let group_size = GROUP.max(images.div_ceil(most));
    let of = (images, group_size, back.sums());
    let sums = sums_of_groups(of, (&mut dx, x.size.len()), |range, dx, sums| {
        back.group(x, outputs, range, dx, sums);
    });
    let (weight, bias) = back.unpack(&sums);
    let input = input_too.then_some((dx, back.input_layout()));
    LayerGradients { input, weight: weight.into(), bias }
}

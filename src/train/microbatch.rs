//! How many examples a thread takes through the layers of a model at a time, on the CPU.
//!
//! As many as keep the activations between layers in the cache, which are less the larger the images are; more where a
//! gradient of the weights of convolutions for each microbatch would take as long as the rest, and where there is none, as the
//! activations of dense layers are few and their weights many: these share a microbatch out among threads that are idle. It
//! is a function of the model, the images and the batch alone, as the bits of a sum are those of its parts.

use crate::nn::Parameter;
use crate::ops::parallel::{MICROBATCH, large_microbatch, microbatch_of};

/// Pixels of images of which a microbatch has [`MICROBATCH`].
const PIXELS: usize = 64 * 64;
/// Microbatches of a batch for dense layers alone: so few that the weights, which are read from the third cache for each, are
/// not what takes longest. (`benches/peer.rs` with MLP, two cores of a Xeon: 1.04 to 1.10 times as fast as four of them at batch
/// 128, 1.13 to 1.2 at 64.)
const OF_DENSE_LAYERS: usize = 2;
/// Weights of convolutions from which on there are a [few large ones](microbatch_of): the gradients of VGG's 15 million take
/// longer than the passes of 16 images through its last layers.
const MANY_WEIGHTS: usize = 1 << 22;

/// How a model's batches are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Weights of convolutions.
    weights: usize,
    /// Of an image.
    pixels: usize,
}

impl Cut {
    /// Of a model with these `parameters`, for images of `[channels, height, width]`.
    pub fn new(parameters: &[Parameter], [_, height, width]: [usize; 3]) -> Self {
        let convolutions = parameters.iter().filter(|parameter| parameter.shape.len() == 4);
        let weights: usize = convolutions.map(|one| one.shape.iter().product::<usize>()).sum();
        Self { weights, pixels: height * width }
    }

    /// Examples in each microbatch of a batch of so many `examples`, but for the last.
    pub fn microbatch(self, examples: usize) -> usize {
        let most = match self.weights {
            0 => large_microbatch(examples, OF_DENSE_LAYERS),
            MANY_WEIGHTS.. => microbatch_of(examples),
            _ => MICROBATCH,
        };
        (most * PIXELS / self.pixels).clamp(1, most)
    }
}

#[cfg(test)]
mod tests {
    use burn::module::ParamId;

    use super::*;

    fn cut(weights: &[&[usize]], side: usize) -> Cut {
        let parameter = |shape: &&[usize]| Parameter {
            id: ParamId::new(),
            name: "encode.weight".into(),
            module: "Conv".into(),
            shape: shape.to_vec(),
            trained: true,
        };
        Cut::new(&weights.iter().map(parameter).collect::<Vec<_>>(), [3, side, side])
    }

    #[test]
    fn large_images_come_by_themselves() {
        for (side, examples) in [(28, 16), (64, 16), (128, 4), (224, 1), (512, 1)] {
            assert_eq!(cut(&[&[32, 3, 3, 3], &[4096, 4096]], side).microbatch(128), examples);
        }
    }

    #[test]
    fn large_convolutions_and_dense_layers_have_more_at_a_time() {
        let large = cut(&[&[1024, 1024, 3, 3]], 32);
        for (batch, examples) in [(1, 16), (32, 16), (128, 32), (130, 33), (256, 64), (1024, 64)] {
            assert_eq!(large.microbatch(batch), examples, "{batch}");
        }
        let dense = cut(&[&[784, 512], &[512, 10]], 28);
        for (batch, examples) in [(1, 16), (32, 16), (65, 33), (128, 64), (1024, 64)] {
            assert_eq!(dense.microbatch(batch), examples, "{batch}");
        }
    }
}

//! The loss and the gradients of one batch.
//!
//! loss = error(batch) + λ Σ_w ‖w‖² / 2. The error is a mean over examples, so a batch may be cut
//! into pieces, and the gradients of the pieces, each weighted by its share of the batch, added up.
//! On the CPU a piece is small enough that its activations stay in the cache, and the threads take
//! pieces in turn. The pieces are added in their order: the numbers do not depend on the number
//! of threads. A GPU takes a batch whole.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use crate::device::is_cpu;
use crate::feed::Feed;
use crate::{Autoencoder, Pass};

/// Examples in a piece on the CPU.
const CPU_PIECE: usize = 16;

/// The loss of a batch and its gradients.
pub struct Step {
    /// `[1]`, still on the device.
    pub loss: Tensor<1>,
    /// Of all parameters.
    pub gradients: GradientsParams,
}

/// The loss and gradients of `model` for the examples at `indices`, mirrored where `mirrored` says
/// so, with the L2 penalty's factor `l2_penalty`.
pub fn take(
    model: &dyn Autoencoder,
    feed: &Feed,
    indices: &[usize],
    mirrored: impl Fn(usize) -> bool + Sync,
    l2_penalty: f64,
) -> Step {
    let pieces = in_pieces(indices, feed.device(), |number, piece| {
        let images = feed.images(piece, &mirrored);
        // The penalty belongs to the batch: one piece carries it.
        let mut pass = Pass::training();
        if number == 0 && l2_penalty > 0.0 {
            pass = pass.with_penalties();
        }
        let reconstructions = model.forward(images.clone(), &mut pass);
        let share = piece.len() as f64 / indices.len() as f64;
        let error = model.error(reconstructions, images) * share;
        let loss = match pass.penalty() {
            Some(penalty) => error + penalty * l2_penalty,
            None => error,
        };
        (loss.clone().inner(), model.gradients(loss))
    });
    let (losses, gradients): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
    Step {
        loss: losses.into_iter().reduce(|sum, loss| sum + loss).expect("a batch has examples"),
        gradients: model.sum(gradients),
    }
}

/// The mean error of `model` over the examples of `feed`, without penalty: batches of
/// `batch_size`, each weighted by its size.
///
/// The model must be on a device without autodiff.
pub fn mean_error(model: &dyn Autoencoder, feed: &Feed, batch_size: usize) -> f64 {
    let all: Vec<_> = (0..feed.len()).collect();
    let mut errors = Vec::new();
    for batch in all.chunks(batch_size) {
        errors.extend(in_pieces(batch, feed.device(), |_, piece| {
            let images = feed.images(piece, |_| false);
            let reconstructions = model.forward(images.clone(), &mut Pass::evaluation());
            model.error(reconstructions, images) * piece.len() as f64
        }));
    }
    // Read back once, at the end.
    let errors = Tensor::cat(errors, 0).into_data().convert::<f64>();
    let sum: f64 = errors.iter::<f64>().sum();
    sum / feed.len() as f64
}

/// `work(number, piece)` for each piece of `indices`, in their order.
fn in_pieces<T: Send>(
    indices: &[usize],
    device: &Device,
    work: impl Fn(usize, &[usize]) -> T + Sync,
) -> Vec<T> {
    if !is_cpu(device) {
        return vec![work(0, indices)];
    }
    indices.par_chunks(CPU_PIECE).enumerate().map(|(number, piece)| work(number, piece)).collect()
}

//! What an autoencoder is trained for, as a run says it: beside what its model says by itself.

use super::{Noise, ReconstructionLoss, Sparsity};

/// A loss, the noise that is to be taken away, and what keeps the code sparse.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Objective {
    /// How far reconstructions are from their images.
    pub loss: ReconstructionLoss,
    /// What disturbs the images; `None` for what the model does by itself.
    pub noise: Option<Noise>,
    /// What is added to the loss; `None` for nothing.
    pub sparsity: Option<Sparsity>,
}

impl Objective {
    /// The flag of each part that is not the model's own.
    pub(crate) fn flags(self) -> [Option<String>; 3] {
        let loss = (self.loss != ReconstructionLoss::default()).then_some(self.loss);
        let loss = loss.map(|loss| format!("--loss {loss}"));
        let noise = self.noise.map(|noise| format!("--noise {noise}"));
        [loss, noise, self.sparsity.map(|sparsity| format!("--sparsity {sparsity}"))]
    }

    /// Whether a part of it is a number of a batch as a whole.
    pub(crate) fn is_of_whole_batches(self) -> bool {
        self.sparsity.is_some_and(Sparsity::is_of_whole_batches)
    }
}

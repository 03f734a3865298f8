//! What an autoencoder is trained for, as a run says it: beside what its model says by itself.

use super::{Noise, ReconstructionLoss};

/// A loss, and the noise that is to be taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Objective {
    /// How far reconstructions are from their images.
    pub loss: ReconstructionLoss,
    /// What disturbs the images; `None` for what the model does by itself.
    pub noise: Option<Noise>,
}

impl Objective {
    /// The flag of each part that is not the model's own.
    pub(crate) fn flags(self) -> [Option<String>; 2] {
        let loss = (self.loss != ReconstructionLoss::default()).then_some(self.loss);
        let loss = loss.map(|loss| format!("--loss {loss}"));
        [loss, self.noise.map(|noise| format!("--noise {noise}"))]
    }
}

//! One forward pass through a network: what layers must know of it, and what they hand back.
//!
//! A model takes the pass as an argument and gives it on to its layers; it does not look into it.
//! Through it a layer knows whether this is training, hands its weights to the L2 penalty
//! λ Σ_w ‖w‖² / 2, and, when somebody looks, shows its weights and activations.

use burn::tensor::Tensor;

use crate::summaries::Recorder;

/// One forward pass.
#[derive(Default)]
pub struct Pass<'a> {
    training: bool,
    penalties: Option<Vec<Tensor<1>>>,
    recorder: Option<&'a mut Recorder>,
}

impl<'a> Pass<'a> {
    /// A pass of training.
    pub fn training() -> Self {
        Self { training: true, ..Self::default() }
    }

    /// A pass of evaluation.
    pub fn evaluation() -> Self {
        Self::default()
    }

    /// A pass of evaluation in which the layers show what is in them.
    pub fn recording(recorder: &'a mut Recorder) -> Self {
        Self { recorder: Some(recorder), ..Self::default() }
    }

    /// The same pass, collecting the weights that the L2 penalty is taken from.
    pub fn with_penalties(self) -> Self {
        Self { penalties: Some(Vec::new()), ..self }
    }

    /// Whether layers that differ between the two train now.
    pub fn is_training(&self) -> bool {
        self.training
    }

    /// Adds `weight` to the weights that the L2 penalty is taken from.
    pub fn penalise<const D: usize>(&mut self, weight: impl FnOnce() -> Tensor<D>) {
        if let Some(penalties) = &mut self.penalties {
            // tf.nn.l2_loss(w) = Σ w² / 2
            penalties.push(weight().square().sum() / 2.0);
        }
    }

    /// Σ_w ‖w‖² / 2 of the penalised weights `[1]`; `None` where there are none.
    pub fn penalty(self) -> Option<Tensor<1>> {
        self.penalties?.into_iter().reduce(|sum, penalty| sum + penalty)
    }

    /// Where to show what is in a layer, if anybody looks.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_deref_mut()
    }
}

//! Whether a model heeds what it is to be trained for.
//!
//! A pass of training with two black images shows it: what the model's loss asks its context for, and what it says of its
//! code.

use std::sync::PoisonError;

use anyhow::Result;
use burn::tensor::{Device, Tensor};

use super::AnyModel;
use super::any_model::Built;
use crate::error::{Exit, Failure};
use crate::models::MODELS;
use crate::nn::burn_layers::DRAWING;
use crate::nn::{ForwardContext, Initializer, Kind, Objective, Sparsity};
use crate::util::panics::quietly;

/// `[channels, height, width]` of images with which other models are tried.
const TRIED: [usize; 3] = [1, 32, 32];

/// What a model does not heed.
#[derive(Default)]
struct Unheeded {
    /// The flags.
    flags: Vec<String>,
    /// Whether its code is one that the sparsity does not take.
    code_is_unsuited: bool,
}

impl Unheeded {
    /// By `model`, which takes images of `shape` on its `device`.
    fn by(model: &AnyModel, [channels, height, width]: [usize; 3], device: &Device) -> Self {
        let Built::Autoencoder(network) = &model.built else { return Self::default() };
        let _alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut context = ForwardContext::training(0);
        context.set_objective(model.objective(), channels * height * width);
        drop(network.loss(Tensor::ones([2, channels, height, width], device) * -1.0, &mut context));
        Self { flags: context.ignored(), code_is_unsuited: context.code_is_unsuited() }
    }
}

impl AnyModel {
    /// Fails where an autoencoder, called `name`, does not heed what it is to be trained for, or has a code that it
    /// cannot be; it takes images of `shape` `[channels, height, width]` on its `device`.
    ///
    /// # Errors
    /// [`Exit::Usage`], with the flags.
    pub(super) fn refuse_ignored_objective(
        &self,
        name: &str,
        shape: [usize; 3],
        device: &Device,
    ) -> Result<()> {
        let unheeded = Unheeded::by(self, shape, device);
        let sparsity = self.objective().sparsity;
        let of_sparsity = |flag: &String| flag.starts_with("--sparsity");
        if let Some(sparsity) =
            sparsity.filter(|_| unheeded.code_is_unsuited || unheeded.flags.iter().any(of_sparsity))
        {
            return Err(refused_sparsity(name, sparsity, unheeded.code_is_unsuited));
        }
        match &unheeded.flags[..] {
            [] => Ok(()),
            ignored => {
                let what = format!("`{}` with `--model {name}`", ignored.join(" "));
                Err(Failure::new(Exit::Usage, what)
                    .why("the model has a loss of its own, which does not ask for it")
                    .help(
                        "leave it out; or let `loss` in the model's file call `reconstruction_loss` and \
                         `context.disturbed`",
                    )
                    .into())
            }
        }
    }
}

/// The error of a `sparsity` that the model `name` has no code for, or one that `is_unsuited`.
fn refused_sparsity(name: &str, sparsity: Sparsity, is_unsuited: bool) -> anyhow::Error {
    let what = format!("`--sparsity {sparsity}` with `--model {name}`");
    let (why, help) = match is_unsuited {
        true => (
            "its code has no bounds, and the activity of a unit is where it is between two (of tanh -1 and 1)",
            "--sparsity l1:1e-4 takes any code",
        ),
        false => (
            "its file does not say that it has a code which is to be sparse",
            "let the model's file call `context.code`",
        ),
    };
    let names = that_take(sparsity).join(", ");
    Failure::new(Exit::Usage, what)
        .why(format!("{why}; the models that take it: {names}"))
        .help(format!("name one of these; {help}"))
        .into()
}

/// The models that take this `sparsity`.
fn that_take(sparsity: Sparsity) -> Vec<&'static str> {
    autoencoders_that(|mut model, shape, device| {
        model.set_objective(Objective { sparsity: Some(sparsity), ..Objective::default() });
        let Unheeded { flags, code_is_unsuited } = Unheeded::by(&model, shape, device);
        flags.is_empty() && !code_is_unsuited
    })
}

/// The names of the autoencoders of which `is_so` holds, each built for images of some shape on a device.
pub(super) fn autoencoders_that(
    is_so: impl Fn(AnyModel, [usize; 3], &Device) -> bool,
) -> Vec<&'static str> {
    let device = Device::flex();
    let holds = |model| {
        let build = || AnyModel::new(model, TRIED, 2, &mut Initializer::new(0, &device)).ok();
        let tried = || build().is_some_and(|built| is_so(built, TRIED, &device));
        quietly(tried).unwrap_or(false)
    };
    let autoencoders = MODELS.iter().filter(|(_, model)| model.kind() == Kind::Autoencoder);
    autoencoders.filter(|(_, model)| holds(*model)).map(|(name, _)| *name).collect()
}

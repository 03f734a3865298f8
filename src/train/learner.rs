//! What a training loop works on.

use crate::train::evaluate::{self, Measures};
use std::path::Path;

use anyhow::Result;
use burn::tensor::{Device, Tensor};

use super::batch_step::BatchStep;
use super::build::{build_model, build_probed_model};
use super::updater::Updater;
use crate::data::DataLoader;
use crate::device::is_cpu;
use crate::error::{Exit, Failure};
use crate::metrics::EvalReport;
use crate::nn::{Average, Initializer, Objective, Operation, larger};
use crate::run::{Checkpoint, DataSummary, RunConfig, State};
use crate::train::AnyModel;
use crate::train::Interrupt;
use crate::train::exchange::Exchange;
use crate::train::pretrained;
use crate::train::pretrained::Transfer;
use crate::weights::Weights;

/// What is trained: the model, its optimizer, and a copy of the model for evaluation, which may be
/// on another device.
pub(crate) struct Learner {
    /// On the training device, with autodiff.
    pub model: AnyModel,
    /// The optimizer.
    updater: Updater,
    /// Where the training computes, without autodiff.
    device: Device,
    /// On the evaluation device; has the parameters of the last validation.
    evaluated: AnyModel,
    /// What it does with an image.
    operations: Vec<Operation>,
    /// The moving average of its trained parameters and the average's decay, where there is one.
    average: Option<(Average, f64)>,
    /// Whether a step has shown that all that is trained has gradients.
    all_have_gradients: bool,
}

/// Fails where two models of `name`, built from one seed, have other parameters: a run of it would not
/// come out again.
fn refuse_unseeded(name: &str, one: &AnyModel, other: &AnyModel) -> Result<()> {
    // Not both at once: of a large model each takes gigabytes.
    let hashes = |learner: &AnyModel| -> Result<Vec<(String, String)>> {
        let weights = Weights::from_pack(learner.network().to_bytes()?)?;
        Ok(weights.iter().map(|(name, values)| (name.to_owned(), values.sha256())).collect())
    };
    let (ours, theirs) = (hashes(one)?, hashes(other)?);
    let differs = |own: &&(String, String)| !theirs.contains(own);
    let names: Vec<_> = ours.iter().filter(differs).map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        format!("{name}: {} not drawn from `Initializer`", names.join(", ")),
    )
    .why("built twice from the same seed, the model has other values there")
    .help("draw them with `Initializer`, or let a layer of burn's initialise them")
    .into())
}

impl Learner {
    /// The run `config` on `data` at its beginning, with the parameters frozen that it does not train.
    ///
    /// # Errors
    /// When the images do not suit the model, its output has not the shape that it should have, or a
    /// parameter is not a function of the run's seed.
    pub fn new(
        config: &RunConfig,
        data: &DataSummary,
        train_device: &Device,
        eval_device: &Device,
    ) -> Result<Self> {
        let (name, seed) = (&config.model, config.seed);
        let of = (&**name, &config.model_args);
        let (shape, classes) = (data.shape, data.class_names.len());
        let mut init = Initializer::new(seed, &train_device.clone().autodiff());
        let mut model = build_model(of, shape, classes, &mut init)?;
        let mut init = Initializer::new(seed, eval_device);
        let (mut evaluated, operations) = build_probed_model(of, shape, classes, &mut init)?;
        // Devices draw differently: built twice on the same one, the model is the same.
        match is_cpu(train_device) && is_cpu(eval_device) {
            true => refuse_unseeded(name, &model, &evaluated)?,
            false => {
                let mut init = Initializer::new(seed, train_device);
                refuse_unseeded(name, &model, &build_model(of, shape, classes, &mut init)?)?;
            }
        }
        let objective = config.objective();
        for model in [&mut model, &mut evaluated] {
            model.set_objective(objective);
        }
        if objective != Objective::default() {
            let mut init = Initializer::new(seed, eval_device);
            let mut tried = build_model(of, shape, classes, &mut init)?;
            tried.set_objective(objective);
            tried.refuse_ignored_objective(name, shape, eval_device)?;
        }
        if let Some(scopes) = &config.trainable_scopes {
            pretrained::freeze(model.network_mut(), scopes)?;
        }
        Ok(Self {
            model,
            updater: Updater::new(
                config.optimizer_entry()?,
                &config.optimizer_args,
                config.clip_norm,
            ),
            device: train_device.clone().autodiff().inner(),
            evaluated,
            operations,
            average: config.ema.map(|decay| (Average::default(), decay)),
            all_have_gradients: false,
        })
    }

    /// Takes the weights that the run `config` begins with, if they are not all drawn; which they are.
    pub fn load_pretrained(
        &mut self,
        config: &RunConfig,
    ) -> Result<Option<(Transfer, Option<State>)>> {
        let pretrained = config.pretrained.as_ref();
        pretrained.map(|from| pretrained::load(self.model.network_mut(), from)).transpose()
    }

    /// Goes on from `checkpoint`, which was read from `path`, on `data`.
    pub fn resume(
        &mut self,
        checkpoint: Checkpoint,
        path: &Path,
        config: &RunConfig,
        data: &DataSummary,
    ) -> Result<State> {
        let damaged = |error: anyhow::Error| {
            Failure::new(Exit::Failed, format!("cannot go on from `{}`", path.display()))
                .why(format!("{error:#}"))
                .help(
                    "put models/ back as it was when the run began, or train a run of its own with \
                     --comment; --restart deletes this one and begins it anew",
                )
        };
        let Checkpoint { model, training, .. } = checkpoint;
        if let (Some((average, _)), Some(training)) = (&mut self.average, training) {
            self.model.network_mut().load_bytes(model).map_err(damaged)?;
            *average = self.model.network().values();
            self.model.network_mut().load_bytes(training).map_err(damaged)?;
        } else {
            self.model.network_mut().load_bytes(model).map_err(damaged)?;
        }
        let parameters = self.model.network().parameters();
        self.updater.restore(checkpoint.optimizer, &parameters).map_err(damaged)?;
        let mut state = checkpoint.state;
        if state.config.min_delta != config.min_delta {
            // It was counted by another measure: the best validation is the last improvement now.
            state.improvement = None;
        }
        state.config = config.clone();
        state.data = Some(data.clone());
        Ok(state)
    }

    /// Fails at the first `step` where a parameter that should be trained has no gradient: it would stay for ever what
    /// it was drawn as.
    pub fn refuse_untrained(&mut self, step: &BatchStep) -> Result<()> {
        if self.all_have_gradients {
            return Ok(());
        }
        let names = self.model.network().without_gradient(&step.gradients, &step.left());
        if !names.is_empty() {
            let what = format!("the loss does not depend on {}", names.join(", "));
            return Err(Failure::new(Exit::Failed, what)
                .why("a trainable parameter without a gradient would never be trained")
                .help(
                    "use it in the model's forward pass, take it out, or leave it out of the training \
                     with --trainable_scopes",
                )
                .into());
        }
        self.all_have_gradients = true;
        Ok(())
    }

    /// The parameters, as [`Network::to_bytes`](crate::nn::Network::to_bytes) gives them.
    pub fn parameters(&self) -> Result<Vec<u8>> {
        let network = self.model.network();
        match self.average() {
            Some(average) => network.average_to_bytes(average),
            None => network.to_bytes(),
        }
    }

    /// The average of the parameters, where there is one and a step has been taken.
    fn average(&self) -> Option<&Average> {
        self.average.as_ref().map(|(average, _)| average).filter(|average| !average.is_empty())
    }

    /// The run as it stands at `state` on the ranks of `exchange`, its parameters serialised as `model`, and the
    /// largest absolute value among its parameters, buffers and slots; NaN if one is NaN.
    pub fn checkpoint(
        &self,
        model: Vec<u8>,
        state: &State,
        exchange: &Exchange,
    ) -> Result<(Checkpoint, f32)> {
        let parameters = self.model.network().parameters();
        let (optimizer, in_slots) = self.updater.to_bytes_and_largest(&parameters, exchange)?;
        let largest = larger(self.model.network().largest(), in_slots);
        let training = self.average().map(|_| self.model.network().to_bytes()).transpose()?;
        Ok((Checkpoint::new(state, model, optimizer, training), largest))
    }

    /// One step of the optimizer down the gradients of `step`, of the ranks of `exchange`; their global norm `[1]`, still
    /// on the device, where it has a bound.
    pub fn update(
        &mut self,
        step: BatchStep,
        learning_rate: f64,
        exchange: &Exchange,
    ) -> Result<Option<Tensor<1>>> {
        let network = self.model.network_mut();
        let norm = self.updater.step(network, step, learning_rate, (&self.device, exchange))?;
        if let Some((average, decay)) = &mut self.average {
            network.follow(average, *decay);
        }
        Ok(norm)
    }

    /// How the model with these `parameters` does on the examples of `validation`, shared out over the ranks of
    /// `exchange`; `None` where one process is alone and a signal came meanwhile.
    pub fn validate(
        &mut self,
        parameters: &[u8],
        validation: &DataLoader,
        names: Vec<String>,
        measures: &Measures,
        (interrupt, exchange): (&Interrupt, &Exchange),
    ) -> Result<Option<EvalReport>> {
        self.evaluated.network_mut().load_bytes(parameters.to_vec())?;
        let model = &self.evaluated;
        if !exchange.is_alone() {
            let report =
                evaluate::evaluate_model_shared(model, validation, names, measures, exchange);
            return report.map(Some);
        }
        evaluate::evaluate_model_unless(model, validation, names, measures, interrupt)
    }

    /// What the model does with an image.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The model as it was last validated, on the evaluation device.
    pub fn evaluated(&self) -> &AnyModel {
        &self.evaluated
    }
}

#[cfg(test)]
mod tests {
    use burn::module::{Module, Param};

    use super::*;
    use crate::nn::ForwardContext;
    use crate::nn::{Autoencoder, Model};

    /// A factor for all pixels.
    #[derive(Module, Debug)]
    struct Factor {
        factor: Param<Tensor<1>>,
    }

    impl Autoencoder for Factor {
        fn forward(&self, images: Tensor<4>, _pass: &mut ForwardContext) -> Tensor<4> {
            images * self.factor.val().unsqueeze()
        }
    }

    /// A factor with a loss of its own, that knows of no flag.
    #[derive(Module, Debug)]
    struct OwnLoss {
        factor: Param<Tensor<1>>,
    }

    impl Autoencoder for OwnLoss {
        fn forward(&self, images: Tensor<4>, _pass: &mut ForwardContext) -> Tensor<4> {
            images * self.factor.val().unsqueeze()
        }

        fn loss(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<1> {
            (self.forward(images.clone(), context) - images).abs().mean()
        }
    }

    #[test]
    fn what_a_loss_does_not_heed_is_refused() {
        let device = Device::flex();
        let model = Model::Autoencoder(|_, init| {
            Ok(Box::new(OwnLoss { factor: Param::from_data([1.0], init.device()) }))
        });
        let mut model =
            AnyModel::new(model, [1, 2, 2], 1, &mut Initializer::new(1, &device)).unwrap();
        let refuse = |model: &AnyModel| model.refuse_ignored_objective("Own", [1, 2, 2], &device);
        refuse(&model).unwrap();
        let noise = Some("mask:0.5".parse().unwrap());
        model.set_objective(Objective { loss: "l1".parse().unwrap(), noise, sparsity: None });
        let error = refuse(&model).unwrap_err().to_string();
        assert!(error.contains("`--loss l1 --noise mask:0.5` with `--model Own`"), "{error}");
        // The default loss heeds both.
        let model = Model::Autoencoder(|_, init| {
            Ok(Box::new(Factor { factor: Param::from_data([1.0], init.device()) }))
        });
        let mut model =
            AnyModel::new(model, [1, 2, 2], 1, &mut Initializer::new(1, &device)).unwrap();
        model.set_objective(Objective { loss: "l1".parse().unwrap(), noise, sparsity: None });
        refuse(&model).unwrap();
    }

    #[test]
    fn what_is_not_drawn_from_the_seed_is_named() {
        let device = Device::flex();
        let build =
            |model| AnyModel::new(model, [1, 2, 2], 1, &mut Initializer::new(1, &device)).unwrap();
        // burn's own draws are the seed's; any other chance is not.
        let seeded = Model::Autoencoder(|_, init| {
            let draw = burn::tensor::Distribution::Default;
            let factor = Param::from_tensor(Tensor::random([1], draw, init.device()));
            Ok(Box::new(Factor { factor }))
        });
        refuse_unseeded("Factor", &build(seeded), &build(seeded)).unwrap();
        let unseeded = Model::Autoencoder(|_, init| {
            let factor = Param::from_data([rand::random::<f32>()], init.device());
            Ok(Box::new(Factor { factor }))
        });
        let error = refuse_unseeded("Factor", &build(unseeded), &build(unseeded)).unwrap_err();
        assert!(
            error.to_string().contains("Factor: factor not drawn from `Initializer`"),
            "{error}"
        );
    }
}

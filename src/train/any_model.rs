//! A type-erased model: the loss of a batch and, for classifiers, a predicted class per example.

use std::sync::PoisonError;

use anyhow::Result;
use burn::tensor::{Device, Int, Tensor};
use serde_json::Map;

use super::microbatch::Cut;
use super::notes::{self, Noted};
use super::probe::MAX_EVAL_BATCH;
use super::step::{Detail, ImageOutput};
use super::targets::classification_loss;
use crate::data::{Batch, DataLoader};
use crate::error::{Exit, Failure};
use crate::metrics::Score;
use crate::metrics::image_quality::{image_errors, ssim};
use crate::metrics::measure::{Classified, Reconstructed};
use crate::nn::ForwardContext;
use crate::nn::Initializer;
use crate::nn::Latent;
use crate::nn::Objective;
use crate::nn::Prior;
use crate::nn::ReconstructionLoss;
use crate::nn::Recorder;
use crate::nn::StepRequirements;
use crate::nn::burn_layers::DRAWING;
use crate::nn::{Autoencoder, Classifier, Kind, Model, Network, Operation, Parameter};
use crate::nn::{ModelArguments, SharedWeights};
use crate::ops::ordered_sum::ordered_mean;
use crate::util::parallel::map_items;
use crate::util::tensor::floats;

/// A model that was built.
pub struct AnyModel {
    pub(super) built: Built,
    requirements: StepRequirements,
    cut: Cut,
    /// See [`AnyModel::batch_size`].
    pub(super) batch_size: usize,
    /// What an autoencoder is trained for.
    objective: Objective,
}

/// A model of one of the two kinds.
pub(super) enum Built {
    Autoencoder(Box<dyn Autoencoder>),
    Classifier(Box<dyn Classifier>),
}

/// Fails where two fields of a model are one parameter: burn would give it the gradient of one of the two,
/// and step only one of the two.
fn refuse_shared(parameters: &[Parameter]) -> Result<()> {
    for (number, own) in parameters.iter().enumerate() {
        if let Some(first) = parameters[..number].iter().find(|other| other.id == own.id) {
            let what = format!("{} and {} are one parameter", first.name, own.name);
            return Err(Failure::new(Exit::Failed, what)
                .why("a layer that was cloned into two fields of a model would be trained as two, wrongly")
                .help("keep it in one field, and call its forward pass twice")
                .into());
        }
    }
    Ok(())
}

impl Built {
    fn network(&self) -> &dyn Network {
        match self {
            Self::Autoencoder(model) => &**model,
            Self::Classifier(model) => &**model,
        }
    }

    fn network_mut(&mut self) -> &mut dyn Network {
        match self {
            Self::Autoencoder(model) => &mut **model,
            Self::Classifier(model) => &mut **model,
        }
    }
}

/// The output of a forward pass of a batch.
#[derive(Clone)]
pub struct BatchOutput {
    /// The mean over the examples `[1]`, without the L2 penalty.
    pub loss: Tensor<1>,
    /// A classifier's predicted class of each example `[batch]`.
    pub predictions: Option<Tensor<1, Int>>,
}

impl AnyModel {
    /// `model` with the defaults of its arguments, for images of `shape` `[channels, height, width]` and `classes`
    /// classes.
    ///
    /// # Errors
    /// When the images do not suit the model.
    pub fn new(
        model: Model,
        shape: [usize; 3],
        classes: usize,
        init: &mut Initializer,
    ) -> Result<Self> {
        let arguments = ModelArguments::of("the model", model.arguments(), &Map::new())?;
        Self::with_arguments(model, &arguments, shape, classes, init)
    }

    /// The same with these `arguments`, all of the model's.
    ///
    /// # Errors
    /// When the images do not suit the model.
    pub fn with_arguments(
        model: Model,
        arguments: &ModelArguments,
        shape: [usize; 3],
        classes: usize,
        init: &mut Initializer,
    ) -> Result<Self> {
        let _alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        // A layer of burn's own may draw at once.
        init.seed_device(0, init.device());
        let mut built = match model {
            Model::Autoencoder(build) => Built::Autoencoder(build(shape, init)?),
            Model::Classifier(build) => Built::Classifier(build(shape, classes, init)?),
            Model::AutoencoderWith(_, build) => Built::Autoencoder(build(shape, arguments, init)?),
            Model::ClassifierWith(_, build) => {
                Built::Classifier(build(shape, classes, arguments, init)?)
            }
        };
        let of_burns_layers = built.network_mut().reinitialize(init);
        let parameters = built.network().parameters();
        refuse_shared(&parameters)?;
        let mut requirements = of_burns_layers.and_of(&parameters);
        requirements.full_batch |= match &built {
            Built::Autoencoder(model) => model.requires_full_batch(),
            Built::Classifier(model) => model.requires_full_batch(),
        };
        Ok(Self {
            built,
            requirements,
            cut: Cut::new(&parameters, shape),
            batch_size: MAX_EVAL_BATCH,
            objective: Objective::default(),
        })
    }

    /// Examples that are evaluated at a time: 200, or as many fewer as keep the largest layer's input and
    /// output below 256 MB.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Examples that a thread takes through the layers at a time, on the CPU, of a batch of so many: the parts that it is cut
    /// into.
    pub fn microbatch(&self, batch: usize) -> usize {
        self.cut.microbatch(batch)
    }

    /// What a training step has to do for its layers.
    pub fn requirements(&self) -> StepRequirements {
        self.requirements
    }

    /// What it is trained for.
    pub fn kind(&self) -> Kind {
        match self.built {
            Built::Autoencoder(_) => Kind::Autoencoder,
            Built::Classifier(_) => Kind::Classifier,
        }
    }

    /// A copy for one thread: the same parameters, with the same ids, but in a graph of their own.
    ///
    /// burn keeps what shares a parameter in one graph, and locks all of it for a backward pass: the
    /// pieces of a batch would wait for each other, and with burn 0.22.1 for ever, where one piece's
    /// forward pass joins graphs while another's backward pass takes itself out of them.
    pub fn fork(&self) -> Self {
        let built = match &self.built {
            Built::Autoencoder(model) => Built::Autoencoder(model.fork()),
            Built::Classifier(model) => Built::Classifier(model.fork()),
        };
        Self { built, ..*self }
    }

    /// The same on `device`, where the parameters are brought to.
    pub(super) fn fork_to(&self, device: &Device) -> Self {
        let built = match &self.built {
            Built::Autoencoder(model) => Built::Autoencoder(model.fork_to(device)),
            Built::Classifier(model) => Built::Classifier(model.fork_to(device)),
        };
        Self { built, ..*self }
    }

    /// Trains an autoencoder for `objective` from here on. A classifier has no use for it.
    pub fn set_objective(&mut self, objective: Objective) {
        self.objective = objective;
    }

    /// What it is trained for, of an autoencoder.
    pub(super) fn objective(&self) -> Objective {
        self.objective
    }

    /// Its parameters.
    pub fn network(&self) -> &dyn Network {
        self.built.network()
    }

    /// Its parameters, to be changed.
    pub fn network_mut(&mut self) -> &mut dyn Network {
        self.built.network_mut()
    }

    /// The forward pass of the examples of `loader` in `batch`: their loss, and a classifier's predictions.
    pub fn forward_batch(
        &self,
        loader: &DataLoader,
        batch: Batch,
        context: &mut ForwardContext,
    ) -> BatchOutput {
        let images = loader.images(batch);
        match &self.built {
            Built::Autoencoder(model) if context.is_training() => {
                context.set_objective(self.objective, loader.examples().shape().iter().product());
                let loss = model.loss(images, context);
                let loss = match context.take_sparsity() {
                    Some(penalty) => loss + penalty,
                    None => loss,
                };
                BatchOutput { loss, predictions: None }
            }
            Built::Autoencoder(model) => {
                context.set_objective(self.objective, loader.examples().shape().iter().product());
                let reconstructions = model.forward(images.clone(), context);
                self.note_loss(&**model, &reconstructions, &images, context);
                BatchOutput { loss: model.error(reconstructions, images), predictions: None }
            }
            Built::Classifier(model) => {
                let logits = model.forward(images, context);
                let predictions = logits.clone().argmax(1).flatten(0, 1);
                let loss = classification_loss(&**model, logits, loader, batch);
                BatchOutput { loss, predictions: Some(predictions) }
            }
        }
    }

    /// The forward pass of an evaluation of the examples of `loader` in `batch`: their loss and predictions, and
    /// with this `detail` what the model makes of each; and what the model notes of itself. The batches of an evaluation
    /// share what they have `packed`.
    pub(super) fn evaluate_batch(
        &self,
        loader: &DataLoader,
        batch: Batch,
        (detail, packed): (Detail, &SharedWeights),
    ) -> (BatchOutput, Option<ImageOutput>, Vec<Noted>) {
        let mut context = ForwardContext::evaluation().with_notes().sharing(packed.clone());
        let (output, images) = match detail {
            Detail::Loss => (self.forward_batch(loader, batch, &mut context), None),
            Detail::Images { ssim } => self.evaluate_images(loader, batch, ssim, &mut context),
        };
        (output, images, notes::of_microbatch(&mut context, batch.len()))
    }

    fn evaluate_images(
        &self,
        loader: &DataLoader,
        batch: Batch,
        ssim: bool,
        context: &mut ForwardContext,
    ) -> (BatchOutput, Option<ImageOutput>) {
        let images = loader.images(batch);
        match &self.built {
            Built::Autoencoder(model) => {
                let shape = loader.examples().shape();
                context.set_objective(self.objective, shape.iter().product());
                let reconstructions = model.forward(images.clone(), context);
                self.note_loss(&**model, &reconstructions, &images, context);
                let [pixels, made] = [&images, &reconstructions].map(|t| floats(t.clone()));
                let loss = model.error(reconstructions, images);
                let quality = reconstructed(&pixels, &made, shape, ssim);
                (BatchOutput { loss, predictions: None }, Some(ImageOutput::Reconstructed(quality)))
            }
            Built::Classifier(model) => {
                let logits = model.forward(images, context);
                let [_, classes] = logits.dims();
                let classified = Classified { logits: floats(logits.clone()), classes };
                let predictions = Some(logits.clone().argmax(1).flatten(0, 1));
                let loss = ordered_mean(model.losses(logits, loader.labels(batch)));
                (BatchOutput { loss, predictions }, Some(ImageOutput::Classified(classified)))
            }
        }
    }

    /// Notes the loss of `made`, the reconstructions of `images`, where it is not the error, which is told anyhow.
    fn note_loss(
        &self,
        model: &dyn Autoencoder,
        made: &Tensor<4>,
        images: &Tensor<4>,
        context: &mut ForwardContext,
    ) {
        let loss = self.objective.loss;
        if loss == ReconstructionLoss::Mse {
            return;
        }
        context.note("loss", || {
            let error = model.error(made.clone(), images.clone());
            loss.of(made.clone(), images.clone(), error)
        });
    }

    /// The reconstructions of `images` `[batch, channels, height, width]`, of the same shape, if
    /// reconstructions are what the model makes.
    pub fn reconstruct(&self, images: Tensor<4>) -> Option<Tensor<4>> {
        match &self.built {
            Built::Autoencoder(model) => Some(of_two_rows(images, |images| {
                model.forward(images, &mut ForwardContext::evaluation())
            })),
            Built::Classifier(_) => None,
        }
    }

    /// What it knows of the distribution of its codes, if it is an autoencoder that has some.
    pub fn prior(&self) -> Option<Prior> {
        self.latent().map(Latent::prior)
    }

    /// The codes `[batch, code]` of `images` `[batch, channels, height, width]`, if it has some.
    pub fn encode(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        let latent = self.latent()?;
        Some(of_two_rows(images, |images| latent.encode(images, &mut ForwardContext::evaluation())))
    }

    /// The images `[batch, channels, height, width]` of this `size` `[height, width]` that it decodes from `code`
    /// `[batch, code]`, if it has one.
    pub fn decode(&self, code: Tensor<2>, size: [usize; 2]) -> Option<Tensor<4>> {
        let latent = self.latent()?;
        Some(of_two_rows(code, |code| latent.decode(code, size, &mut ForwardContext::evaluation())))
    }

    fn latent(&self) -> Option<&dyn Latent> {
        match &self.built {
            Built::Autoencoder(model) => model.latent(),
            Built::Classifier(_) => None,
        }
    }

    /// The logits `[batch, classes]` of `images` `[batch, channels, height, width]`, if classes are what the model
    /// predicts.
    pub fn logits(&self, images: Tensor<4>) -> Option<Tensor<2>> {
        match &self.built {
            Built::Autoencoder(_) => None,
            Built::Classifier(model) => Some(of_two_rows(images, |images| {
                model.forward(images, &mut ForwardContext::evaluation())
            })),
        }
    }

    /// What the layers do and show when `images` `[batch, channels, height, width]` pass through them;
    /// the output is forgotten.
    pub fn record(&self, images: Tensor<4>) -> Recorder {
        let mut recorder = Recorder::new(self.network());
        self.pass(images, &mut recorder);
        recorder.complete(self.network());
        recorder
    }

    /// The operations of a forward pass of `image` `[1, channels, height, width]` that layers show, in their order:
    /// those of burn's own layers, which know of no recorder, are not among them.
    pub fn operations(&self, image: Tensor<4>) -> Vec<Operation> {
        let mut recorder = Recorder::new(self.network());
        self.pass(image, &mut recorder);
        recorder.into_operations()
    }

    /// The output `[batch, values]` of the operation `number` of [`operations`](Self::operations) for `images`
    /// `[batch, channels, height, width]`; `None` where there is none.
    pub fn output_of(&self, number: usize, images: Tensor<4>) -> Option<Tensor<2>> {
        let mut recorder = Recorder::capturing(number);
        self.pass(images, &mut recorder);
        recorder.into_captured()
    }

    /// The forward pass of `images`, whose output is forgotten.
    fn pass(&self, images: Tensor<4>, recorder: &mut Recorder) {
        let context = &mut ForwardContext::recording(recorder);
        match &self.built {
            Built::Autoencoder(model) => drop(model.forward(images, context)),
            Built::Classifier(model) => drop(model.forward(images, context)),
        }
    }

    /// The score of a mean `loss` and of `predictions` for examples of these `labels`.
    pub fn score(&self, loss: f64, predictions: &[u32], labels: &[u32]) -> Score {
        match self.kind() {
            Kind::Autoencoder => Score::Error { error: loss },
            Kind::Classifier => {
                let right = predictions.iter().zip(labels).filter(|(p, label)| p == label).count();
                Score::Accuracy { accuracy: right as f64 / labels.len() as f64, loss }
            }
        }
    }
}

/// What `forward` makes of `images` (or of what else has a row for each); of a single one as one of two equal ones. A matrix of one row goes through another
/// kernel, whose last bits differ: an image at a threshold would be normal alone and odd beside others.
fn of_two_rows<const I: usize, const D: usize>(
    images: Tensor<I>,
    forward: impl FnOnce(Tensor<I>) -> Tensor<D>,
) -> Tensor<D> {
    match images.dims()[0] {
        1 => forward(Tensor::cat(vec![images.clone(), images], 0)).narrow(0, 0, 1),
        _ => forward(images),
    }
}

/// How near `made` is to `pixels`, both `[images, channels, height, width]` of images of `shape`, image by image.
fn reconstructed(
    pixels: &[f32],
    made: &[f32],
    shape: [usize; 3],
    with_ssim: bool,
) -> Reconstructed {
    let size = shape.iter().product();
    let errors = image_errors(pixels, made, size);
    let pairs = pixels.chunks_exact(size).zip(made.chunks_exact(size));
    let ssims = match with_ssim {
        true => map_items(pairs, |_, (image, made)| ssim(image, made, shape)),
        false => Vec::new(),
    };
    Reconstructed { errors, ssims }
}

//! A model of either kind, as the trainer and the evaluator see it: something that has a loss on a
//! batch and, if it tells classes apart, an opinion on each of its examples.

use std::sync::PoisonError;

use anyhow::Result;
use burn::tensor::{Device, Int, Tensor};

use crate::data::DataLoader;
use crate::error::{Exit, Failure};
use crate::metrics::Score;
use crate::nn::ForwardContext;
use crate::nn::Initializer;
use crate::nn::adopt::DRAWING;
use crate::nn::{Autoencoder, Classifier, Kind, Model, Network, Parameter};
use crate::nn::{Operation, Recorder};
use crate::nn::{complete, has};
use crate::util::panics::quietly;

/// A model that was built.
pub struct AnyModel {
    model: Built,
    whole_batches: bool,
    draws_on_device: bool,
    keeps_statistics: bool,
    batch_size: usize,
}

/// Examples evaluated at a time, as Dynamic Training Bench did, where they are small.
const MOST_EXAMPLES: usize = 200;
/// The most bytes that the largest layer of a batch may take in evaluation, its input included: what
/// pieces of a batch hold at the same time is a small multiple of it.
const MOST_BYTES: usize = 256 << 20;
/// Maps as large as the image that a layer is thought to make of which nothing is known, as burn's own.
const UNKNOWN_MAPS: usize = 32;

enum Built {
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

/// Examples at a time that keep the largest input and output of a layer below [`MOST_BYTES`].
fn batch_size(shape: [usize; 3], operations: &[Operation], parameters: &[Parameter]) -> usize {
    let image: usize = shape.iter().product();
    let outputs = operations.iter().map(|operation| operation.output[1..].iter().product());
    let sizes: Vec<usize> = [image].into_iter().chain(outputs).collect();
    let pair = sizes.windows(2).map(|pair| pair[0] + pair[1]).max().unwrap_or(2 * image);
    let is_known = |own: &Parameter| operations.iter().any(|operation| has(operation, own));
    let unknown = match parameters.iter().all(is_known) {
        true => 0,
        false => 2 * UNKNOWN_MAPS * shape[1] * shape[2],
    };
    (MOST_BYTES / (pair.max(unknown) * size_of::<f32>())).clamp(1, MOST_EXAMPLES)
}

/// What a model makes of a batch.
pub struct BatchOutput {
    /// The mean over the examples `[1]`, without the L2 penalty.
    pub loss: Tensor<1>,
    /// The class of each example `[batch]`, if classes are what the model tells.
    pub predictions: Option<Tensor<1, Int>>,
}

impl AnyModel {
    /// `model` for images of `shape` `[channels, height, width]` in so many `classes`.
    ///
    /// # Errors
    /// When the images do not suit the model.
    pub fn new(
        model: Model,
        shape: [usize; 3],
        classes: usize,
        init: &mut Initializer,
    ) -> Result<Self> {
        let _alone = DRAWING.lock().unwrap_or_else(PoisonError::into_inner);
        // A layer of burn's own may draw at once.
        init.seed_device(0, init.device());
        let mut model = match model {
            Model::Autoencoder(build) => Built::Autoencoder(build(shape, init)?),
            Model::Classifier(build) => Built::Classifier(build(shape, classes, init)?),
        };
        model.network_mut().adopt(init);
        refuse_shared(&model.network().parameters())?;
        Ok(Self {
            model,
            whole_batches: init.wants_whole_batches(),
            draws_on_device: init.has_draws_on_device(),
            keeps_statistics: init.has_kept_statistics(),
            batch_size: MOST_EXAMPLES,
        })
    }

    /// Passes an image of `shape` `[channels, height, width]` through the model, called `name`, which is on
    /// `device`, without autodiff: what the layers do with it. From here on [`AnyModel::batch_size`] is
    /// what such images allow.
    ///
    /// # Errors
    /// When the output is no image of that shape or, of a classifier, has not one logit for each of the
    /// `classes`; when the model cannot take such images at all.
    pub fn probe(
        &mut self,
        name: &str,
        shape: [usize; 3],
        classes: usize,
        device: &Device,
    ) -> Result<Vec<Operation>> {
        let [channels, height, width] = shape;
        let image = Tensor::<4>::zeros([1, channels, height, width], device);
        let passed = quietly(|| {
            let mut recorder = Recorder::new(self.network());
            let context = &mut ForwardContext::recording(&mut recorder);
            let output = match &self.model {
                Built::Autoencoder(model) => model.forward(image, context).dims().to_vec(),
                Built::Classifier(model) => model.forward(image, context).dims().to_vec(),
            };
            (output, recorder.into_operations())
        });
        let cannot = || format!("{name} cannot take images of {height}x{width}");
        let mend =
            format!("choose other images (--dataset, --image_size), or mend models/{name}.rs");
        let (output, mut operations) = passed
            .map_err(|panic| Failure::new(Exit::Failed, cannot()).why(panic).help(mend.clone()))?;
        let wanted = match self.kind() {
            Kind::Autoencoder => shape.to_vec(),
            Kind::Classifier => vec![classes],
        };
        if output[1..] != wanted {
            let what = format!("{name} makes {:?} of {shape:?}", &output[1..]);
            let why = match self.kind() {
                Kind::Autoencoder => "reconstructions have the shape of the images".to_owned(),
                Kind::Classifier => format!("there are {classes} classes"),
            };
            let why = format!("{why}: {}", cannot());
            return Err(Failure::new(Exit::Failed, what).why(why).help(mend).into());
        }
        self.batch_size = batch_size(shape, &operations, &self.network().parameters());
        complete(&mut operations, &self.network().parameters());
        Ok(operations)
    }

    /// Examples that are evaluated at a time: 200, or as many fewer as keep the largest layer's input and
    /// output below 256 MB.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Whether a layer of burn's own keeps statistics: see [`Network::sync_statistics`].
    pub fn keeps_statistics(&self) -> bool {
        self.keeps_statistics
    }

    /// Whether a layer draws from the device's own generator in training.
    pub fn draws_on_device(&self) -> bool {
        self.draws_on_device
    }

    /// What it is trained for.
    pub fn kind(&self) -> Kind {
        match self.model {
            Built::Autoencoder(_) => Kind::Autoencoder,
            Built::Classifier(_) => Kind::Classifier,
        }
    }

    /// Whether the CPU, too, takes its batches whole.
    pub fn wants_whole_batches(&self) -> bool {
        self.whole_batches
    }

    /// A copy for one thread: the same parameters, with the same ids, but in a graph of their own.
    ///
    /// burn keeps what shares a parameter in one graph, and locks all of it for a backward pass: the
    /// pieces of a batch would wait for each other, and with burn 0.22.1 for ever, where one piece's
    /// forward pass joins graphs while another's backward pass takes itself out of them.
    pub fn fork(&self) -> Self {
        let model = match &self.model {
            Built::Autoencoder(model) => Built::Autoencoder(model.fork()),
            Built::Classifier(model) => Built::Classifier(model.fork()),
        };
        Self { model, ..*self }
    }

    /// Its parameters.
    pub fn network(&self) -> &dyn Network {
        self.model.network()
    }

    /// Its parameters, to be changed.
    pub fn network_mut(&mut self) -> &mut dyn Network {
        self.model.network_mut()
    }

    /// What it makes of the examples of `loader` at `indices`, those mirrored for which `mirrored`
    /// says so.
    pub fn forward_batch(
        &self,
        loader: &DataLoader,
        indices: &[usize],
        mirrored: impl Fn(usize) -> bool,
        context: &mut ForwardContext,
    ) -> BatchOutput {
        let images = loader.images(indices, mirrored);
        match &self.model {
            Built::Autoencoder(model) if context.is_training() => {
                BatchOutput { loss: model.loss(images, context), predictions: None }
            }
            Built::Autoencoder(model) => {
                let reconstructions = model.forward(images.clone(), context);
                BatchOutput { loss: model.error(reconstructions, images), predictions: None }
            }
            Built::Classifier(model) => {
                let logits = model.forward(images, context);
                let predictions = logits.clone().argmax(1).flatten(0, 1);
                let loss = model.loss(logits, loader.labels(indices));
                BatchOutput { loss, predictions: Some(predictions) }
            }
        }
    }

    /// The reconstructions of `images` `[batch, channels, height, width]`, of the same shape, if
    /// reconstructions are what the model makes.
    pub fn reconstruct(&self, images: Tensor<4>) -> Option<Tensor<4>> {
        match &self.model {
            Built::Autoencoder(model) => {
                Some(model.forward(images, &mut ForwardContext::evaluation()))
            }
            Built::Classifier(_) => None,
        }
    }

    /// What the layers do and show when `images` `[batch, channels, height, width]` pass through them;
    /// the output is forgotten.
    pub fn record(&self, images: Tensor<4>) -> Recorder {
        let mut recorder = Recorder::new(self.network());
        let context = &mut ForwardContext::recording(&mut recorder);
        match &self.model {
            Built::Autoencoder(model) => drop(model.forward(images, context)),
            Built::Classifier(model) => drop(model.forward(images, context)),
        }
        recorder.complete(self.network());
        recorder
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

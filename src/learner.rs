//! A model of either kind, as the trainer and the evaluator see it: something that has a loss on a
//! batch and, if it tells classes apart, an opinion on each of its examples.

use anyhow::Result;
use burn::tensor::{Int, Tensor};

use crate::feed::Feed;
use crate::{Autoencoder, Classifier, Init, Kind, Model, Network, Pass, Recorder, Score};

/// A model that was built.
pub struct Learner {
    model: Built,
    whole_batches: bool,
}

enum Built {
    Autoencoder(Box<dyn Autoencoder>),
    Classifier(Box<dyn Classifier>),
}

/// What a model makes of a batch.
pub struct Measured {
    /// The mean over the examples `[1]`, without the L2 penalty.
    pub loss: Tensor<1>,
    /// The class of each example `[batch]`, if classes are what the model tells.
    pub predictions: Option<Tensor<1, Int>>,
}

impl Learner {
    /// `model` for images of `shape` `[channels, height, width]` in so many `classes`.
    ///
    /// # Errors
    /// When the images do not suit the model.
    pub fn new(model: Model, shape: [usize; 3], classes: usize, init: &mut Init) -> Result<Self> {
        let model = match model {
            Model::Autoencoder(build) => Built::Autoencoder(build(shape, init)?),
            Model::Classifier(build) => Built::Classifier(build(shape, classes, init)?),
        };
        Ok(Self { model, whole_batches: init.wants_whole_batches() })
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
    pub fn apart(&self) -> Self {
        let model = match &self.model {
            Built::Autoencoder(model) => Built::Autoencoder(model.apart()),
            Built::Classifier(model) => Built::Classifier(model.apart()),
        };
        Self { model, whole_batches: self.whole_batches }
    }

    /// Its parameters.
    pub fn network(&self) -> &dyn Network {
        match &self.model {
            Built::Autoencoder(model) => &**model,
            Built::Classifier(model) => &**model,
        }
    }

    /// Its parameters, to be changed.
    pub fn network_mut(&mut self) -> &mut dyn Network {
        match &mut self.model {
            Built::Autoencoder(model) => &mut **model,
            Built::Classifier(model) => &mut **model,
        }
    }

    /// What it makes of the examples of `feed` at `indices`, those mirrored for which `mirrored`
    /// says so.
    pub fn measure(
        &self,
        feed: &Feed,
        indices: &[usize],
        mirrored: impl Fn(usize) -> bool,
        pass: &mut Pass,
    ) -> Measured {
        let images = feed.images(indices, mirrored);
        match &self.model {
            Built::Autoencoder(model) if pass.is_training() => {
                Measured { loss: model.loss(images, pass), predictions: None }
            }
            Built::Autoencoder(model) => {
                let reconstructions = model.forward(images.clone(), pass);
                Measured { loss: model.error(reconstructions, images), predictions: None }
            }
            Built::Classifier(model) => {
                let logits = model.forward(images, pass);
                let predictions = logits.clone().argmax(1).flatten(0, 1);
                let loss = model.loss(logits, feed.labels(indices));
                Measured { loss, predictions: Some(predictions) }
            }
        }
    }

    /// The reconstructions of `images` `[batch, channels, height, width]`, of the same shape, if
    /// reconstructions are what the model makes.
    pub fn reconstruct(&self, images: Tensor<4>) -> Option<Tensor<4>> {
        match &self.model {
            Built::Autoencoder(model) => Some(model.forward(images, &mut Pass::evaluation())),
            Built::Classifier(_) => None,
        }
    }

    /// What the layers do and show when `images` `[batch, channels, height, width]` pass through them;
    /// the output is forgotten.
    pub fn record(&self, images: Tensor<4>) -> Recorder {
        let mut recorder = Recorder::new(self.network());
        let pass = &mut Pass::recording(&mut recorder);
        match &self.model {
            Built::Autoencoder(model) => drop(model.forward(images, pass)),
            Built::Classifier(model) => drop(model.forward(images, pass)),
        }
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

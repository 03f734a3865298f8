//! One image through a model that was built: what its layers do with it, and whether the output has the
//! shape that it should have.

use anyhow::Result;
use burn::tensor::{Device, Tensor};

use super::AnyModel;
use super::any_model::Built;
use crate::error::{Exit, Failure};
use crate::nn::{ForwardContext, Kind, Operation, Parameter, Recorder, complete, has};
use crate::util::panics::quietly;

/// Examples evaluated at a time, as Dynamic Training Bench did, where they are small.
pub(super) const MAX_EVAL_BATCH: usize = 200;
/// The most bytes that the largest layer of a batch may take in evaluation, its input included: what
/// pieces of a batch hold at the same time is a small multiple of it.
const MAX_EVAL_BYTES: usize = 256 << 20;
/// Feature maps as large as the image that a layer is thought to make of which nothing is known, as burn's own.
const UNKNOWN_FEATURE_MAPS: usize = 32;

/// Examples at a time that keep the largest input and output of a layer below [`MAX_EVAL_BYTES`].
fn batch_size(shape: [usize; 3], operations: &[Operation], parameters: &[Parameter]) -> usize {
    let image: usize = shape.iter().product();
    let outputs = operations.iter().map(|operation| operation.output[1..].iter().product());
    let sizes: Vec<usize> = [image].into_iter().chain(outputs).collect();
    let pair = sizes.windows(2).map(|pair| pair[0] + pair[1]).max().unwrap_or(2 * image);
    let is_known = |own: &Parameter| operations.iter().any(|operation| has(operation, own));
    let unknown = match parameters.iter().all(is_known) {
        true => 0,
        false => 2 * UNKNOWN_FEATURE_MAPS * shape[1] * shape[2],
    };
    (MAX_EVAL_BYTES / (pair.max(unknown) * size_of::<f32>())).clamp(1, MAX_EVAL_BATCH)
}

impl AnyModel {
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
            let output = match &self.built {
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
}

//! A trained model as what it computes, for programs of other kinds.

use std::path::Path;

use anyhow::Result;
use burn::tensor::Device;

use super::AnyModel;
use super::any_model::Built;
use super::evaluate::restore;
use super::predict::{classes_of, is_possible};
use crate::error::{Exit, Failure};
use crate::nn::Kind;
use crate::nn::trace::Graph;
use crate::run::Checkpoint;

/// A trained model without the checkpoint that it comes from.
pub(crate) struct TracedModel {
    /// What it computes.
    pub graph: Graph,
    /// What it was trained for.
    pub kind: Kind,
    /// The classes of a classifier, by logit.
    pub class_names: Vec<String>,
}

/// The model of `checkpoint`, which was read from `path`.
///
/// # Errors
/// When it is another model's, its images have an impossible shape, or its forward pass does something that is no
/// operation of [`nn::layers`](crate::nn::layers).
pub(crate) fn trace_model(checkpoint: &Checkpoint, path: &Path) -> Result<TracedModel> {
    let state = &checkpoint.state;
    if !is_possible(state.shape, &[1, 3, 4]) {
        let what = format!("`{}` takes no images", path.display());
        let why = format!("it says that they are {:?}", state.shape);
        return Err(Failure::new(Exit::Failed, what).why(why).into());
    }
    let class_names = classes_of(state)?;
    let device = Device::flex();
    let model = restore(checkpoint, path, (state.shape, class_names.len()), &device)?;
    let graph = model.graph(&state.config.model, state.shape, &device)?;
    Ok(TracedModel { graph, kind: model.kind(), class_names })
}

impl AnyModel {
    /// What the model, which is called `name` and lives on `device`, the CPU, computes of images of `shape`
    /// `[channels, height, width]`: logits or reconstructions.
    ///
    /// # Errors
    /// [`Exit::Failed`] where its forward pass does something that is no operation of
    /// [`nn::layers`](crate::nn::layers): it names the layers, or the place.
    pub fn graph(&self, name: &str, shape: [usize; 3], device: &Device) -> Result<Graph> {
        let network = (name, self.network());
        match &self.built {
            Built::Autoencoder(model) => Graph::trace(network, shape, device, |images, context| {
                model.forward(images, context)
            }),
            Built::Classifier(model) => Graph::trace(network, shape, device, |images, context| {
                model.forward(images, context)
            }),
        }
    }
}

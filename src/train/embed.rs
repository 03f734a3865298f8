//! What a layer of a trained model makes of images: `[images, values]`.
//!
//! A layer is named by its fields, as `encode` or `conv1.conv`; what has no parameters by what it does, `MaxPool`,
//! `MaxPool_1`. A part of the model with several layers, `conv1`, is the last of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor};

use super::AnyModel;
use super::evaluate::{dataset_for, restore, source_of};
use super::predict::{classes_of, refuse_shape};
use crate::data::loose_pictures::{self, LoosePicture};
use crate::data::{Batch, DataLoader, Examples, Normalization, Source, Split, Subset, subset};
use crate::error::{Exit, Failure};
use crate::nn::Operation;
use crate::run::{Checkpoint, find_checkpoint};
use crate::util::bar::bar;
use crate::util::tensor::floats;

/// The most bytes of all vectors.
const MOST_BYTES: usize = 4 << 30;

/// A trained model whose layers can be looked into.
pub struct Embedder {
    model: AnyModel,
    path: PathBuf,
    checkpoint: Checkpoint,
    normalization: Option<Normalization>,
    layers: Vec<Layer>,
    device: Device,
}

/// A layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// The dimensions of what it makes of an image.
    pub shape: Vec<usize>,
    /// Its place among the operations of a forward pass.
    number: usize,
}

/// Images that are embedded.
#[derive(Clone)]
pub struct Album {
    /// The images.
    pub examples: Examples,
    /// What each is called: its number in the split, or its file.
    pub names: Vec<String>,
    /// The number of each in the whole split, or among the files.
    pub numbers: Vec<usize>,
    /// The names of the classes, by label; `None` where it is not known what the images are.
    pub classes: Option<Vec<String>>,
}

impl Album {
    /// The name of the class of the image `at`, where it is known.
    pub fn class(&self, at: usize) -> Option<&str> {
        let label = self.examples.labels()[at] as usize;
        self.classes.as_ref().map(|classes| classes[label].as_str())
    }

    /// The same in a table: nothing where it is not known.
    pub fn class_cell(&self, at: usize) -> String {
        self.class(at).unwrap_or_default().to_owned()
    }
}

/// What a layer makes of images.
pub struct Embedding {
    /// The layer's name.
    pub layer: String,
    /// `[images, ...]`.
    pub shape: Vec<usize>,
    /// The values, image by image.
    pub vectors: Vec<f32>,
}

impl Embedder {
    /// The model of the checkpoint that `path` means, on `device`.
    ///
    /// # Errors
    /// When there is no such checkpoint, or it is damaged.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        let (path, checkpoint) = find_checkpoint(path)?;
        let state = &checkpoint.state;
        let classes = classes_of(state)?.len();
        let model = restore(&checkpoint, &path, (state.shape, classes), device)?;
        let [channels, height, width] = state.shape;
        let image = Tensor::zeros([1, channels, height, width], device);
        let layers = layers(&model.operations(image));
        let normalization = state.normalization()?.cloned();
        let device = device.clone();
        Ok(Self { model, path, checkpoint, normalization, layers, device })
    }

    /// The layer called `name`, or the last one of the part of the model that is called so.
    ///
    /// # Errors
    /// [`Exit::Usage`], with a list of all layers, where there is none.
    pub fn layer(&self, name: Option<&str>) -> Result<Layer> {
        let list = || {
            let line = |layer: &Layer| format!("{}  {:?}", layer.name, layer.shape);
            self.layers.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        let model = &self.checkpoint.state.config.model;
        let Some(name) = name else {
            return Err(Failure::new(Exit::Usage, "`--layer`: it has to be said which layer")
                .why(format!("the layers of {model}, and what they make of an image:\n{}", list()))
                .help("name one of them, or a part of the model: the last layer in it")
                .into());
        };
        let wanted = name.replace('/', ".");
        let below = format!("{wanted}.");
        let exact = self.layers.iter().find(|layer| layer.name == wanted);
        let last_below = || self.layers.iter().rfind(|layer| layer.name.starts_with(&below));
        exact.or_else(last_below).cloned().ok_or_else(|| {
            Failure::new(Exit::Usage, format!("`--layer {name}`: {model} has no such layer"))
                .why(format!("there are, with what they make of an image:\n{}", list()))
                .help("name one of them, or a part of the model: the last layer in it")
                .into()
        })
    }

    /// The images of the `split` of the data set `dataset`, or else of the one that the model was trained on: all, or
    /// those of `classes`, and `count` at the most.
    ///
    /// # Errors
    /// When they cannot be had, have another shape, or there is no such class.
    pub fn split(
        &self,
        dataset: Option<&str>,
        split: Split,
        (classes, count): (Option<&[String]>, Option<usize>),
        source: &Source,
    ) -> Result<Album> {
        of_split((&self.checkpoint, &self.path), dataset, split, (classes, count), source)
    }

    /// The pictures in the files that `paths` name, `count` at the most.
    ///
    /// # Errors
    /// When there is none, or one cannot be read.
    pub fn pictures(&self, paths: &[PathBuf], count: Option<usize>) -> Result<Album> {
        refuse_shape(&self.checkpoint, &self.path)?;
        let shape = self.checkpoint.state.shape;
        let (mut pixels, mut names) = (Vec::new(), Vec::new());
        for picture in loose_pictures::find(paths)?.iter().take(count.unwrap_or(usize::MAX)) {
            pixels.extend(read(picture, shape)?);
            names.push(picture.path.display().to_string());
        }
        if names.is_empty() {
            return Err(Failure::new(Exit::Failed, "`--images`: there is no file").into());
        }
        let examples = Examples::new(shape, pixels, vec![0; names.len()])?;
        let numbers = (0..names.len()).collect();
        Ok(Album { examples, names, numbers, classes: None })
    }

    /// What `layer` makes of `examples`; with `pool` of feature maps `[maps, height, width]` the mean of each.
    ///
    /// # Errors
    /// When an image cannot be read, or all vectors would take more than 4 GiB.
    pub fn embed(&self, layer: &Layer, examples: &Examples, pool: bool) -> Result<Embedding> {
        let pooled = pool && layer.shape.len() == 3;
        let shape = if pooled { vec![layer.shape[0]] } else { layer.shape.clone() };
        let (count, values) = (examples.len(), shape.iter().product::<usize>());
        let help = "--count N takes fewer images, --pool the mean of each feature map, another --layer fewer numbers";
        refuse_too_many(count, values, help)?;
        let loader =
            DataLoader::normalized(examples.clone(), &self.device, self.normalization.as_ref());
        let indices: Vec<_> = (0..count).collect();
        let batches: Vec<_> = indices.chunks(self.model.batch_size()).collect();
        let mut ahead = loader.read_ahead(&batches);
        let progress = bar("{msg} {bar:30} {pos}/{len}", count as u64, &layer.name);
        let mut vectors = Vec::with_capacity(count * values);
        for batch in batches {
            let bytes = ahead.next_batch()?;
            let images = loader.images(Batch::plain(batch).with_bytes(&bytes));
            let output = self.model.output_of(layer.number, images);
            let output = floats(output.context("the layer is in every forward pass")?);
            match pooled {
                true => {
                    vectors.extend(output.chunks_exact(layer.shape[1] * layer.shape[2]).map(mean))
                }
                false => vectors.extend(output),
            }
            progress.inc(batch.len() as u64);
        }
        progress.finish_and_clear();
        let shape = [vec![count], shape].concat();
        Ok(Embedding { layer: layer.name.clone(), shape, vectors })
    }
}

/// The images of the `split` of the data set `dataset`, or else of the one that the model of the `checkpoint`, which was
/// read from `path`, was trained on: all, or those of `classes`, and `count` at the most.
///
/// # Errors
/// When they cannot be had, have another shape, or there is no such class.
pub(super) fn of_split(
    (checkpoint, path): (&Checkpoint, &Path),
    dataset: Option<&str>,
    split: Split,
    (classes, count): (Option<&[String]>, Option<usize>),
    source: &Source,
) -> Result<Album> {
    let state = &checkpoint.state;
    let name = dataset.unwrap_or(&state.config.dataset);
    let source = source_of(path, name, state, source)?;
    let whole = dataset_for(checkpoint, path, name, &source)?;
    let labels = match (classes, &state.config.classes) {
        (None, Some(own)) if name == state.config.dataset => Some(own.clone()),
        (named, _) => subset::labels_of(named, &*whole)?,
    };
    // The numbers are those in the whole split, as in the tables of `dytb evaluate`.
    let (numbers, examples, classes) = Subset::numbered(whole, labels.as_deref(), split)?;
    let examples = first(&examples, count)?;
    let called =
        |at: usize| examples.name(at).map_or_else(|| numbers[at].to_string(), str::to_owned);
    let names = (0..examples.len()).map(called).collect();
    let numbers = numbers[..examples.len()].to_vec();
    Ok(Album { examples, names, numbers, classes: Some(classes) })
}

/// Fails where so many vectors of so many `numbers` would take more than 4 GiB.
pub(super) fn refuse_too_many(count: usize, numbers: usize, help: &str) -> Result<()> {
    if count.saturating_mul(numbers).saturating_mul(size_of::<f32>()) <= MOST_BYTES {
        return Ok(());
    }
    let what = format!("{count} vectors of {numbers} numbers are more than 4 GiB");
    Err(Failure::new(Exit::Failed, what).help(help).into())
}

/// The bytes of `picture` as images of `shape`.
fn read(picture: &LoosePicture, shape: [usize; 3]) -> Result<Vec<u8>> {
    let read = picture.read(shape).map_err(|why| {
        Failure::new(Exit::Failed, format!("cannot read `{}`", picture.path.display())).why(why)
    });
    Ok(read?)
}

/// The first `count` of `examples`, or all.
fn first(examples: &Examples, count: Option<usize>) -> Result<Examples> {
    let count = count.unwrap_or(usize::MAX).min(examples.len());
    examples.pick(&(0..count).collect::<Vec<_>>())
}

/// The mean of a feature map.
fn mean(map: &[f32]) -> f32 {
    (map.iter().map(|value| f64::from(*value)).sum::<f64>() / map.len() as f64) as f32
}

/// The layers that did these `operations`. One that does several has the last one's output; one that is passed several
/// times that of the first.
fn layers(operations: &[Operation]) -> Vec<Layer> {
    let mut uses: HashMap<String, usize> = HashMap::new();
    let each = operations.iter().enumerate().map(|(number, operation)| {
        let name = match operation.layer.as_str() {
            "" => operation.kind.to_string(),
            layer => layer.replace('/', "."),
        };
        let before = uses.entry(name.clone()).or_default();
        *before += 1;
        let name = if *before == 1 { name } else { format!("{name}_{}", *before - 1) };
        Layer { name, shape: operation.output[1..].to_vec(), number }
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Activation;

    #[test]
    fn layers_have_names_of_their_own() {
        let operation = |layer: &str, kind: &'static str| Operation {
            layer: layer.into(),
            kind: kind.into(),
            parameters: Vec::new(),
            activation: Activation::Identity,
            output: vec![1, 4, 6, 6],
        };
        let operations = [
            operation("conv1/conv", "Conv2D"),
            operation("", "MaxPool"),
            operation("conv1/conv", "Conv2D"),
            operation("", "MaxPool"),
        ];
        let found = layers(&operations);
        let names: Vec<_> = found.iter().map(|layer| layer.name.as_str()).collect();
        assert_eq!(names, ["conv1.conv", "MaxPool", "conv1.conv_1", "MaxPool_1"]);
        assert_eq!((found[3].number, &found[3].shape), (3, &vec![4, 6, 6]));
    }
}

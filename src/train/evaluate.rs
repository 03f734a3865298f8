//! The error or the accuracy of a trained model on a part of a data set.

use super::build::build_probed_model;
use crate::metrics::EvalReport;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;

use crate::data::DataLoader;
use crate::data::Subset;
use crate::data::resplit::Resplit;
use crate::data::subset;
use crate::data::{Dataset, Source, Split};
use crate::error::{Exit, Failure};
use crate::metrics::{Confusion, Metric};
use crate::nn::Initializer;
use crate::nn::Kind;
use crate::registry;
use crate::run::{Checkpoint, RunFolder, State, find_checkpoint, run_of};
use crate::train::AnyModel;
use crate::train::Interrupt;
use crate::train::exchange::Exchange;
use crate::train::shared_evaluation::shared_loss_and_predictions;
use crate::train::step::{self, Detail, EvalOutput, ImageOutput};

/// What to evaluate, and on what.
#[derive(Clone, Debug)]
pub struct EvalRequest {
    /// The model that it has to be, a file of `models/`; `None` for any of this kind.
    pub model: Option<String>,
    /// What the model has to be trained for; `None` for either.
    pub kind: Option<Kind>,
    /// A file of `inputs/`; `None` for the data set that it was trained on.
    pub dataset: Option<String>,
    /// A run's folder (its best checkpoint, else its last), a folder of checkpoints (the newest), or
    /// a checkpoint.
    pub checkpoint: PathBuf,
    /// The part of the data set.
    pub split: Split,
    /// The metrics that are taken beside the score; those of the other kind of model are left out.
    pub metrics: Vec<Metric>,
    /// Whether the results of each image are kept, too.
    pub images: bool,
    /// Its classes, by name or number; if there are none, those that the model was trained on.
    pub classes: Option<Vec<String>>,
    /// Where its files are.
    pub source: Source,
    /// What computes it.
    pub device: Device,
}

/// How a trained model does, and on which images.
pub struct Evaluated {
    /// How it does.
    pub report: EvalReport,
    /// The images, on the device.
    pub loader: DataLoader,
}

/// How a trained model does.
///
/// A classifier is evaluated on images of its classes, matched by name: all of them, or
/// some. Its predictions are among all of its classes.
///
/// # Errors
/// When there is no such checkpoint, it is damaged or another model's, the data cannot be had, or have
/// classes that a classifier does not know.
pub fn evaluate(request: &EvalRequest) -> Result<Evaluated> {
    let (path, checkpoint) = find_checkpoint(&request.checkpoint)?;
    let state = &checkpoint.state;
    refuse_other_model(request.model.as_deref(), request.kind, state, &path)?;
    let name = request.dataset.as_ref().unwrap_or(&state.config.dataset);
    let source = source_of(&path, name, state, &request.source)?;
    let dataset = dataset_for(&checkpoint, &path, name, &source)?;
    let whole_names = dataset.class_names();
    let mut labels = subset::labels_of(request.classes.as_deref(), &*dataset)?;
    let known = known_classes(state, name, &whole_names);
    let has_all = known.iter().all(|known| whole_names.contains(known));
    if labels.is_none() && state.config.classes.is_some() && has_all {
        // Of the classes of its data set those that it was trained on.
        let is_known = |label: &u32| known.contains(&whole_names[*label as usize]);
        labels = Some((0..whole_names.len() as u32).filter(is_known).collect());
    }
    let dataset = Subset::of(dataset, labels.as_deref())?;
    let mut examples = dataset.load(request.split)?;
    let (mut classes, mut class_names) = (dataset.num_classes(), dataset.class_names());
    if registry::kind(&state.config.model)? == Kind::Classifier {
        let places =
            match_classes(&class_names, &known).map_err(|error| error.context_of(&path, name))?;
        examples = examples.relabelled(&places);
        (classes, class_names) = (known.len(), known);
    }
    let size = (dataset.shape(), classes);
    let model = restore(&checkpoint, &path, size, &request.device)?;
    let loader = DataLoader::normalized(examples, &request.device, state.normalization()?);
    let measures = Measures { metrics: request.metrics.clone(), images: request.images };
    let report = evaluate_model(&model, &loader, class_names, &measures)?;
    Ok(Evaluated { report, loader })
}

/// What the model of the checkpoint that `path` means is trained for.
///
/// # Errors
/// When there is no checkpoint, or it is of a model that is not there.
pub fn kind_of(path: &Path) -> Result<Kind> {
    let (_, checkpoint) = find_checkpoint(path)?;
    registry::kind(&checkpoint.state.config.model)
}

/// What is measured beside the score.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measures {
    /// Of all images together.
    pub metrics: Vec<Metric>,
    /// Whether the results of each image are kept.
    pub images: bool,
}

impl Measures {
    /// What has to be looked at for them.
    fn detail(&self) -> Detail {
        // The loss is known without looking at images.
        match self.images || self.metrics.iter().any(|metric| *metric != Metric::Loss) {
            true => Detail::Images { ssim: self.metrics.contains(&Metric::Ssim) },
            false => Detail::Loss,
        }
    }
}

/// Fails where the checkpoint at `path`, which stands at `state`, is not of the model or the kind that is asked for.
pub(crate) fn refuse_other_model(
    model: Option<&str>,
    kind: Option<Kind>,
    state: &State,
    path: &Path,
) -> Result<()> {
    let found = &state.config.model;
    if let Some(model) = model.filter(|model| model != found) {
        let what = format!("`{}` is no {model}", path.display());
        return Err(Failure::new(Exit::Failed, what)
            .why(format!("it is a checkpoint of {found}"))
            .help(format!("leave --model out, or name another run than this one of {found}"))
            .into());
    }
    if let Some(kind) = kind
        && registry::kind(found)? != kind
    {
        let (kind, program) = match kind {
            Kind::Autoencoder => ("autoencoder", "evaluate_classifier"),
            Kind::Classifier => ("classifier", "evaluate_autoencoder"),
        };
        let what = format!("`{}` is no {kind}", path.display());
        return Err(Failure::new(Exit::Failed, what)
            .why(format!("it is a checkpoint of {found}"))
            .help(format!("{program} evaluates it"))
            .into());
    }
    Ok(())
}

/// Where the files of the data set `name` are for the model of the checkpoint at `path`: where `source`
/// says or, if it says nothing and the model was trained on that data set, where they were then.
///
/// # Errors
/// When they were in a folder that is gone.
pub(crate) fn source_of(path: &Path, name: &str, state: &State, source: &Source) -> Result<Source> {
    match run_of(path).filter(|_| name == state.config.dataset) {
        Some(run) => RunFolder::source_of(&run, source),
        None => Ok(source.clone()),
    }
}

/// The names of the classes of a model which stands at `state`, by label. A checkpoint of
/// before they were kept has those of its data set, if `whole`, the names of `dataset`, are that one's;
/// else their numbers.
pub(crate) fn known_classes(state: &State, dataset: &str, whole: &[String]) -> Vec<String> {
    if let Some(data) = &state.data {
        return data.class_names.clone();
    }
    let all: Vec<_> = (0..state.classes as u32).collect();
    let labels = state.config.classes.as_ref().unwrap_or(&all);
    let same = dataset == state.config.dataset || whole.len() == state.classes;
    let name = |label: &u32| match whole.get(*label as usize).filter(|_| same) {
        Some(name) => name.clone(),
        None => label.to_string(),
    };
    labels.iter().map(name).collect()
}

/// Of each of the classes called `names` its place among those that a model knows.
fn match_classes(names: &[String], known: &[String]) -> Result<Vec<u32>, UnknownClasses> {
    let place = |name: &String| known.iter().position(|other| other == name);
    let unknown: Vec<_> = names.iter().filter(|name| place(name).is_none()).cloned().collect();
    if unknown.is_empty() {
        return Ok(names.iter().filter_map(place).map(|place| place as u32).collect());
    }
    Err(UnknownClasses { unknown, names: names.to_vec(), known: known.to_vec() })
}

/// Classes of a data set that a model does not know.
struct UnknownClasses {
    unknown: Vec<String>,
    names: Vec<String>,
    known: Vec<String>,
}

impl UnknownClasses {
    /// The error for a model from `path` and the data set `name`.
    fn context_of(self, path: &Path, name: &str) -> Failure {
        let what = format!("`{}` cannot tell the classes of {name}", path.display());
        let (known, names, unknown) =
            (self.known.join(", "), self.names.join(", "), self.unknown.join(", "));
        Failure::new(Exit::Failed, what)
            .why(format!(
                "it was trained on: {known}\n{name} has: {names}\nit does not know: {unknown}"
            ))
            .help("--classes leaves the others out, as --classes a,b")
    }
}

/// The data set `name`, whole, with the validation images of the run if it was trained on it, in the size of the
/// images that `checkpoint` was trained on, and grey or in colours as these were, if it resizes. The checkpoint was
/// read from `path`.
///
/// # Errors
/// When it cannot be had, or its images have another shape.
pub(crate) fn dataset_for(
    checkpoint: &Checkpoint,
    path: &Path,
    name: &str,
    source: &Source,
) -> Result<Box<dyn Dataset>> {
    let state = &checkpoint.state;
    let dataset = registry::dataset_of_shape(name, source, state.shape)?;
    if dataset.shape() == state.shape {
        // Another data set has its own images for validation.
        let split = state.config.validation_split.filter(|_| name == state.config.dataset);
        return Ok(Resplit::of(dataset, split));
    }
    Err(Failure::new(Exit::Failed, format!("`{}` cannot take {name}", path.display()))
        .why(format!(
            "it was trained on {} (images of {:?}); those of {name} are {:?}",
            state.config.dataset,
            state.shape,
            dataset.shape()
        ))
        .into())
}

/// How `model` does on the examples of `loader`, both on a device without autodiff.
///
/// # Errors
/// Where an image cannot be read, or is damaged.
pub(crate) fn evaluate_model(
    model: &AnyModel,
    loader: &DataLoader,
    class_names: Vec<String>,
    measures: &Measures,
) -> Result<EvalReport> {
    let interrupt = Interrupt::default();
    let report = evaluate_model_unless(model, loader, class_names, measures, &interrupt);
    report?.context("nothing interrupts it")
}

/// The same, or `None` where the signal of `interrupt` came meanwhile.
///
/// # Errors
/// As those of [`evaluate_model`].
pub(crate) fn evaluate_model_unless(
    model: &AnyModel,
    loader: &DataLoader,
    class_names: Vec<String>,
    measures: &Measures,
    interrupt: &Interrupt,
) -> Result<Option<EvalReport>> {
    let (batch_size, detail) = (model.batch_size(), measures.detail());
    let output = step::loss_and_predictions_unless(model, loader, batch_size, detail, interrupt)?;
    Ok(output.map(|output| report(model, loader, output, class_names, measures)))
}

/// The same, of which this rank computes its share; a signal is noted for later.
///
/// # Errors
/// When another rank has sent what cannot be read, or an image cannot be read or is damaged.
pub(crate) fn evaluate_model_shared(
    model: &AnyModel,
    loader: &DataLoader,
    class_names: Vec<String>,
    measures: &Measures,
    exchange: &Exchange,
) -> Result<EvalReport> {
    if exchange.is_alone() {
        return evaluate_model(model, loader, class_names, measures);
    }
    let (batch_size, detail) = (model.batch_size(), measures.detail());
    let output = shared_loss_and_predictions(model, loader, batch_size, detail, exchange)?;
    Ok(report(model, loader, output, class_names, measures))
}

/// What `measures` asks of this `output` of `model` on the examples of `loader`.
fn report(
    model: &AnyModel,
    loader: &DataLoader,
    EvalOutput { loss, predictions, images, notes }: EvalOutput,
    class_names: Vec<String>,
    measures: &Measures,
) -> EvalReport {
    let labels = loader.examples().labels();
    let score = model.score(loss, &predictions, labels);
    let confusion = (model.kind() == Kind::Classifier)
        .then(|| Confusion::new(class_names.len(), labels, &predictions));
    let metrics = match &images {
        Some(ImageOutput::Reconstructed(made)) => made.metrics(&measures.metrics),
        Some(ImageOutput::Classified(made)) => made.metrics(&measures.metrics, labels, loss),
        None => measures.metrics.iter().map(|metric| (*metric, loss)).collect(),
    };
    let images = images.filter(|_| measures.images).map(|images| match images {
        ImageOutput::Reconstructed(made) => made.images(labels),
        ImageOutput::Classified(made) => made.images(labels),
    });
    EvalReport { score, metrics, images, confusion, class_names, notes }
}

/// The model of `checkpoint`, which was read from `path`, for images of `shape` `[channels, height,
/// width]` and `classes` classes, on `device`. It is as large as these want it, whatever the checkpoint
/// says.
///
/// # Errors
/// When its parameters are not the model's.
pub(crate) fn restore(
    checkpoint: &Checkpoint,
    path: &Path,
    (shape, classes): ([usize; 3], usize),
    device: &Device,
) -> Result<AnyModel> {
    let state = &checkpoint.state;
    let mut init = Initializer::new(state.config.seed, device);
    let of = (&*state.config.model, &state.config.model_args);
    let (mut model, _) = build_probed_model(of, shape, classes, &mut init)?;
    model.network_mut().load_bytes(checkpoint.model.clone()).map_err(|error| {
        Failure::new(Exit::Failed, format!("`{}` is no {}", path.display(), state.config.model))
            .why(format!("{error:#}"))
            .help("its file in models/ has changed since: put it back as it was then")
    })?;
    Ok(model)
}

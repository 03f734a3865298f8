//! What holds for every file of `models/`, also for one that is written tomorrow.

use std::fs;

use burn::tensor::{Device, Tensor};
use dytb::inputs::INPUTS;
use dytb::models::MODELS;
use dytb::{Autoencoder, Feed, Init, Model, Pass, Recorder, Source, Split, Summary};
use dytb::{mean_error, take};

/// Shapes that every model should take.
const SHAPES: [[usize; 3]; 3] = [[1, 28, 28], [3, 32, 32], [1, 8, 8]];

/// The autoencoders, for images of `shape`.
fn autoencoders(
    shape: [usize; 3],
    seed: u64,
    device: &Device,
) -> impl Iterator<Item = (&'static str, Box<dyn Autoencoder>)> {
    MODELS.iter().map(move |(name, Model::Autoencoder(build))| {
        (*name, build(shape, &mut Init::new(seed, device)).unwrap())
    })
}

/// Images of noise, the same every time.
fn images([channels, height, width]: [usize; 3], batch: usize, device: &Device) -> Tensor<4> {
    let values = (0..batch * channels * height * width).map(|i| (i as f32 * 1.7).sin()).collect();
    let data = burn::tensor::TensorData::new::<f32, _>(values, [batch, channels, height, width]);
    Tensor::from_data(data, device)
}

/// A data set that is in the program.
fn digits(split: Split, device: &Device) -> Feed {
    let (_, open) = INPUTS.iter().find(|(name, _)| *name == "Digits").unwrap();
    Feed::new(open(&Source::default()).unwrap().load(split).unwrap(), device)
}

#[test]
fn every_file_is_listed() {
    for (folder, listed) in [
        ("models", MODELS.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
        ("inputs", INPUTS.iter().map(|(name, _)| *name).collect()),
    ] {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "rs"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        files.sort();
        assert_eq!(files, listed, "{folder}");
    }
}

#[test]
fn reconstructions_have_the_shape_of_the_images() {
    let device = Device::flex();
    for shape in SHAPES {
        for (name, model) in autoencoders(shape, 1, &device) {
            let images = images(shape, 3, &device);
            let output = model.forward(images.clone(), &mut Pass::evaluation());
            assert_eq!(output.dims(), images.dims(), "{name}");
        }
    }
}

/// Ten steps on the same batch bring its error down, and gradients reach every parameter.
#[test]
fn every_autoencoder_learns() {
    let device = Device::flex().autodiff();
    let feed = digits(Split::Train, &device);
    let batch: Vec<_> = (0..100).collect();
    let entry = dytb::optimizers::find("Adam").unwrap();
    let arguments = serde_json::from_str(r#"{"learning_rate": 1e-3}"#).unwrap();
    let arguments = dytb::optimizers::Arguments::new(entry, arguments).unwrap();
    for (name, mut model) in autoencoders([1, 8, 8], 1, &device) {
        let mut optimizer = (entry.build)(&arguments);
        let mut losses = Vec::new();
        for _ in 0..10 {
            let step = take(&*model, &feed, &batch, |_| false, 0.0);
            assert_eq!(step.gradients.len(), model.parameter_names().len(), "{name}");
            losses.push(step.loss.into_scalar::<f32>());
            model.update(step.gradients, &mut optimizer, 1e-3);
        }
        assert!(losses[9] < 0.9 * losses[0], "{name}: {losses:?}");
    }
}

/// A batch in pieces has the loss of the whole batch, penalty included, and the same on any number
/// of threads, bit for bit.
#[test]
fn pieces_make_a_batch() {
    let device = Device::flex().autodiff();
    let feed = digits(Split::Train, &device);
    let batch: Vec<_> = (100..177).collect();
    for (name, model) in autoencoders([1, 8, 8], 2, &device) {
        let mut pass = Pass::training().with_penalties();
        let images = feed.images(&batch, |index| index % 2 == 0);
        let output = model.forward(images.clone(), &mut pass);
        let mut whole = model.error(output, images);
        if let Some(penalty) = pass.penalty() {
            whole = whole + penalty * 0.1;
        }
        let whole = whole.into_scalar::<f32>();

        let on_threads = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let step = pool.install(|| take(&*model, &feed, &batch, |i| i % 2 == 0, 0.1));
            let (id, _) = model.parameter_names()[0].clone();
            let gradient = step.gradients.get::<4>(id).unwrap();
            (step.loss.into_scalar::<f32>(), gradient.try_into_vec_as::<f32>().unwrap())
        };
        let one = on_threads(1);
        assert!((one.0 - whole).abs() < 1e-5 * whole, "{name}: {} and {whole}", one.0);
        for threads in [2, 3] {
            assert_eq!(on_threads(threads), one, "{name}: {threads} threads");
        }
    }
}

/// The mean over all examples, whatever the size of a batch: the partial last one is weighted.
#[test]
fn a_partial_batch_counts_by_its_size() {
    let device = Device::flex();
    let feed = digits(Split::Validation, &device);
    for (name, model) in autoencoders([1, 8, 8], 3, &device) {
        let whole = mean_error(&*model, &feed, feed.len());
        for batch_size in [1, 7, 200, 1000] {
            let error = mean_error(&*model, &feed, batch_size);
            assert!((error / whole - 1.0).abs() < 1e-6, "{name}: {error} and {whole}");
        }
    }
}

#[test]
fn parameters_survive_the_disk() {
    let device = Device::flex();
    let images = images([1, 8, 8], 2, &device);
    let output = |model: &dyn Autoencoder| {
        model.forward(images.clone(), &mut Pass::evaluation()).into_data()
    };
    let others = autoencoders([1, 8, 8], 5, &device);
    for ((name, saved), (_, mut loaded)) in autoencoders([1, 8, 8], 4, &device).zip(others) {
        assert_ne!(output(&*saved), output(&*loaded), "{name}");
        loaded.load_bytes(saved.to_bytes().unwrap()).unwrap();
        output(&*saved).assert_eq(&output(&*loaded), true);
        loaded.load_bytes(b"no parameters".to_vec()).unwrap_err();
    }
    for (name, mut model) in autoencoders([1, 8, 8], 4, &device) {
        let (_, other) = autoencoders([3, 8, 8], 4, &device).find(|(n, _)| *n == name).unwrap();
        model.load_bytes(other.to_bytes().unwrap()).unwrap_err();
    }
}

/// Every layer shows its parameters under the name of its field, and no name twice.
#[test]
fn every_parameter_is_shown() {
    let device = Device::flex();
    for (name, model) in autoencoders([3, 8, 8], 1, &device) {
        let mut recorder = Recorder::new(model.parameter_names());
        model.forward(images([3, 8, 8], 2, &device), &mut Pass::recording(&mut recorder));
        let tags: Vec<_> = recorder
            .into_summaries()
            .into_iter()
            .map(|summary| match summary {
                Summary::Histogram { tag, .. }
                | Summary::Filters { tag, .. }
                | Summary::Activations { tag, .. } => tag,
            })
            .collect();
        for (_, parameter) in model.parameter_names() {
            let layer = parameter.rsplit_once('.').unwrap().0.replace('.', "/");
            assert!(tags.iter().any(|tag| tag.starts_with(&layer)), "{name}: {layer} in {tags:?}");
        }
        let mut unique = tags.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), tags.len(), "{name}: {tags:?}");
    }
}

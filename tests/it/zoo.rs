//! What holds for every file of `models/` and `inputs/`, also for those of tomorrow.

use dytb::data::Batch;
use std::fs;
use std::sync::LazyLock;

use burn::optim::ModuleOptimizer;
use burn::tensor::{Device, Tensor};
use dytb::data::{Augmentation, DataLoader};
use dytb::inputs::INPUTS;
use dytb::models::MODELS;
use dytb::nn::Scopes;
use dytb::nn::Summary;
use dytb::nn::{Kind, Parameter};
use dytb::optim;
use dytb::optim::Arguments;
use dytb::train::{AnyModel, BatchOutput};
use dytb::train::{
    EvalOutput, StepConfig, loss_and_gradients, loss_and_gradients_on, loss_and_predictions,
};
use dytb::weights::Weights;
use dytb::{Examples, Exit, ForwardContext, Initializer};

/// Shapes of images, `[channels, height, width]`, the smallest first.
const SHAPES: [[usize; 3]; 4] = [[1, 8, 8], [1, 28, 28], [3, 32, 32], [1, 40, 33]];
const CLASSES: usize = 10;
/// Images where it does not matter how many there are.
const FEW: usize = 6;
const PLAIN: StepConfig = StepConfig { l2_penalty: 0.0, seed: 9 };

/// The model in a row of the table, for images of `shape`; an error where it does not take them.
fn probed(row: usize, shape: [usize; 3]) -> anyhow::Result<AnyModel> {
    let mut model = build(row, shape, 1, &Device::flex())?;
    model.probe(MODELS[row].0, shape, CLASSES, &Device::flex())?;
    Ok(model)
}

/// The same, of which a pass through it may be what shows that it does not take them.
fn build(row: usize, shape: [usize; 3], seed: u64, device: &Device) -> anyhow::Result<AnyModel> {
    AnyModel::new(MODELS[row].1, shape, CLASSES, &mut Initializer::new(seed, device))
}

/// A model with the smallest images that it takes.
#[derive(Clone, Copy)]
struct Entry {
    row: usize,
    name: &'static str,
    shape: [usize; 3],
    /// As many as make more than one piece of a batch or, of a model that takes it whole, more than one group of its
    /// convolutions.
    examples: usize,
}

/// Every model; they are probed once for all tests.
fn models() -> impl Iterator<Item = Entry> {
    static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        let entry = |(row, (name, _)): (usize, &(&'static str, _))| {
            let probed = |shape| Some((shape, probed(row, shape).ok()?));
            let built = SHAPES.into_iter().find_map(probed);
            let (shape, model) = built.unwrap_or_else(|| panic!("{name} takes none"));
            let examples = if model.requirements().full_batch { 10 } else { 20 };
            Entry { row, name, shape, examples }
        };
        MODELS.iter().enumerate().map(entry).collect()
    });
    ENTRIES.iter().copied()
}

/// Images of noise of all classes, the same every time.
fn loader(shape: [usize; 3], examples: usize, device: &Device) -> DataLoader {
    let pixels = (0..examples * shape.iter().product::<usize>())
        .map(|i| ((i as u32).wrapping_mul(0x9e37_79b9).rotate_left(15) >> 24) as u8)
        .collect();
    let labels = (0..examples).map(|example| (example % CLASSES) as u32).collect();
    DataLoader::new(Examples::new(shape, pixels, labels).unwrap(), device)
}

fn adam() -> ModuleOptimizer {
    let entry = optim::find("Adam").unwrap();
    let arguments = serde_json::from_str(r#"{"learning_rate": 1e-3}"#).unwrap();
    (entry.build)(&Arguments::new(entry, arguments).unwrap())
}

fn all(loader: &DataLoader) -> Vec<usize> {
    (0..loader.len()).collect()
}

/// One step of training on all of `loader`; the loss before it.
fn train(
    model: &mut AnyModel,
    loader: &DataLoader,
    optimizer: &mut ModuleOptimizer,
    rate: f64,
) -> f32 {
    let step = loss_and_gradients(model, loader, Batch::plain(&all(loader)), PLAIN);
    model.network_mut().update(step.gradients, optimizer, rate);
    step.output.loss.into_scalar()
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
        for file in &files {
            let is_listed = listed.iter().any(|name| name.starts_with(file.as_str()));
            assert!(is_listed, "{folder}/{file}.rs is not listed");
        }
        // A variant begins with the name of its file.
        for name in listed {
            assert!(files.iter().any(|file| name.starts_with(file.as_str())), "{folder}: {name}");
        }
    }
}

/// Reconstructions look like the images, classes are classes; images that are too small are refused
/// with their size, and larger ones are not.
#[test]
fn outputs_have_the_shape_they_should_have() {
    let device = Device::flex();
    for Entry { row, name, shape: smallest, .. } in models() {
        for shape in SHAPES {
            let model = match probed(row, shape) {
                Ok(model) => model,
                Err(error) => {
                    let [_, height, width] = shape;
                    let needle = format!("{name} cannot take images of {height}x{width}");
                    let family = needle.replacen(name, "", 1);
                    assert!(error.to_string().contains(&family), "{name}: {error}");
                    assert_eq!(Exit::of(&error), Exit::Failed);
                    // Too small, or not of a size that it can halve and double.
                    let odd = height % 2 + width % 2 > 0 || height != width;
                    assert!(
                        odd || height < smallest[1],
                        "{name} takes {smallest:?}, not {shape:?}"
                    );
                    continue;
                }
            };
            let loader = loader(shape, 3, &device);
            let images = loader.images(Batch::plain(&[0, 1, 2]));
            if let Some(output) = model.reconstruct(images.clone()) {
                assert_eq!(output.dims(), images.dims(), "{name}");
            }
            let EvalOutput { loss, predictions, .. } =
                loss_and_predictions(&model, &loader, 2).unwrap();
            assert!(loss.is_finite(), "{name}");
            let expected = if model.kind() == Kind::Classifier { 3 } else { 0 };
            assert_eq!(predictions.len(), expected, "{name}");
            assert!(predictions.iter().all(|&class| (class as usize) < CLASSES), "{name}");
        }
    }
}

/// Ten steps on the same batch bring its loss down, and gradients reach every parameter.
#[test]
fn every_model_learns() {
    let device = Device::flex().autodiff();
    for Entry { row, name, shape, .. } in models() {
        let loader = loader(shape, FEW, &device);
        let mut model = build(row, shape, 1, &device).unwrap();
        let step = loss_and_gradients(&model, &loader, Batch::plain(&all(&loader)), PLAIN);
        let parameters = model.network().parameters();
        let trained = parameters.iter().filter(|parameter| parameter.trained).count();
        assert_eq!(step.gradients.len(), trained, "{name}: {parameters:?}");

        let mut optimizer = adam();
        let losses: Vec<_> =
            (0..10).map(|_| train(&mut model, &loader, &mut optimizer, 1e-3)).collect();
        assert!(losses[9] < 0.95 * losses[0], "{name}: {losses:?}");
    }
}

/// The same seed makes the same step on any number of threads, and on the CPU named so many times as the device, bit for
/// bit.
#[test]
fn threads_do_not_change_a_bit() {
    let device = Device::flex().autodiff();
    for Entry { row, name, shape, examples } in models() {
        let loader = loader(shape, examples, &device);
        let elsewhere = loader.on(&device);
        let on_threads = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut model = build(row, shape, 2, &device).unwrap();
                let config = StepConfig { l2_penalty: 0.1, seed: 3 };
                let mut loaders = vec![&loader];
                if !model.requirements().full_batch {
                    loaders.resize(threads, &elsewhere);
                }
                let step = loss_and_gradients_on(
                    &model,
                    &loaders,
                    Batch::augmented(&all(&loader), Augmentation::flip().of_epoch(1, 0)),
                    config,
                );
                model.network_mut().update(step.gradients, &mut adam(), 1e-3);
                let loss: f32 = step.output.loss.into_scalar();
                (loss, model.network().to_bytes().unwrap())
            })
        };
        let one = on_threads(1);
        for threads in [2, 3] {
            assert!(on_threads(threads) == one, "{name}: {threads} threads");
        }
    }
}

/// More numbers than burn adds in order (4,194,304), in a tensor of weights or in the images of a piece:
/// the same step, penalty included, on any number of threads.
#[test]
fn threads_do_not_change_a_bit_of_many_numbers() {
    const MANY: usize = 4 << 20;
    let (device, plain) = (Device::flex().autodiff(), Device::flex());
    let lamb = optim::find("Lamb").unwrap();
    for (row, (name, model)) in MODELS.iter().enumerate() {
        let largest = |model: &AnyModel| {
            let parameters = model.network().parameters().into_iter();
            parameters.map(|own| own.shape.iter().product::<usize>()).max().unwrap()
        };
        let has_many = |shape| probed(row, shape).is_ok_and(|model| largest(&model) >= MANY);
        // Of the images of the autoencoders with one layer a piece of two is enough.
        let layers = build(row, [1, 32, 32], 1, &plain).unwrap().network().parameters().len();
        let (shape, examples) = match model.kind() {
            Kind::Classifier if has_many([3, 32, 32]) => ([3, 32, 32], 4),
            Kind::Autoencoder if layers <= 4 => ([3, 840, 840], 2),
            _ => continue,
        };
        let loader = loader(shape, examples, &device);
        let on_threads = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut model = build(row, shape, 2, &device).unwrap();
                let config = StepConfig { l2_penalty: 0.1, seed: 3 };
                let step = loss_and_gradients(
                    &model,
                    &loader,
                    Batch::augmented(&all(&loader), Augmentation::flip().of_epoch(1, 0)),
                    config,
                );
                let given = serde_json::from_str(r#"{"learning_rate": 1e-3}"#).unwrap();
                let mut optimizer = (lamb.build)(&Arguments::new(lamb, given).unwrap());
                model.network_mut().update(step.gradients, &mut optimizer, 1e-3);
                let loss: f32 = step.output.loss.into_scalar();
                (loss, model.network().to_bytes().unwrap())
            })
        };
        let one = on_threads(1);
        for threads in [2, 3, 2] {
            assert!(on_threads(threads) == one, "{name}: {threads} threads");
        }
    }
}

/// A batch in pieces has the loss of the whole batch, penalty included. (Where layers draw, each
/// piece draws for itself.)
#[test]
fn pieces_make_a_batch() {
    let device = Device::flex().autodiff();
    for Entry { row, name, shape, examples } in models() {
        let loader = loader(shape, examples, &device);
        let model = build(row, shape, 2, &device).unwrap();
        let whole = |seed| {
            let mut context = ForwardContext::training(seed).with_penalties();
            let BatchOutput { loss, .. } = model.forward_batch(
                &loader,
                Batch::augmented(&all(&loader), Augmentation::flip().of_epoch(1, 0)),
                &mut context,
            );
            let penalty = context.penalty().map(|penalty| penalty * 0.1);
            let loss = penalty.map_or(loss.clone(), |penalty| loss + penalty);
            let gradients = model.network().gradients(loss.clone());
            (loss.into_scalar::<f32>(), model.network().flatten(gradients, &[], Vec::new()))
        };
        let (expected, gradients) = whole(1);
        if whole(2).0 != expected {
            continue;
        }
        let config = StepConfig { l2_penalty: 0.1, seed: 1 };
        let step = loss_and_gradients(
            &model,
            &loader,
            Batch::augmented(&all(&loader), Augmentation::flip().of_epoch(1, 0)),
            config,
        );
        let loss: f32 = step.output.loss.into_scalar();
        assert!((loss - expected).abs() < 1e-5 * expected, "{name}: {loss} and {expected}");
        let row = model.network().flatten(step.gradients, &[], Vec::new());
        let largest = gradients.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let error = row.iter().zip(&gradients).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(row.len() == gradients.len() && error < 1e-5 * largest, "{name}: {error}");
    }
}

/// The mean over all examples, whatever the size of a batch: the partial last one is weighted.
#[test]
fn a_partial_batch_counts_by_its_size() {
    let device = Device::flex();
    for Entry { row, name, shape, .. } in models() {
        let loader = loader(shape, FEW + 3, &device);
        let model = build(row, shape, 3, &device).unwrap();
        let whole = loss_and_predictions(&model, &loader, loader.len()).unwrap();
        for batch_size in [1, 7, 200] {
            let EvalOutput { loss, predictions, .. } =
                loss_and_predictions(&model, &loader, batch_size).unwrap();
            assert!((loss / whole.loss - 1.0).abs() < 1e-5, "{name}: {loss} and {}", whole.loss);
            assert_eq!(predictions, whole.predictions, "{name}");
        }
    }
}

/// What is saved after a step and read back is the same model: statistics too.
#[test]
fn parameters_survive_the_disk() {
    let device = Device::flex();
    for Entry { row, name, shape, .. } in models() {
        let (train_feed, loader) =
            (loader(shape, FEW, &device.clone().autodiff()), loader(shape, FEW, &device));
        let mut trained = build(row, shape, 4, &device.clone().autodiff()).unwrap();
        let mut loaded = build(row, shape, 5, &device).unwrap();
        train(&mut trained, &train_feed, &mut adam(), 1e-3);
        let before = loss_and_predictions(&loaded, &loader, FEW).unwrap();
        let bytes = trained.network().to_bytes().unwrap();
        loaded.network_mut().load_bytes(bytes.clone()).unwrap();
        assert_eq!(loaded.network().to_bytes().unwrap(), bytes, "{name}");
        assert_ne!(loss_and_predictions(&loaded, &loader, FEW).unwrap(), before, "{name}");

        let mut again = build(row, shape, 6, &device).unwrap();
        again.network_mut().load_bytes(bytes.clone()).unwrap();
        assert_eq!(
            loss_and_predictions(&again, &loader, FEW).unwrap(),
            loss_and_predictions(&loaded, &loader, FEW).unwrap(),
            "{name}"
        );
        again.network_mut().load_bytes(b"no parameters".to_vec()).unwrap_err();
        let [channels, height, width] = shape;
        let mut other = build(row, [channels + 2, height, width], 4, &device).unwrap();
        other.network_mut().load_bytes(bytes).unwrap_err();
    }
}

fn weights(model: &AnyModel) -> Weights {
    Weights::from_pack(model.network().to_bytes().unwrap()).unwrap()
}

/// Their names are the parameters', and after the way to PyTorch's names and layout and back they are
/// the same, bit for bit.
#[test]
fn weights_survive_pytorchs_layout() {
    let device = Device::flex();
    for Entry { row, name, shape, .. } in models() {
        let mut trained = build(row, shape, 4, &device.clone().autodiff()).unwrap();
        train(&mut trained, &loader(shape, FEW, &device.clone().autodiff()), &mut adam(), 1e-3);
        let weights = weights(&trained);
        let mut names: Vec<_> =
            trained.network().parameters().into_iter().map(|own| (own.name, own.shape)).collect();
        names.sort();
        let ours = weights.iter().map(|(name, values)| (name.to_owned(), values.shape().to_vec()));
        assert_eq!(ours.collect::<Vec<_>>(), names, "{name}");

        let file = weights.to_safetensors(&[]).unwrap();
        let mut other = build(row, shape, 5, &device).unwrap();
        other.network_mut().set(&Weights::from_safetensors(&file).unwrap());
        let [ours, theirs] = [&trained, &other].map(|model| model.network().to_bytes().unwrap());
        assert!(ours == theirs, "{name}");
    }
}

/// A step of the first layer alone, and of the last: the rest, statistics included, stays as it is,
/// has no gradient and no penalty, and gradients pass through it.
#[test]
fn what_is_frozen_stays() {
    let device = Device::flex().autodiff();
    for Entry { row, name, shape, .. } in models() {
        let loader = loader(shape, FEW, &device);
        for last in [false, true] {
            let mut model = build(row, shape, 4, &device).unwrap();
            let parameters = model.network().parameters();
            let mut trained = parameters.iter().filter(|own| own.trained);
            let some = if last { trained.next_back() } else { trained.next() }.unwrap();
            let (layer, _) = some.name.rsplit_once('.').unwrap();
            let scopes: Scopes = layer.parse().unwrap();
            model.network_mut().train_only(&scopes);
            // A checkpoint does not thaw it.
            let bytes = model.network().to_bytes().unwrap();
            model.network_mut().load_bytes(bytes).unwrap();

            let before = weights(&model);
            let config = StepConfig { l2_penalty: 0.1, seed: 9 };
            let step = loss_and_gradients(&model, &loader, Batch::plain(&all(&loader)), config);
            let parameters = model.network().parameters();
            let trained = parameters.iter().filter(|own| own.trained).count();
            assert_eq!(step.gradients.len(), trained, "{name}: {layer}");
            model.network_mut().update(step.gradients, &mut adam(), 1e-3);
            let after = weights(&model);
            for Parameter { name: own, trained, .. } in model.network().parameters() {
                let changed = before.get(&own) != after.get(&own);
                assert!(trained == scopes.contains(&own) || !trained, "{name}: {own}");
                assert!(changed == trained || scopes.contains(&own), "{name}: {own} of {layer}");
            }
            assert!(before != after, "{name}: {layer}");

            let mut context = ForwardContext::training(1).with_penalties();
            model.forward_batch(&loader, Batch::plain(&all(&loader)), &mut context);
            let ours: f64 =
                context.penalty().map_or(0.0, |penalty| penalty.into_scalar::<f32>().into());
            let weight = after.get(&format!("{layer}.weight")).map_or(&[][..], |w| w.values());
            let most: f64 = weight.iter().map(|w| f64::from(w * w) / 2.0).sum();
            assert!(ours <= most * 1.001, "{name}: {layer}: {ours} of {most}");
        }
    }
}

/// Every layer shows its parameters under the name of its field, and no name twice.
#[test]
fn every_parameter_is_shown() {
    let device = Device::flex();
    for Entry { row, name, shape: [_, height, width], .. } in models() {
        let model = build(row, [3, height, width], 1, &device).unwrap();
        let images = Tensor::zeros([1, 3, height, width], &device);
        let summaries = model.record(images).into_summaries();
        let tags: Vec<_> = summaries
            .iter()
            .map(|summary| match summary {
                Summary::Histogram { tag, .. }
                | Summary::Filters { tag, .. }
                | Summary::Activations { tag, .. } => tag,
            })
            .collect();
        for parameter in model.network().parameters() {
            let layer = parameter.name.rsplit_once('.').unwrap().0.replace('.', "/");
            assert!(tags.iter().any(|tag| tag.starts_with(&layer)), "{name}: {layer} in {tags:?}");
        }
        let values = summaries.iter().filter_map(|summary| match summary {
            Summary::Histogram { values, .. } => Some(values.len()),
            _ => None,
        });
        assert_eq!(values.sum::<usize>(), model.network().num_parameters(), "{name}");
        let mut unique = tags.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), tags.len(), "{name}: {tags:?}");
    }
}

/// Trained numbers of the papers' models for images of CIFAR-10, or of MNIST, as PyTorch counts them in the usual
/// implementations: He et al. 2015 says 0.27, 0.46 and 0.85 million, Zagoruyko and Komodakis 2016 2.7, Trockman and
/// Kolter 2022 0.59; torchvision's `mobilenet_v2(num_classes=10)` has 2,236,682, Keras' `mnist_mlp.py` 669,706.
#[test]
fn parameters_are_as_many_as_the_papers_have() {
    let (cifar, mnist) = ([3, 32, 32], [1, 28, 28]);
    for (name, shape, expected) in [
        ("ResNet20", cifar, 269_722),
        ("ResNet32", cifar, 464_154),
        ("ResNet56", cifar, 853_018),
        ("WideResNet16_4", cifar, 2_748_890),
        ("MobileNetV2", cifar, 2_236_682),
        ("ConvMixer", cifar, 594_186),
        ("MLP", mnist, 669_706),
    ] {
        let row = MODELS.iter().position(|(other, _)| *other == name).unwrap();
        let model = build(row, shape, 1, &Device::flex().autodiff()).unwrap();
        let parameters = model.network().parameters().into_iter();
        let trained = parameters.filter(|own| own.trained);
        let numbers: usize = trained.map(|own| own.shape.iter().product::<usize>()).sum();
        assert_eq!(numbers, expected, "{name}");
    }
}

/// Each argument of each model, at the ends of what it may be: as many numbers as the model can have, and an error
/// that names the argument where it is outside.
#[test]
fn arguments_are_within_their_limits() {
    use dytb::nn::{Limit, ModelArguments};
    for (name, model) in MODELS {
        let of = |given: serde_json::Value| {
            ModelArguments::of(name, model.arguments(), given.as_object().unwrap())
        };
        let error = of(serde_json::json!({ "no such": 1 })).unwrap_err();
        assert!(error.to_string().contains("no argument `no such`"), "{name}: {error}");
        of(serde_json::json!({})).unwrap();
        for argument in model.arguments() {
            let set = |value: f64| of(serde_json::json!({ argument.name: value as u64 }));
            if let Limit::Range(least, most) = argument.limit {
                set(least as f64).unwrap();
                set(most as f64).unwrap();
                let error = set(most as f64 + 1.0).unwrap_err();
                let needle = format!("`{}` is {}", argument.name, most + 1);
                assert!(error.to_string().contains(&needle), "{name}: {error}");
            }
            let error = of(serde_json::json!({ argument.name: "x" })).unwrap_err();
            assert!(error.to_string().contains(argument.name), "{name}: {error}");
            assert_eq!(Exit::of(&error), Exit::Usage);
        }
    }
}

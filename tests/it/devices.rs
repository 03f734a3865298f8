//! Every device that this build and this machine have (see `DeviceName::available`) against Burn's
//! Flex backend, where a batch is taken whole: no pieces, no threads, nothing resident.
//!
//! Built without features this compares the microbatches of a batch with the whole. With `--features wgpu` Mesa's
//! lavapipe is device enough, with `--features cube-cpu` the processor. `DYTB_DEVICES=cuda:0,cpu` names those to test,
//! `DYTB_MODELS=LeNet,VGG` the models.
//!
//! For CUDA set NVIDIA_TF32_OVERRIDE=0. With products in TF32 losses and outputs were within 4e-3 on an H100, but a value
//! near 0 that rounds to the other side of a ReLU, or of the largest in its window, has another gradient: theirs were
//! further apart, up to 8 % in LeNet.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use dytb::data::Batch;
use dytb::data::{Augmentation, DataLoader, Normalize};
use dytb::device::DeviceName;
use dytb::models::MODELS;
use dytb::nn::Summary;
use dytb::optim;
use dytb::optim::Arguments;
use dytb::train::{AnyModel, BatchOutput};
use dytb::train::{
    EvalOutput, StepConfig, loss_and_gradients, loss_and_gradients_on, loss_and_predictions,
};
use dytb::{Examples, ForwardContext, Initializer, Model};

/// MNIST's and Cifar10's `[channels, height, width]`.
const SHAPES: [[usize; 3]; 2] = [[1, 28, 28], [3, 32, 32]];
/// Two whole pieces on the CPU and a rest.
const EXAMPLES: usize = 37;
const CLASSES: usize = 10;
const L2_PENALTY: f64 = 1e-2;
/// Of the largest value: devices sum in another order, and have another tanh.
const TOLERANCE: f32 = 1e-4;
/// Differences of a gradient are measured by at least this share of the model's largest: that of a bias which a batch
/// normalisation takes off again is 0, but for rounding.
const LEAST: f32 = 0.1;
/// How much further the pixels are from 0 than they should be, in the last bits of 32, to see what a model makes of that.
const DISTURBED: [&str; 8] = [
    "0.5/0.49999997",
    "0.5/0.5000001",
    "0.5/0.5000003",
    "0.5/0.4999998",
    "0.5/0.4999995",
    "0.5/0.5000005",
    "0.5000001/0.5",
    "0.4999998/0.5",
];

/// The devices to test.
pub fn devices() -> Vec<DeviceName> {
    match std::env::var("DYTB_DEVICES") {
        Ok(names) => names.split(',').map(|name| name.parse().unwrap()).collect(),
        Err(_) => DeviceName::available(),
    }
}

/// Whether the model of this name is to be tested.
fn is_wanted(name: &str) -> bool {
    let wanted = std::env::var("DYTB_MODELS");
    wanted.map_or(true, |names| names.split(',').any(|own| own == name))
}

/// What a model computes: each with its name.
type Computed = Vec<(String, Vec<f32>)>;

/// Where a value near 0 rounds to the other side of a ReLU, a gradient jumps: a model may be as far away as the CPU is from
/// itself with other last bits in the pixels.
#[test]
fn every_model_computes_the_same_on_every_device() {
    let mut wrong = Vec::new();
    for (name, model) in MODELS.iter().filter(|(name, _)| is_wanted(name)) {
        for shape in SHAPES {
            if built(*model, shape, &Device::flex()).is_none() {
                continue;
            }
            let expected = whole(*model, shape, "range");
            for device in devices() {
                let computed = on(*model, shape, &device.find().unwrap());
                let far = distances(&computed, &expected);
                if far.iter().all(|(_, far)| *far <= TOLERANCE) {
                    continue;
                }
                let disturbed = DISTURBED.map(|pixels| whole(*model, shape, pixels));
                let own = disturbed.iter().flat_map(|disturbed| distances(disturbed, &expected));
                let own = own.map(|(_, far)| far).fold(0.0, f32::max);
                let is_further = |far: f32| far.is_nan() || far > (3.0 * own).max(TOLERANCE);
                let further = far.into_iter().filter(|(_, far)| is_further(*far));
                wrong.extend(further.map(|(what, far)| {
                    format!("{name}, {shape:?}, {device}: {what}: {far:e}, the CPU {own:e}")
                }));
            }
        }
    }
    assert!(wrong.is_empty(), "of the largest value:\n{}", wrong.join("\n"));
}

/// A batch that two of a device share is that of one, but for the order of its sums. (On the CPU, which cuts it anyhow, to
/// the last bit: `threads_do_not_change_a_bit`.)
#[test]
fn two_devices_share_a_batch() {
    let devices: Vec<_> = devices().iter().map(|name| name.find().unwrap()).collect();
    for device in devices.iter().filter(|device| **device != Device::flex()) {
        for (name, entry) in MODELS.iter().filter(|(name, _)| is_wanted(name)) {
            let (shape, device) = (SHAPES[0], device.clone().autodiff());
            let first = DataLoader::new(examples(shape), &device);
            let second = first.on(&device);
            let model = built(*entry, shape, &device);
            let model = model.filter(|model| !model.requirements().full_batch);
            let Some(model) = model.filter(|_| has_no_chance(*entry, shape, &first)) else {
                continue;
            };
            let on = |loaders: &[&DataLoader]| {
                let config = StepConfig { l2_penalty: L2_PENALTY, seed: 1 };
                let step = loss_and_gradients_on(&model, loaders, Batch::plain(&all()), config);
                let gradients = model.network().flatten(step.gradients, &[], Vec::new());
                [("loss", floats(step.output.loss)), ("gradients", gradients)]
                    .map(|(what, values)| (what.to_owned(), values))
            };
            let [one, two] = [on(&[&first]), on(&[&first, &second])];
            let far = distances(&two.to_vec(), &one.to_vec());
            assert!(far.iter().all(|(_, far)| *far <= 1e-2), "{name}: {far:?}");
        }
    }
}

/// Also where an example ends within a word of 32 bits, and normalised channel by channel.
#[test]
fn images_are_the_same_on_every_device_to_the_last_bit() {
    for shape in [SHAPES[0], SHAPES[1], [1, 5, 5], [3, 3, 2]] {
        let examples = examples(shape);
        for normalize in ["range", "standard"] {
            let normalize: Normalize = normalize.parse().unwrap();
            let normalization = normalize.resolve(&examples).unwrap();
            let on = |device: &Device| {
                DataLoader::normalized(examples.clone(), device, normalization.as_ref())
            };
            let here = on(&Device::flex());
            for name in devices() {
                let device = name.find().unwrap();
                for device in [device.clone(), device.autodiff()] {
                    let there = on(&device);
                    for list in ["none", "flip", "crop:1,flip", "rand:2,9"] {
                        let list: Augmentation = list.parse().unwrap();
                        let batch = Batch::augmented(&[30, 0, 9, 9], list.of_epoch(1, 0));
                        let [here, there] =
                            [&here, &there].map(|loader| floats(loader.images(batch)));
                        assert!(here == there, "{name}, {shape:?}, {normalize:?}");
                    }
                }
            }
        }
    }
}

/// As the trainer computes it, on `device`.
fn on(entry: Model, shape: [usize; 3], device: &Device) -> Computed {
    let [train, validation] = [device.clone().autodiff(), device.clone()]
        .map(|device| DataLoader::new(examples(shape), &device));
    let evaluated = built(entry, shape, device).unwrap();
    let EvalOutput { loss, .. } = loss_and_predictions(&evaluated, &validation, 20).unwrap();
    let mut computed = vec![("mean loss".to_owned(), vec![loss as f32])];
    let images = validation.images(Batch::augmented(&all(), Augmentation::flip().of_epoch(1, 0)));
    computed
        .extend(evaluated.reconstruct(images).map(|output| ("output".to_owned(), floats(output))));
    let model = built(entry, shape, train.device()).unwrap();
    if has_no_chance(entry, shape, &train) {
        let config = StepConfig { l2_penalty: L2_PENALTY, seed: 1 };
        let step = loss_and_gradients(
            &model,
            &train,
            Batch::augmented(&all(), Augmentation::flip().of_epoch(1, 0)),
            config,
        );
        computed.push(("loss".to_owned(), floats(step.output.loss)));
        computed.extend(descended(entry, shape, model, step.gradients));
    }
    computed
}

/// The same of one forward and one backward pass over all examples on Flex, with pixels that are normalised so.
fn whole(entry: Model, shape: [usize; 3], normalize: &str) -> Computed {
    let (examples, normalize) = (examples(shape), normalize.parse::<Normalize>().unwrap());
    let normalization = normalize.resolve(&examples).unwrap();
    let device = Device::flex().autodiff();
    let loader = DataLoader::normalized(examples, &device, normalization.as_ref());
    let model = built(entry, shape, loader.device()).unwrap();
    let upright =
        model.forward_batch(&loader, Batch::plain(&all()), &mut ForwardContext::evaluation());
    let mut computed = vec![("mean loss".to_owned(), floats(upright.loss))];
    let images = loader.images(Batch::augmented(&all(), Augmentation::flip().of_epoch(1, 0)));
    computed.extend(model.reconstruct(images).map(|output| ("output".to_owned(), floats(output))));
    if has_no_chance(entry, shape, &loader) {
        let mut context = ForwardContext::training(1).with_penalties();
        let BatchOutput { loss, .. } = model.forward_batch(
            &loader,
            Batch::augmented(&all(), Augmentation::flip().of_epoch(1, 0)),
            &mut context,
        );
        let penalty = context.penalty().expect("a model has weights") * L2_PENALTY;
        let loss = loss + penalty;
        computed.push(("loss".to_owned(), floats(loss.clone())));
        let gradients = model.network().gradients(loss);
        computed.extend(descended(entry, shape, model, gradients));
    }
    computed
}

/// Whether the layers draw nothing: devices draw each in its own way. (A model of its own: training
/// changes the statistics.)
fn has_no_chance(entry: Model, shape: [usize; 3], loader: &DataLoader) -> bool {
    let model = built(entry, shape, loader.device()).unwrap();
    let loss = |seed| {
        floats(
            model
                .forward_batch(
                    loader,
                    Batch::augmented(&[0, 1], Augmentation::flip().of_epoch(1, 0)),
                    &mut ForwardContext::training(seed),
                )
                .loss,
        )
    };
    loss(1) == loss(2)
}

/// The parameters of `model` after a step down `gradients` so long that nothing else is left of
/// them, brought to Flex as a checkpoint brings them: gradients of any rank, read by name.
fn descended(
    entry: Model,
    shape: [usize; 3],
    mut model: AnyModel,
    gradients: GradientsParams,
) -> Computed {
    let descent = optim::find("GradientDescentOptimizer").unwrap();
    let arguments = serde_json::json!({ "learning_rate": 1e6 }).as_object().unwrap().clone();
    let mut optimizer = (descent.build)(&Arguments::new(descent, arguments).unwrap());
    model.network_mut().update(gradients, &mut optimizer, 1e6);

    let mut here = built(entry, shape, &Device::flex()).unwrap();
    here.network_mut().load_bytes(model.network().to_bytes().unwrap()).unwrap();
    let parameters = parameters(&here, shape);
    let shown: usize = parameters.iter().map(|(_, values)| values.len()).sum();
    assert_eq!(shown, here.network().num_parameters(), "a layer does not show its parameters");
    parameters
}

/// The parameters, as the layers show them.
fn parameters(model: &AnyModel, [channels, height, width]: [usize; 3]) -> Computed {
    let image = Tensor::zeros([1, channels, height, width], &Device::flex());
    let histogram = |summary| match summary {
        Summary::Histogram { tag, values } => Some((format!("gradient of {tag}"), values)),
        _ => None,
    };
    model.record(image).into_summaries().into_iter().filter_map(histogram).collect()
}

/// The model; `None` where the images are too small for it.
fn built(entry: Model, shape: [usize; 3], device: &Device) -> Option<AnyModel> {
    AnyModel::new(entry, shape, CLASSES, &mut Initializer::new(7, device)).ok()
}

/// Noise: every byte occurs, and no image is another's.
fn examples(shape: [usize; 3]) -> Examples {
    let size: usize = shape.iter().product();
    let mix =
        |n: usize| (n as u32).wrapping_mul(0x9e37_79b9).rotate_left(15).wrapping_mul(0x85eb_ca6b);
    let bytes = (0..EXAMPLES * size).map(|n| (mix(n) >> 24) as u8).collect();
    let labels = (0..EXAMPLES).map(|example| (example % CLASSES) as u32).collect();
    Examples::new(shape, bytes, labels).unwrap()
}

fn all() -> Vec<usize> {
    (0..EXAMPLES).collect()
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

fn is_gradient(what: &str) -> bool {
    what.starts_with("gradient of ")
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// Of each the largest difference, as a share of the largest value, of a gradient at least of [`LEAST`] of all.
fn distances(computed: &Computed, expected: &Computed) -> Vec<(String, f32)> {
    assert_eq!(computed.len(), expected.len());
    let gradients = expected.iter().filter(|(what, _)| is_gradient(what));
    let all = gradients.map(|(_, values)| largest(values)).fold(0.0, f32::max);
    let distance = |((what, computed), (_, expected)): (&(String, Vec<f32>), &(_, Vec<f32>))| {
        let least = if is_gradient(what) { LEAST * all } else { 0.0 };
        (what.clone(), distance(computed, expected, least))
    };
    computed.iter().zip(expected).map(distance).collect()
}

/// The largest difference, as a share of the largest value or, if that is larger, of `least`.
fn distance(computed: &[f32], expected: &[f32], least: f32) -> f32 {
    assert_eq!(computed.len(), expected.len());
    let largest = largest(expected).max(least);
    assert!(largest > 0.0 && largest.is_finite(), "nothing to compare");
    let differences = computed.iter().zip(expected).map(|(a, b)| (a - b).abs() / largest);
    differences.fold(0.0, |most, next| if next > most || next.is_nan() { next } else { most })
}

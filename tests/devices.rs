//! Every device that this build and this machine have (see `DeviceName::available`) against Burn's
//! Flex backend, where a batch is taken whole: no pieces, no threads, nothing resident.
//!
//! Built without features this compares the pieces of a batch with the whole. With `--features
//! wgpu`, Mesa's lavapipe is device enough.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use dytb::models::MODELS;
use dytb::optimizers::{self, Arguments};
use dytb::{
    Autoencoder, BuildAutoencoder, DeviceName, Examples, Feed, Init, Model, Pass, Recorder, Step,
    Summary, mean_error, take,
};

/// MNIST's and Cifar10's `[channels, height, width]`.
const SHAPES: [[usize; 3]; 2] = [[1, 28, 28], [3, 32, 32]];
/// Two whole pieces on the CPU and a rest.
const EXAMPLES: usize = 37;
const L2_PENALTY: f64 = 1e-2;
/// Of the largest value: devices sum in another order, and have another tanh.
const TOLERANCE: f32 = 1e-4;

/// What a model computes: each with its name.
type Computed = Vec<(String, Vec<f32>)>;

#[test]
fn every_model_computes_the_same_on_every_device() {
    for (name, Model::Autoencoder(build)) in MODELS {
        for shape in SHAPES {
            let expected = whole(*build, shape);
            for device in DeviceName::available() {
                let computed = on(*build, shape, &device.find().unwrap());
                assert_eq!(computed.len(), expected.len());
                for ((what, computed), (_, expected)) in computed.iter().zip(&expected) {
                    assert_close(
                        &format!("{name}, {shape:?}, {device}: {what}"),
                        computed,
                        expected,
                    );
                }
            }
        }
    }
}

/// Also where an example ends within a word of 32 bits.
#[test]
fn images_are_the_same_on_every_device_to_the_last_bit() {
    for shape in [SHAPES[0], SHAPES[1], [1, 5, 5], [3, 3, 2]] {
        let examples = examples(shape);
        let here = Feed::new(examples.clone(), &Device::flex());
        for name in DeviceName::available() {
            let device = name.find().unwrap();
            for device in [device.clone(), device.autodiff()] {
                let there = Feed::new(examples.clone(), &device);
                for mirrored in [|_| false, |index| index % 3 == 0, |_| true] {
                    let [here, there] =
                        [&here, &there].map(|feed| floats(feed.images(&[30, 0, 9, 9], mirrored)));
                    assert!(here == there, "{name}, {shape:?}");
                }
            }
        }
    }
}

/// As the trainer computes it, on `device`.
fn on(build: BuildAutoencoder, shape: [usize; 3], device: &Device) -> Computed {
    let [train, validation] = [device.clone().autodiff(), device.clone()]
        .map(|device| Feed::new(examples(shape), &device));
    let model = built(build, shape, train.device());
    let Step { loss, gradients } = take(&*model, &train, &all(), mirrored, L2_PENALTY);
    let evaluated = built(build, shape, device);
    let error = mean_error(&*evaluated, &validation, 20);
    let output = evaluated.forward(validation.images(&all(), mirrored), &mut Pass::evaluation());
    let mut computed = vec![
        ("loss".to_owned(), floats(loss)),
        ("mean error".to_owned(), vec![error as f32]),
        ("output".to_owned(), floats(output)),
    ];
    computed.extend(descended(build, shape, model, gradients));
    computed
}

/// The same of one forward and one backward pass over all examples on Flex.
fn whole(build: BuildAutoencoder, shape: [usize; 3]) -> Computed {
    let feed = Feed::new(examples(shape), &Device::flex().autodiff());
    let model = built(build, shape, feed.device());
    let mut pass = Pass::training().with_penalties();
    let images = feed.images(&all(), mirrored);
    let output = model.forward(images.clone(), &mut pass);
    let penalty = pass.penalty().expect("a model has weights");
    let loss = model.error(output.clone(), images) + penalty * L2_PENALTY;
    let upright = feed.images(&all(), |_| false);
    let reconstructed = model.forward(upright.clone(), &mut Pass::evaluation());
    let mut computed = vec![
        ("loss".to_owned(), floats(loss.clone())),
        ("mean error".to_owned(), floats(model.error(reconstructed, upright))),
        ("output".to_owned(), floats(output)),
    ];
    let gradients = model.gradients(loss);
    computed.extend(descended(build, shape, model, gradients));
    computed
}

/// The parameters of `model` after a step down `gradients` so long that nothing else is left of
/// them, brought to Flex as a checkpoint brings them: gradients of any rank, read by name.
fn descended(
    build: BuildAutoencoder,
    shape: [usize; 3],
    mut model: Box<dyn Autoencoder>,
    gradients: GradientsParams,
) -> Computed {
    let descent = optimizers::find("GradientDescentOptimizer").unwrap();
    let arguments = serde_json::json!({ "learning_rate": 1e6 }).as_object().unwrap().clone();
    let mut optimizer = (descent.build)(&Arguments::new(descent, arguments).unwrap());
    model.update(gradients, &mut optimizer, 1e6);

    let mut here = built(build, shape, &Device::flex());
    here.load_bytes(model.to_bytes().unwrap()).unwrap();
    let parameters = parameters(&*here, shape);
    let shown: usize = parameters.iter().map(|(_, values)| values.len()).sum();
    assert_eq!(shown, here.num_parameters(), "a layer does not show its parameters");
    parameters
}

/// The parameters, as the layers show them.
fn parameters(model: &dyn Autoencoder, [channels, height, width]: [usize; 3]) -> Computed {
    let mut recorder = Recorder::new(model.parameter_names());
    let image = Tensor::zeros([1, channels, height, width], &Device::flex());
    model.forward(image, &mut Pass::recording(&mut recorder));
    let histogram = |summary| match summary {
        Summary::Histogram { tag, values } => Some((format!("gradient of {tag}"), values)),
        _ => None,
    };
    recorder.into_summaries().into_iter().filter_map(histogram).collect()
}

fn built(build: BuildAutoencoder, shape: [usize; 3], device: &Device) -> Box<dyn Autoencoder> {
    build(shape, &mut Init::new(7, device)).unwrap()
}

/// Noise: every byte occurs, and no image is another's.
fn examples(shape: [usize; 3]) -> Examples {
    let size: usize = shape.iter().product();
    let mix =
        |n: usize| (n as u32).wrapping_mul(0x9e37_79b9).rotate_left(15).wrapping_mul(0x85eb_ca6b);
    let bytes = (0..EXAMPLES * size).map(|n| (mix(n) >> 24) as u8).collect();
    Examples::new(shape, bytes, vec![0; EXAMPLES]).unwrap()
}

fn all() -> Vec<usize> {
    (0..EXAMPLES).collect()
}

fn mirrored(index: usize) -> bool {
    index.is_multiple_of(2)
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as().unwrap()
}

fn assert_close(what: &str, computed: &[f32], expected: &[f32]) {
    assert_eq!(computed.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    assert!(largest > 0.0 && largest.is_finite(), "{what}: nothing to compare");
    for (number, (a, b)) in computed.iter().zip(expected).enumerate() {
        let difference = (a - b).abs();
        assert!(difference <= TOLERANCE * largest, "{what}: {a} is not {b} at {number}");
    }
}

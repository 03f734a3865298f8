//! Models as ONNX files: what onnxruntime makes of them, and what is refused.
//!
//! What reads the files needs a Python with the packages `numpy`, `safetensors`, `onnx` and `onnxruntime`: the one that
//! the variable `DYTB_PYTHON` names, else `python3`. Where there is none these tests trace and write all the same, and
//! say on stderr that nothing reads it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use dytb::data::{Batch, DataLoader};
use dytb::inputs::INPUTS;
use dytb::models::MODELS;
use dytb::nn::Kind;
use dytb::nn::layers::{
    BatchNorm, Conv, ConvConfig, ConvTranspose, ConvTransposeConfig, Dense, DenseConfig, Padding,
    average_pool, clamp_max, gelu, max_pool, residual_sum,
};
use dytb::nn::trace::NodeKind;
use dytb::train::AnyModel;
use dytb::weights::{Values, Weights};
use dytb::{
    Activation, Autoencoder, Classifier, Exit, ForwardContext, Initializer, Model, Source, Split,
    onnx,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::command::Bench;
use crate::common::skip::skipped;

/// Shapes of images, `[channels, height, width]`, the smallest first.
const SHAPES: [[usize; 3]; 3] = [[1, 8, 8], [1, 28, 28], [3, 32, 32]];
const CLASSES: usize = 10;
/// Images of a batch: an odd number, and not one of those that are traced.
const BATCH: usize = 5;
/// How far another program's outputs are from ours at the most, as a share of the largest one or of 1.
const NEAR: f64 = 1e-5;

/// A Python that runs ONNX files.
fn python() -> Option<String> {
    let named = std::env::var("DYTB_PYTHON").ok();
    let found = named.into_iter().chain(["python3".to_owned()]).find(|python| {
        let import = Command::new(python)
            .args(["-c", "import numpy, safetensors, onnx, onnxruntime"])
            .stderr(Stdio::null())
            .status();
        import.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        skipped(
            "onnx: no Python has numpy, safetensors, onnx and onnxruntime; DYTB_PYTHON can name one",
        );
    }
    found
}

/// What `tests/interchange/run_onnx.py` says of the models in `folder`; nothing without a Python.
fn run(folder: &Path) -> Option<Value> {
    let script = "tests/interchange/run_onnx.py";
    let output =
        Command::new(python()?).arg(script).arg(folder).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{script} has failed");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// A number in -1..=1 for each place, the same every time.
fn noise(place: usize) -> f32 {
    let mixed = (place as u32).wrapping_mul(0x9e37_79b9).rotate_left(15).wrapping_mul(0x85eb_ca6b);
    (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

/// `shape` of noise.
fn images(shape: [usize; 4]) -> Tensor<4> {
    let values: Vec<f32> = (0..shape.iter().product()).map(noise).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Changes what is 0 or 1 in a new network: biases, and the statistics and factors of normalisations.
fn shake(model: &mut AnyModel) {
    let weights = Weights::from_pack(model.network().to_bytes().unwrap()).unwrap();
    let mut shaken = Weights::default();
    for (number, (name, values)) in weights.iter().enumerate() {
        if let [length] = *values.shape() {
            let new = values.values().iter().enumerate();
            let new = new.map(|(at, x)| x + 0.2 * noise(number * 4099 + at)).collect();
            shaken.insert(name, Values::new(vec![length], new)).unwrap();
        }
    }
    model.network_mut().set(&shaken);
}

/// What `model` makes of `images`: the name of the output in a file, its shape and its numbers.
fn made_of(model: &AnyModel, images: Tensor<4>) -> (&'static str, Vec<usize>, Vec<f32>) {
    match model.kind() {
        Kind::Autoencoder => {
            let made = model.reconstruct(images).unwrap();
            ("reconstructions", made.dims().to_vec(), made.try_into_vec_as().unwrap())
        }
        Kind::Classifier => {
            let made = model.logits(images).unwrap();
            ("logits", made.dims().to_vec(), made.try_into_vec_as().unwrap())
        }
    }
}

/// Writes `model`, called `name`, and what it makes of images of `shape` into `folder`.
fn write(model: &AnyModel, name: &str, shape: [usize; 3], folder: &Path) {
    let device = Device::flex();
    let graph = model.graph(name, shape, &device).unwrap();
    let file = onnx::Model {
        name,
        graph: &graph,
        kind: model.kind(),
        normalization: None,
        uint8: false,
        metadata: vec![("model", name.to_owned())],
    };
    fs::write(folder.join(format!("{name}.onnx")), file.to_bytes().unwrap()).unwrap();
    let [channels, height, width] = shape;
    let images = images([BATCH, channels, height, width]);
    let (output, shape, made) = made_of(model, images.clone());
    assert_eq!(shape[1..], graph.made, "{name}");
    let mut tensors = Weights::default();
    let pixels = Values::new(images.dims().to_vec(), images.try_into_vec_as().unwrap());
    tensors.insert("images", pixels).unwrap();
    tensors.insert(output, Values::new(shape, made)).unwrap();
    let path = folder.join(format!("{name}.safetensors"));
    fs::write(path, tensors.to_safetensors(&[]).unwrap()).unwrap();
}

/// Fails where an output of one of the models that [`run`] has run is not near to ours.
fn are_near(found: &Value, models: usize) {
    let found = found.as_object().unwrap();
    assert_eq!(found.len(), models);
    for (name, of) in found {
        for batch in ["differences", "alone"] {
            for (output, difference) in of[batch].as_object().unwrap() {
                let difference = difference.as_f64().unwrap();
                assert!(difference < NEAR, "{name}: {output} is {difference} away, {batch}");
            }
        }
    }
}

/// Every model of the registry, with the smallest images that it takes.
#[test]
fn every_model_is_what_it_is_here() {
    let device = Device::flex();
    let folder = TempDir::new().unwrap();
    for (name, model) in MODELS {
        let build = |shape| {
            let mut init = Initializer::new(3, &device);
            let mut built = AnyModel::new(*model, shape, CLASSES, &mut init).ok()?;
            built.probe(name, shape, CLASSES, &device).ok()?;
            Some((built, shape))
        };
        let built = SHAPES.into_iter().find_map(build);
        let (mut built, shape) = built.unwrap_or_else(|| panic!("{name} takes none"));
        shake(&mut built);
        write(&built, name, shape, folder.path());
    }
    let Some(found) = run(folder.path()) else { return };
    are_near(&found, MODELS.len());
}

/// What no model of the registry does: a layer used twice, windows and strides that do not divide the images, dilation,
/// kernels smaller than their stride, tensors that are turned and turned back.
#[derive(Module, Debug)]
struct Odd {
    strided: Conv,
    dilated: Conv,
    twice: Conv,
    pixels: Dense,
    rows: BatchNorm,
    valid: ConvTranspose,
    norm: BatchNorm,
    sparse: ConvTranspose,
}

impl Odd {
    fn new(init: &mut Initializer) -> Self {
        let (strided, dilated) = (ConvConfig::new([1, 4], [4, 3]), ConvConfig::new([4, 4], [2, 3]));
        let sparse = ConvTransposeConfig::new([4, 1], [1, 2]).with_same_padding();
        let tanh = Activation::Tanh;
        Self {
            strided: strided.with_same_padding().with_stride(3).init(init),
            dilated: dilated.with_same_padding().with_dilation(2).with_activation(tanh).init(init),
            twice: ConvConfig::new([4, 4], [1, 1]).init(init),
            pixels: DenseConfig::new([4, 4]).init(init),
            rows: BatchNorm::new(4, init),
            valid: ConvTransposeConfig::new([4, 4], [3, 3]).with_stride(2).init(init),
            norm: BatchNorm::new(4, init),
            sparse: sparse.with_stride(3).with_activation(tanh).init(init),
        }
    }
}

impl Autoencoder for Odd {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let [batch, _, height, width] = images.dims();
        let maps = self.strided.forward(images, context);
        let maps = gelu(self.dilated.forward(maps, context), context);
        let maps = self.twice.forward(self.twice.forward(maps, context), context);
        let [_, _, rows, columns] = maps.dims();
        let pixels: Tensor<2> = maps.clone().permute([0, 3, 2, 1]).flatten(0, 2);
        // Of no use: it is not written.
        let _ = self.pixels.forward(pixels.clone(), context);
        let pixels = self.pixels.forward(pixels, context);
        let pixels = self.rows.forward(pixels, Activation::Relu, context);
        let branch: Tensor<4> = pixels.reshape([batch, columns, rows, 4]).permute([0, 3, 2, 1]);
        let branch = max_pool(branch, 2, 1, Padding::Same, context);
        let branch = clamp_max(average_pool(branch, 2, 1, context), 0.5, context);
        let branch = self.valid.forward(branch, context);
        let branch = max_pool(branch, 2, 2, Padding::Same, context);
        let sum = residual_sum(maps, branch, Activation::Relu, context);
        let maps = self.norm.forward(sum, Activation::Identity, context);
        self.sparse.forward_to(maps, [height, width], context)
    }
}

#[test]
fn a_model_of_ones_own() {
    let device = Device::flex();
    let folder = TempDir::new().unwrap();
    let odd = Model::Autoencoder(|_, init| Ok(Box::new(Odd::new(init))));
    for (name, shape) in [("Odd", [1, 11, 13]), ("Even", [1, 12, 12])] {
        let mut model =
            AnyModel::new(odd, shape, CLASSES, &mut Initializer::new(5, &device)).unwrap();
        shake(&mut model);
        write(&model, name, shape, folder.path());
        let graph = model.graph(name, shape, &device).unwrap();
        let count = |of: fn(&NodeKind) -> bool| graph.nodes.iter().filter(|n| of(&n.kind)).count();
        assert_eq!(count(|kind| matches!(kind, NodeKind::Dense)), 1);
        assert_eq!(count(|kind| matches!(kind, NodeKind::Conv { .. })), 4);
        assert_eq!(count(|kind| matches!(kind, NodeKind::Transpose(_))), 2);
    }
    let Some(found) = run(folder.path()) else { return };
    are_near(&found, 2);
}

/// Two layers, and what is done between them by no layer.
#[derive(Module, Debug)]
struct Between {
    first: Conv,
    #[module(skip)]
    between: fn(Tensor<4>) -> Tensor<4>,
    last: Conv,
}

impl Between {
    fn new(between: fn(Tensor<4>) -> Tensor<4>, init: &mut Initializer) -> Box<Self> {
        let mut conv = |channels| ConvConfig::new(channels, [3, 3]).with_zero_padding(1).init(init);
        Box::new(Self { first: conv([1, 4]), between, last: conv([4, 1]) })
    }
}

impl Autoencoder for Between {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let maps = (self.between)(self.first.forward(images, context));
        self.last.forward(maps, context)
    }
}

/// The error of the export of a `model` for images of 8x8; `None` where it can be written.
fn refusal(model: Model) -> Option<String> {
    let device = Device::flex();
    let model =
        AnyModel::new(model, [1, 8, 8], CLASSES, &mut Initializer::new(5, &device)).unwrap();
    let error = model.graph("Mine", [1, 8, 8], &device).err()?;
    assert_eq!(Exit::of(&error), Exit::Failed);
    Some(error.to_string())
}

/// A table row of [`Between`].
macro_rules! between {
    ($what:expr) => {
        Model::Autoencoder(|_, init| Ok(Between::new($what, init)))
    };
}

#[test]
fn what_is_moved_is_understood_and_what_is_computed_is_refused() {
    for (number, moved) in [
        between!(|x| x),
        between!(|x| x.detach() * 1.0),
        between!(|x| x.clone().permute([0, 2, 3, 1]).reshape(x.dims())),
        between!(|x| x.clone().reshape([0, 2, 2, 64]).swap_dims(1, 2).reshape(x.dims())),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(refusal(moved), None, "{number}");
    }
    for (number, computed) in [
        between!(|x| x.tanh()),
        between!(burn::tensor::activation::relu),
        between!(|x| x.clamp_max(6.0)),
        between!(|x| x.clamp(-1e37, 1e37)),
        between!(|x| x * 2.0),
        between!(|x| -x),
        between!(|x| x + 1e-3),
        between!(|x| x.clone() + x),
        between!(|x| x.zeros_like()),
        between!(|x| x.flip([3])),
        between!(|x| Tensor::cat(vec![x.clone().narrow(1, 0, 2), x.narrow(1, 0, 2)], 1)),
        between!(|x| x.clone().mean_dim(1).expand(x.dims())),
    ]
    .into_iter()
    .enumerate()
    {
        let error = refusal(computed).unwrap_or_else(|| panic!("{number} is written"));
        let place = "after `first` (Conv) it makes a tensor [16, 4, 8, 8] by something else";
        assert!(error.starts_with("Mine cannot be written as ONNX"), "{number}: {error}");
        assert!(error.contains(place) && error.contains("docs/extending.md"), "{number}: {error}");
    }
}

/// A code of one number, and something that is no layer done to it.
#[derive(Module, Debug)]
struct Narrow {
    code: Dense,
    #[module(skip)]
    between: fn(Tensor<2>) -> Tensor<2>,
    top: Dense,
}

impl Classifier for Narrow {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let code = (self.between)(self.code.forward(images.flatten(1, 3), context));
        self.top.forward(code, context)
    }
}

/// A table row of [`Narrow`].
macro_rules! narrow {
    ($between:expr) => {
        Model::Classifier(|[_, height, width], classes, init| {
            Ok(Box::new(Narrow {
                code: DenseConfig::new([height * width, 1]).init(init),
                between: $between,
                top: DenseConfig::new([1, classes]).init(init),
            }))
        })
    };
}

/// What is done to one number an image is seen, too: enough of them are traced.
#[test]
fn one_number_an_image_tells_what_is_done_to_it() {
    assert_eq!(refusal(narrow!(|x| x)), None);
    for (number, model) in [
        narrow!(|x| x.tanh()),
        narrow!(|x| x.clamp(-100.0, 100.0)),
        narrow!(burn::tensor::activation::relu),
        narrow!(|x| x + 1e-3),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(refusal(model).is_some(), "{number}");
    }
}

/// A layer that burn does not know of.
#[derive(Module, Debug)]
struct Hidden {
    first: Conv,
    #[module(skip)]
    fixed: Conv,
}

impl Autoencoder for Hidden {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        self.fixed.forward(self.first.forward(images, context), context)
    }
}

#[test]
fn a_layer_that_is_no_field_is_refused() {
    let error = refusal(Model::Autoencoder(|_, init| {
        let mut conv = || ConvConfig::new([1, 1], [3, 3]).with_zero_padding(1).init(init);
        Ok(Box::new(Hidden { first: conv(), fixed: conv() }))
    }));
    assert!(error.unwrap().contains("a Conv that is no field of its own"));
}

/// A classifier of burn's layers.
#[derive(Module, Debug)]
struct Linears {
    hidden: Dense,
    output: Linear,
}

impl Classifier for Linears {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        self.output.forward(self.hidden.forward(images.flatten(1, 3), context))
    }
}

/// An autoencoder that does something else with a batch of another size.
#[derive(Module, Debug)]
struct OfBatch {
    layer: Conv,
}

impl Autoencoder for OfBatch {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let most = images.dims()[0] as f64;
        clamp_max(self.layer.forward(images, context), most, context)
    }
}

#[test]
fn layers_that_cannot_be_written_are_named() {
    let linears = Model::Classifier(|_, _, init| {
        let hidden = DenseConfig::new([64, 5]).init(init);
        Ok(Box::new(Linears { hidden, output: LinearConfig::new(5, CLASSES).init(init.device()) }))
    });
    let error = refusal(linears).unwrap();
    let layers = "it has layers that are none of dytb::nn::layers: `output` (Linear)";
    assert!(error.contains(layers), "{error}");
    let of_batch = Model::Autoencoder(|_, init| {
        let layer = ConvConfig::new([1, 1], [3, 3]).with_zero_padding(1).init(init);
        Ok(Box::new(OfBatch { layer }))
    });
    let error = refusal(of_batch).unwrap();
    assert!(error.contains("something else with a batch of another size"), "{error}");
}

/// A trained run through the command line: the outputs, and of a classifier the accuracy that `evaluate` finds.
#[test]
fn a_trained_model() {
    let bench = Bench::new();
    let folder = bench.path("files");
    fs::create_dir(&folder).unwrap();
    let common = "--dataset Digits --seed 1 --images_every 0 --json";
    let classifier = format!("--model LeNet --epochs 2 --normalize standard {common}");
    bench.train_classifier(&classifier).ended(0);
    bench.train(&format!("--model VQVAE --epochs 1 {common}")).ended(0);
    let runs = [
        ("LeNet", "log/LeNet/Digits_Momentum_lr=0.01_normalize=standard"),
        ("VQVAE", "log/VQVAE/Digits_code=16_codes=128_commitment=0.25_Momentum_lr=0.01"),
    ];
    for (name, run) in runs {
        for (flag, file) in [("", ""), (" --uint8", "_uint8")] {
            let line = format!("export '{run}' --output files/{name}{file}.onnx{flag}");
            let done = bench.dytb(&line).ended(0);
            assert!(done.stdout.contains(&format!("operations in files/{name}{file}.onnx")));
            expect(
                &bench,
                run,
                &folder.join(format!("{name}{file}.safetensors")),
                !flag.is_empty(),
            );
        }
    }
    let evaluated = bench.dytb(&format!("evaluate '{}' --test --json", runs[0].1)).ended(0).json();
    let Some(found) = run(&folder) else { return };
    are_near(&found, 4);
    let labels = digits().labels().to_vec();
    for (name, kind) in [("LeNet", "tensor(float)"), ("LeNet_uint8", "tensor(uint8)")] {
        let of = &found[name];
        assert_eq!(of["type"], kind);
        let classes = of["classes"].as_array().unwrap().iter().zip(&labels);
        let right = classes.filter(|(class, label)| class.as_u64() == Some(u64::from(**label)));
        let accuracy = right.count() as f64 / labels.len() as f64;
        assert_eq!(accuracy, evaluated["accuracy"], "{name}");
        let metadata = &of["metadata"];
        assert_eq!(metadata["model"], "LeNet");
        assert_eq!(metadata["run"], "Digits_Momentum_lr=0.01_normalize=standard");
        assert_eq!(metadata["class_names"], r#"["0","1","2","3","4","5","6","7","8","9"]"#);
        assert_ne!(metadata["mean"], "[0.5]");
    }
}

fn digits() -> dytb::Examples {
    let (_, open) = INPUTS.iter().find(|(name, _)| *name == "Digits").unwrap();
    open(&Source::default()).unwrap().load(Split::Test).unwrap()
}

/// Writes the test images of Digits, as pixels or as bytes, and what the best model of `run` makes of them.
fn expect(bench: &Bench, run: &str, path: &Path, bytes: bool) {
    let device = Device::flex();
    let best = dytb::run::latest(&bench.path(&format!("{run}/best"))).unwrap().unwrap().1;
    let examples = digits();
    let count = examples.len();
    let normalization = best.state.normalization().unwrap().cloned();
    let (_, model) = MODELS.iter().find(|(name, _)| *name == best.state.config.model).unwrap();
    let mut init = Initializer::new(7, &device);
    let mut model = AnyModel::new(*model, best.state.shape, CLASSES, &mut init).unwrap();
    model.network_mut().load_bytes(best.model).unwrap();
    let of_bytes = (0..count).flat_map(|index| examples.image(index).unwrap().to_vec());
    let of_bytes: Vec<f32> = of_bytes.map(f32::from).collect();
    let loader = DataLoader::normalized(examples, &device, normalization.as_ref());
    let images = loader.images(Batch::plain(&(0..count).collect::<Vec<_>>()));
    let shape = images.dims().to_vec();
    let mut tensors = Weights::default();
    let pixels: Vec<f32> = images.clone().try_into_vec_as().unwrap();
    let given = if bytes { of_bytes } else { pixels };
    tensors.insert("images", Values::new(shape, given)).unwrap();
    let (output, shape, made) = made_of(&model, images);
    tensors.insert(output, Values::new(shape, made)).unwrap();
    fs::write(path, tensors.to_safetensors(&[]).unwrap()).unwrap();
}

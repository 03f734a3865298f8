//! Models of one's own made of burn's layers, as README's reader writes them: they are trained, drawn from
//! the run's seed, and show themselves, whatever device the layer was made for.

use anyhow::Result;
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, Dropout, DropoutConfig, GroupNorm, GroupNormConfig, Linear,
    LinearConfig, PRelu, PReluConfig, PaddingConfig2d,
};
use burn::tensor::{Device, Tensor};
use dytb::data::Batch;
use dytb::data::DataLoader;
use dytb::nn::layers::{Conv, ConvConfig};
use dytb::optim;
use dytb::optim::Arguments;
use dytb::train::AnyModel;
use dytb::train::{StepConfig, loss_and_gradients, loss_and_predictions};
use dytb::weights::Weights;
use dytb::{Autoencoder, Classifier, Examples, ForwardContext, Initializer, Model};

/// Ours and burn's in turn, those of burn with and without what trains, with statistics and with chance.
#[derive(Module, Debug)]
struct Mixed {
    first: Conv,
    down: Conv2d,
    norm: BatchNorm,
    group: GroupNorm,
    prelu: PRelu,
    dropout: Dropout,
    up: ConvTranspose2d,
    last: Conv,
}

impl Mixed {
    fn new(layers: &Device, init: &mut Initializer) -> Self {
        Self {
            first: ConvConfig::new([1, 4], [3, 3]).with_zero_padding(1).init(init),
            down: Conv2dConfig::new([4, 6], [3, 3])
                .with_stride([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(layers),
            norm: BatchNormConfig::new(6).init(layers),
            group: GroupNormConfig::new(2, 6).init(layers),
            prelu: PReluConfig::new().init(layers),
            dropout: DropoutConfig::new(0.3).init(),
            up: ConvTranspose2dConfig::new([6, 4], [2, 2]).with_stride([2, 2]).init(layers),
            last: ConvConfig::new([4, 1], [3, 3]).with_zero_padding(1).init(init),
        }
    }
}

impl Autoencoder for Mixed {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let maps = self.down.forward(self.first.forward(images, context));
        let maps = self.prelu.forward(self.group.forward(self.norm.forward(maps)));
        self.last.forward(self.up.forward(self.dropout.forward(maps)), context)
    }
}

/// A classifier all of burn's.
#[derive(Module, Debug)]
struct Linears {
    hidden: Linear,
    output: Linear,
}

impl Classifier for Linears {
    fn forward(&self, images: Tensor<4>, _pass: &mut ForwardContext) -> Tensor<2> {
        self.output.forward(self.hidden.forward(images.flatten(1, 3)).tanh())
    }
}

/// The layers are made for the device of burn's choice, or for the model's.
const MODELS: [(&str, Model); 3] = [
    (
        "default device",
        Model::Autoencoder(|_, init| Ok(Box::new(Mixed::new(&Device::default(), init)))),
    ),
    (
        "the model's device",
        Model::Autoencoder(|_, init| {
            let device = init.device().clone();
            Ok(Box::new(Mixed::new(&device, init)))
        }),
    ),
    (
        "linear",
        Model::Classifier(|[channels, height, width], classes, init| {
            let device = init.device().clone();
            // Used while the model is being built: drawn at once.
            let hidden = LinearConfig::new(channels * height * width, 8).init(&Device::default());
            assert_eq!(hidden.weight.val().dims(), [channels * height * width, 8]);
            Ok(Box::new(Linears { hidden, output: LinearConfig::new(8, classes).init(&device) }))
        }),
    ),
];

const SHAPE: [usize; 3] = [1, 8, 8];
const CLASSES: usize = 3;

fn build(model: Model, seed: u64, device: &Device) -> Result<AnyModel> {
    AnyModel::new(model, SHAPE, CLASSES, &mut Initializer::new(seed, device))
}

fn loader(device: &Device) -> DataLoader {
    let pixels = (0..40 * 64).map(|i: u32| (i.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    DataLoader::new(Examples::new(SHAPE, pixels, (0..40).map(|i| i % 3).collect()).unwrap(), device)
}

/// The losses of ten steps, and the bytes of the model after them.
fn trained(model: Model, seed: u64) -> (Vec<f32>, Vec<u8>) {
    let device = Device::flex().autodiff();
    let (mut model, loader) = (build(model, seed, &device).unwrap(), loader(&device));
    let entry = optim::find("Adam").unwrap();
    let arguments = serde_json::from_str(r#"{"learning_rate": 1e-2}"#).unwrap();
    let mut optimizer = (entry.build)(&Arguments::new(entry, arguments).unwrap());
    let all: Vec<_> = (0..loader.len()).collect();
    let losses = (0..10).map(|number| {
        let config = StepConfig { l2_penalty: 0.0, seed: number };
        let step = loss_and_gradients(&model, &loader, Batch::plain(&all), config);
        assert!(model.network().without_gradient(&step.gradients, &[]).is_empty());
        model.network_mut().update(step.gradients, &mut optimizer, 1e-2);
        step.output.loss.into_scalar::<f32>()
    });
    let losses = losses.collect();
    (losses, model.network().to_bytes().unwrap())
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn every_parameter_is_trained() {
    let device = Device::flex().autodiff();
    for (name, model) in MODELS {
        let before = build(model, 1, &device).unwrap();
        let weights = |bytes| Weights::from_pack(bytes).unwrap();
        let (losses, bytes) = trained(model, 1);
        assert!(losses[9] < losses[0], "{name}: {losses:?}");
        let (before, after) = (weights(before.network().to_bytes().unwrap()), weights(bytes));
        for (parameter, values) in before.iter() {
            assert_ne!(after.get(parameter), Some(values), "{name}: {parameter}");
        }
    }
}

/// The same seed makes the same run, bit for bit, on any number of threads; another seed another one.
#[test]
fn all_chance_comes_from_the_seed() {
    for (name, model) in MODELS {
        let one = on_threads(1, || trained(model, 7));
        for threads in [1, 2, 3] {
            assert!(on_threads(threads, || trained(model, 7)) == one, "{name}: {threads} threads");
        }
        assert!(trained(model, 8) != one, "{name}");
        // On the evaluation's device the model begins as it does on the training's.
        let device = Device::flex();
        let bytes =
            |device: &Device| build(model, 7, device).unwrap().network().to_bytes().unwrap();
        let [plain, with_autodiff] =
            [bytes(&device), bytes(&device.autodiff())].map(Weights::from_pack);
        assert!(plain.unwrap() == with_autodiff.unwrap(), "{name}");
    }
}

/// Frozen, burn's batch normalisation keeps its statistics and normalises by them; its dropout goes on.
#[test]
fn what_is_frozen_keeps_its_statistics() {
    let device = Device::flex().autodiff();
    let (_, model) = MODELS[1];
    let mut model = build(model, 1, &device).unwrap();
    model.network_mut().train_only(&"last".parse().unwrap());
    // A checkpoint does not thaw it.
    let bytes = model.network().to_bytes().unwrap();
    model.network_mut().load_bytes(bytes).unwrap();
    let weights =
        |model: &AnyModel| Weights::from_pack(model.network().to_bytes().unwrap()).unwrap();
    let before = weights(&model);
    let entry = optim::find("Adam").unwrap();
    let arguments = serde_json::from_str(r#"{"learning_rate": 1e-2}"#).unwrap();
    let mut optimizer = (entry.build)(&Arguments::new(entry, arguments).unwrap());
    let all: Vec<_> = (0..40).collect();
    let mut losses = Vec::new();
    for seed in [1, 1, 2] {
        let config = StepConfig { l2_penalty: 0.0, seed };
        let step = loss_and_gradients(&model, &loader(&device), Batch::plain(&all), config);
        losses.push(step.output.loss.into_scalar::<f32>());
        if seed == 2 {
            model.network_mut().update(step.gradients, &mut optimizer, 1e-2);
        }
    }
    assert!(losses[0] == losses[1] && losses[1] != losses[2], "{losses:?}");
    let after = weights(&model);
    for (name, values) in before.iter() {
        assert_eq!(after.get(name) == Some(values), !name.starts_with("last."), "{name}");
    }
}

/// A checkpoint has all of the model, statistics of the last step included, and ids that are the same in
/// every process.
#[test]
fn a_model_survives_the_disk() {
    let device = Device::flex();
    for (name, model) in MODELS {
        let (_, bytes) = trained(model, 3);
        let evaluated = || {
            let mut model = build(model, 4, &device).unwrap();
            model.network_mut().load_bytes(bytes.clone()).unwrap();
            assert!(model.network().to_bytes().unwrap() == bytes, "{name}");
            loss_and_predictions(&model, &loader(&device), 16).unwrap()
        };
        assert_eq!(evaluated(), evaluated(), "{name}");
        let ids = |model: &AnyModel| {
            let parameters = model.network().parameters().into_iter();
            parameters.filter(|own| own.trained).map(|own| own.id.val()).collect::<Vec<_>>()
        };
        let ids = [(); 2].map(|()| ids(&build(model, 1, &device.clone().autodiff()).unwrap()));
        assert!(ids[0] == ids[1] && ids[0].iter().all(|&id| id < 100), "{name}: {ids:?}");
    }
}

#[test]
fn they_show_themselves() {
    let device = Device::flex();
    for (name, model) in MODELS {
        let mut model = build(model, 1, &device).unwrap();
        let image = Tensor::zeros([1, 1, 8, 8], &device);
        let summaries = model.record(image).into_summaries();
        for parameter in model.network().parameters() {
            let layer = format!("{}/", parameter.name.rsplit_once('.').unwrap().0);
            assert!(
                summaries.iter().any(|summary| summary.tag().starts_with(&layer)),
                "{name}: {layer}"
            );
        }
        let operations = model.probe(name, SHAPE, CLASSES, &device).unwrap();
        let graph: Vec<_> = operations.iter().map(|o| format!("{}:{}", o.layer, o.kind)).collect();
        let expected: &[&str] = match model.kind() {
            dytb::nn::Kind::Autoencoder => &[
                "first:Conv2D",
                "down:Conv2d",
                "norm:BatchNorm",
                "group:GroupNorm",
                "prelu:PRelu",
                "up:ConvTranspose2d",
                "last:Conv2D",
            ],
            dytb::nn::Kind::Classifier => &["hidden:Linear", "output:Linear"],
        };
        assert_eq!(graph, expected, "{name}");
    }
}

/// A parameter that the loss does not depend on is named.
#[test]
fn what_gets_no_gradient_is_named() {
    #[derive(Module, Debug)]
    struct Idle {
        used: Conv,
        idle: Conv2d,
        alone: Param<Tensor<1>>,
    }
    impl Autoencoder for Idle {
        fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
            self.used.forward(images, context)
        }
    }
    let model = Model::Autoencoder(|_, init| {
        let device = init.device().clone();
        Ok(Box::new(Idle {
            used: ConvConfig::new([1, 1], [3, 3]).with_zero_padding(1).init(init),
            idle: Conv2dConfig::new([1, 1], [3, 3]).init(&device),
            alone: Param::from_tensor(Tensor::zeros([2], &device)),
        }))
    });
    let device = Device::flex().autodiff();
    let model = build(model, 1, &device).unwrap();
    let config = StepConfig { l2_penalty: 0.0, seed: 1 };
    let step = loss_and_gradients(&model, &loader(&device), Batch::plain(&[0, 1]), config);
    let names = model.network().without_gradient(&step.gradients, &[]);
    assert_eq!(names, ["idle.weight", "idle.bias", "alone"]);
}

/// What a model makes has the shape that it should have; if not, or if it cannot be computed at all, the
/// error says so, and nothing panics.
#[test]
fn outputs_of_another_shape() {
    /// Halves and doubles: odd sizes grow.
    #[derive(Module, Debug)]
    struct UpDown {
        down: Conv2d,
        up: ConvTranspose2d,
    }
    impl Autoencoder for UpDown {
        fn forward(&self, images: Tensor<4>, _pass: &mut ForwardContext) -> Tensor<4> {
            self.up.forward(self.down.forward(images))
        }
    }
    let model = Model::Autoencoder(|[channels, ..], init| {
        let device = init.device().clone();
        Ok(Box::new(UpDown {
            down: Conv2dConfig::new([channels, 4], [3, 3])
                .with_stride([4, 4])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(&device),
            up: ConvTranspose2dConfig::new([4, channels], [4, 4]).with_stride([4, 4]).init(&device),
        }))
    });
    let device = Device::flex();
    let probe = |model: Model, shape: [usize; 3]| {
        let mut model =
            AnyModel::new(model, shape, CLASSES, &mut Initializer::new(1, &device)).unwrap();
        model.probe("UpDown", shape, CLASSES, &device).map_err(|error| error.to_string())
    };
    probe(model, [3, 32, 32]).unwrap();
    let error = probe(model, [3, 30, 30]).unwrap_err();
    assert!(error.contains("UpDown makes [3, 32, 32] of [3, 30, 30]"), "{error}");
    assert!(error.contains("cannot take images of 30x30"), "{error}");

    // It was made for images of 8x8: the fully connected layer does not fit others.
    let fixed = Model::Classifier(|_, classes, init| {
        let device = init.device().clone();
        let hidden = LinearConfig::new(64, 8).init(&device);
        Ok(Box::new(Linears { hidden, output: LinearConfig::new(8, classes).init(&device) }))
    });
    probe(fixed, SHAPE).unwrap();
    let error = probe(fixed, [1, 9, 9]).unwrap_err();
    assert!(error.contains("UpDown cannot take images of 9x9"), "{error}");
    let many = Model::Classifier(|_, _, init| {
        let device = init.device().clone();
        let hidden = LinearConfig::new(64, 8).init(&device);
        Ok(Box::new(Linears { hidden, output: LinearConfig::new(8, 5).init(&device) }))
    });
    let error = probe(many, SHAPE).unwrap_err();
    assert!(
        error.contains("UpDown makes [5] of [1, 8, 8]") && error.contains("3 classes"),
        "{error}"
    );
}

/// A layer that two fields share would be stepped in one of them: it is refused, ours and burn's.
#[test]
fn shared_parameters_are_refused() {
    #[derive(Module, Debug)]
    struct Twice<L: Module> {
        one: L,
        same: L,
    }
    impl Autoencoder for Twice<Conv> {
        fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
            self.same.forward(self.one.forward(images, context), context)
        }
    }
    impl Autoencoder for Twice<Conv2d> {
        fn forward(&self, images: Tensor<4>, _pass: &mut ForwardContext) -> Tensor<4> {
            self.same.forward(self.one.forward(images))
        }
    }
    let ours = Model::Autoencoder(|_, init| {
        let one = ConvConfig::new([1, 1], [3, 3]).with_zero_padding(1).init(init);
        Ok(Box::new(Twice { same: one.clone(), one }))
    });
    let burns = Model::Autoencoder(|_, init| {
        let one = Conv2dConfig::new([1, 1], [1, 1]).init(init.device());
        Ok(Box::new(Twice { same: one.clone(), one }))
    });
    for model in [ours, burns] {
        let error = build(model, 1, &Device::flex().autodiff()).err().unwrap().to_string();
        assert!(error.contains("one.weight and same.weight are one parameter"), "{error}");
    }
}

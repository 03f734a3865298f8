//! ConvMixer: patches, mixed over space by depthwise convolutions and over channels by 1x1 ones.
//!
//! A convolution of `patch` x `patch` with that stride to `width` maps; `depth` times x ← x + norm(gelu(depthwise(x))),
//! the depthwise convolution SAME of `kernel` x `kernel`, then x ← norm(gelu(conv1x1(x))); the mean of each map; the
//! classes. After the first convolution, too, come GELU and normalisation. `[batch, channels, h, w]` ->
//! `[batch, width, ⌊h / patch⌋, ⌊w / patch⌋]` -> `[batch, width]` -> `[batch, classes]`.
//!
//! Trockman and Kolter 2022, "Patches are all you need?": for CIFAR-10, 256 maps and a depth of 8 have 0.59 million
//! parameters. The last layer's weights are not in the L2 penalty.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Tensor;

use dytb::nn::layers::{
    BatchNorm, Conv, ConvConfig, Dense, DenseConfig, DepthwiseConv, gelu, global_average_pool,
    residual_sum,
};
use dytb::nn::{Argument, WeightInit};
use dytb::{Activation, Classifier, Exit, Failure, ForwardContext, Initializer, Model};

/// `gelu`, then the normalisation.
fn normed(maps: Tensor<4>, norm: &BatchNorm, context: &mut ForwardContext) -> Tensor<4> {
    norm.forward(gelu(maps, context), Activation::Identity, context)
}

/// What mixes space, and what mixes channels.
#[derive(Module, Debug)]
pub struct Mixer {
    depthwise: DepthwiseConv,
    norm1: BatchNorm,
    pointwise: Conv,
    norm2: BatchNorm,
}

impl Mixer {
    fn new([width, kernel]: [usize; 2], init: &mut Initializer) -> Self {
        let depthwise = ConvConfig::new([width; 2], [kernel; 2]).with_same_padding();
        let pointwise = ConvConfig::new([width, width], [1, 1]);
        Self {
            depthwise: depthwise.with_weights(WeightInit::Torch).init_depthwise(init),
            norm1: BatchNorm::new(width, init).with_epsilon(1e-5),
            pointwise: pointwise.with_weights(WeightInit::Torch).init(init),
            norm2: BatchNorm::new(width, init).with_epsilon(1e-5),
        }
    }

    fn forward(&self, maps: Tensor<4>, context: &mut ForwardContext) -> Tensor<4> {
        let mixed = self.depthwise.forward(maps.clone(), context);
        let mixed = normed(mixed, &self.norm1, context);
        let maps = residual_sum(maps, mixed, Activation::Identity, context);
        let mixed = self.pointwise.forward(maps, context);
        normed(mixed, &self.norm2, context)
    }
}

/// Patches and mixers.
#[derive(Module, Debug)]
pub struct ConvMixer {
    patches: Conv,
    norm: BatchNorm,
    mixers: Vec<Mixer>,
    softmax_linear: Dense,
}

impl ConvMixer {
    /// For images of `[channels, height, width]` and `classes` classes.
    ///
    /// # Errors
    /// When the images are smaller than a patch.
    pub fn new(
        [channels, height, columns]: [usize; 3],
        classes: usize,
        [width, depth, kernel, patch]: [usize; 4],
        init: &mut Initializer,
    ) -> Result<Self> {
        if height.min(columns) < patch {
            let what = format!("ConvMixer cannot take images of {height}x{columns}");
            let why = format!("its patches are {patch}x{patch}: images have to be as large");
            let help = "give a smaller patch in --model_args, or larger images";
            return Err(Failure::new(Exit::Failed, what).why(why).help(help).into());
        }
        let patches = ConvConfig::new([channels, width], [patch; 2]).with_stride(patch);
        Ok(Self {
            patches: patches.with_weights(WeightInit::Torch).init(init),
            norm: BatchNorm::new(width, init).with_epsilon(1e-5),
            mixers: (0..depth).map(|_| Mixer::new([width, kernel], init)).collect(),
            softmax_linear: DenseConfig::new([width, classes]).without_penalty().init(init),
        })
    }
}

impl Classifier for ConvMixer {
    fn forward(&self, images: Tensor<4>, context: &mut ForwardContext) -> Tensor<2> {
        let maps = self.patches.forward(images, context);
        let maps = normed(maps, &self.norm, context);
        let maps = self.mixers.iter().fold(maps, |maps, mixer| mixer.forward(maps, context));
        self.softmax_linear.forward(global_average_pool(maps, context), context)
    }
}

/// `--model ConvMixer --model_args '{"width": 256, "depth": 8, "kernel": 5, "patch": 2}'`
pub const MODEL: Model = Model::ClassifierWith(
    &[
        Argument::whole("width", 256, [1, 4096]),
        Argument::whole("depth", 8, [1, 64]),
        Argument::whole("kernel", 5, [1, 31]),
        Argument::whole("patch", 2, [1, 64]),
    ],
    |shape, classes, arguments, init| {
        let of = ["width", "depth", "kernel", "patch"].map(|name| arguments.whole(name));
        Ok(Box::new(ConvMixer::new(shape, classes, of, init)?))
    },
);

//! What a model is, and what the bench asks of any network.
//!
//! A file of `models/` holds a burn module, its forward pass, and the constant `MODEL`:
//!
//! ```
//! use burn::module::Module;
//! use burn::tensor::Tensor;
//! use dytb::layers::{Conv, ConvConfig};
//! use dytb::{Autoencoder, Init, Model, Pass};
//!
//! #[derive(Module, Debug)]
//! pub struct OneConvolution {
//!     layer: Conv,
//! }
//!
//! impl Autoencoder for OneConvolution {
//!     fn forward(&self, images: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
//!         self.layer.forward(images, pass)
//!     }
//! }
//!
//! pub const MODEL: Model = Model::Autoencoder(|[channels, _, _], init| {
//!     Ok(Box::new(OneConvolution {
//!         layer: ConvConfig::new([channels, channels], [3, 3]).with_zero_padding(1).init(init),
//!     }))
//! });
//! ```

use anyhow::{Context, Result};
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Tensor};

use crate::{Init, Pass};

/// A network that reconstructs its input. Images are `[batch, channels, height, width]` in -1..=1.
pub trait Autoencoder: Network {
    /// The reconstructions of `images`, of the same shape.
    fn forward(&self, images: Tensor<4>, pass: &mut Pass) -> Tensor<4>;

    /// Half the mean squared error, Σ (x' - x)² / 2n over all n pixels: `[1]`.
    fn error(&self, reconstructions: Tensor<4>, images: Tensor<4>) -> Tensor<1> {
        (reconstructions - images).square().mean() / 2.0
    }
}

/// What a trainer asks of any network. Every burn [`Module`] has it; nobody implements it by hand.
pub trait Network: Send + Sync {
    /// Number of trainable numbers.
    fn num_parameters(&self) -> usize;

    /// Id and name of every parameter, as `encode.weight`.
    fn parameter_names(&self) -> Vec<(ParamId, String)>;

    /// The gradients of `loss` `[1]`.
    fn gradients(&self, loss: Tensor<1>) -> GradientsParams;

    /// The sum of `pieces`, added in their order.
    fn sum(&self, pieces: Vec<GradientsParams>) -> GradientsParams;

    /// One step of `optimizer` down `gradients`.
    fn update(
        &mut self,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        learning_rate: f64,
    );

    /// The parameters, in burn's pack format.
    ///
    /// # Errors
    /// When they cannot be read back from the device.
    fn to_bytes(&self) -> Result<Vec<u8>>;

    /// Takes the parameters from `bytes`, which [`Network::to_bytes`] made.
    ///
    /// # Errors
    /// When `bytes` are damaged or are another model's.
    fn load_bytes(&mut self, bytes: Vec<u8>) -> Result<()>;
}

impl<M: Module + Sync + 'static> Network for M {
    fn num_parameters(&self) -> usize {
        self.num_params()
    }

    fn parameter_names(&self) -> Vec<(ParamId, String)> {
        let mut names = Names::default();
        self.visit(&mut names);
        names.found
    }

    fn gradients(&self, loss: Tensor<1>) -> GradientsParams {
        GradientsParams::from_grads(loss.backward(), self)
    }

    fn sum(&self, pieces: Vec<GradientsParams>) -> GradientsParams {
        let mut sum = GradientsAccumulator::<M>::new();
        for piece in pieces {
            sum.accumulate(self, piece);
        }
        sum.grads()
    }

    fn update(
        &mut self,
        gradients: GradientsParams,
        optimizer: &mut ModuleOptimizer,
        learning_rate: f64,
    ) {
        *self = optimizer.step(learning_rate, self.clone(), gradients);
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes = self.clone().into_record().into_bytes()?;
        Ok(bytes.to_vec())
    }

    fn load_bytes(&mut self, bytes: Vec<u8>) -> Result<()> {
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))
            .context("the parameters are damaged")?;
        *self = self.clone().try_load_record(record).context("these are not its parameters")?;
        Ok(())
    }
}

/// Collects the names of the parameters.
#[derive(Default)]
struct Names {
    path: Vec<String>,
    found: Vec<(ParamId, String)>,
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push((param.id, self.path.join(".")));
    }
}

/// Builds an autoencoder for images of `[channels, height, width]`.
pub type BuildAutoencoder = fn([usize; 3], &mut Init) -> Result<Box<dyn Autoencoder>>;

/// How to build a model: the constant `MODEL` that every file of `models/` ends with.
#[derive(Clone, Copy)]
pub enum Model {
    /// Trained by `train_autoencoder`; built for images of `[channels, height, width]`. It fails
    /// where they are too small for it.
    Autoencoder(BuildAutoencoder),
}

//! Parameters of each rank, stepped by an optimizer down given gradients.

use burn::module::{Module, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};

use super::golden::values;

/// The shapes: a vector, a matrix with more rows than columns, a kernel `[out, in, height, width]`.
pub const SHAPES: ([usize; 1], [usize; 2], [usize; 4]) = ([4], [3, 2], [3, 2, 2, 2]);

/// A parameter of each shape.
#[derive(Module, Debug)]
pub struct Parameters {
    vector: Param<Tensor<1>>,
    matrix: Param<Tensor<2>>,
    kernel: Param<Tensor<4>>,
}

impl Parameters {
    /// `value(i)` in the i-th place of each.
    pub fn new(value: impl Fn(usize) -> f32) -> Self {
        Self {
            vector: Param::from_tensor(tensor(SHAPES.0, &value, &Device::flex().autodiff())),
            matrix: Param::from_tensor(tensor(SHAPES.1, &value, &Device::flex().autodiff())),
            kernel: Param::from_tensor(tensor(SHAPES.2, &value, &Device::flex().autodiff())),
        }
    }

    /// One step of `optimizer`; `gradient(i)` in the i-th place of each gradient.
    pub fn step(
        self,
        optimizer: &mut ModuleOptimizer,
        learning_rate: f64,
        gradient: impl Fn(usize) -> f32,
    ) -> Self {
        let mut gradients = GradientsParams::new();
        let device = Device::flex();
        gradients.register(self.vector.id, tensor(SHAPES.0, &gradient, &device));
        gradients.register(self.matrix.id, tensor(SHAPES.1, &gradient, &device));
        gradients.register(self.kernel.id, tensor(SHAPES.2, &gradient, &device));
        optimizer.step(learning_rate, self, gradients)
    }

    /// The vector's numbers, the matrix's, the kernel's.
    pub fn values(&self) -> [Vec<f32>; 3] {
        [values(self.vector.val()), values(self.matrix.val()), values(self.kernel.val())]
    }
}

fn tensor<const D: usize>(
    shape: [usize; D],
    value: impl Fn(usize) -> f32,
    device: &Device,
) -> Tensor<D> {
    let values: Vec<_> = (0..shape.iter().product()).map(value).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

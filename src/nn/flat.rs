//! The gradients of a network as one row of numbers, which may be added up elsewhere.
//!
//! The numbers of each trained parameter in the network's order, then for each of them a 1. What a parameter without
//! a gradient would have is -0 throughout: x + -0 is x for every x, to the last bit, -0 included. So sums of rows
//! are rows of sums, and the last numbers say how many gradients each parameter has had.

use burn::module::{ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use super::erased::Erased;
use crate::util::tensor::floats;

/// Added to any number, it changes no bit of it.
pub(crate) const NOTHING: f32 = -0.0;

/// The `gradients` of `network` in a row, but for the parameters `without`; `row` is what it is written to.
pub(super) fn flatten(
    network: &dyn Erased,
    gradients: GradientsParams,
    without: &[ParamId],
    mut row: Vec<f32>,
) -> Vec<f32> {
    row.clear();
    let mut flatten = Flatten { gradients, without, values: row, counts: Vec::new() };
    network.visit(&mut flatten);
    flatten.values.extend(flatten.counts);
    flatten.values
}

/// The gradients of `network` that [`flatten`] has brought into a row, or a sum of such rows, `without` the same.
///
/// # Panics
/// When the row is shorter than that of this network.
pub(super) fn unflatten(network: &dyn Erased, row: &[f32], without: &[ParamId]) -> GradientsParams {
    let mut sizes = Sizes { without, values: 0 };
    network.visit(&mut sizes);
    let (values, counts) = row.split_at(sizes.values);
    let gradients = GradientsParams::new();
    let mut unflatten = Unflatten { without, values, counts, gradients };
    network.visit(&mut unflatten);
    unflatten.gradients
}

struct Flatten<'a> {
    gradients: GradientsParams,
    without: &'a [ParamId],
    values: Vec<f32>,
    counts: Vec<f32>,
}

impl ModuleVisitor for Flatten<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() || self.without.contains(&param.id) {
            return;
        }
        // Taken out, so that its numbers have one owner and are copied once.
        match self.gradients.remove::<D>(param.id) {
            Some(gradient) => {
                self.values.extend(floats(gradient));
                self.counts.push(1.0);
            }
            None => {
                let size = param.val().shape().num_elements();
                self.values.resize(self.values.len() + size, NOTHING);
                self.counts.push(NOTHING);
            }
        }
    }
}

/// How many numbers the trained parameters have.
struct Sizes<'a> {
    without: &'a [ParamId],
    values: usize,
}

impl ModuleVisitor for Sizes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() && !self.without.contains(&param.id) {
            self.values += param.val().shape().num_elements();
        }
    }
}

struct Unflatten<'a> {
    without: &'a [ParamId],
    values: &'a [f32],
    counts: &'a [f32],
    gradients: GradientsParams,
}

impl ModuleVisitor for Unflatten<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() || self.without.contains(&param.id) {
            return;
        }
        let tensor = param.val().inner();
        let (own, values) = self.values.split_at(tensor.shape().num_elements());
        let (count, counts) = self.counts.split_at(1);
        (self.values, self.counts) = (values, counts);
        if count[0] > 0.0 {
            let data = TensorData::new(own.to_vec(), tensor.shape());
            self.gradients.register(param.id, Tensor::<D>::from_data(data, &tensor.device()));
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::module::Module;
    use burn::tensor::Device;

    use super::*;
    use crate::nn::Network;

    #[derive(Module, Debug)]
    struct Three {
        a: Param<Tensor<1>>,
        b: Param<Tensor<2>>,
        c: Param<Tensor<1>>,
    }

    impl Three {
        fn gradients(&self, a: [f32; 2], b: Option<[[f32; 2]; 1]>) -> GradientsParams {
            let device = Device::flex();
            let mut gradients = GradientsParams::new();
            gradients.register(self.a.id, Tensor::<1>::from_data(a, &device));
            if let Some(b) = b {
                gradients.register(self.b.id, Tensor::<2>::from_data(b, &device));
            }
            gradients
        }
    }

    #[test]
    fn sums_of_rows_are_rows_of_sums() {
        let device = Device::flex().autodiff();
        let three = Three {
            a: Param::from_tensor(Tensor::zeros([2], &device)),
            b: Param::from_tensor(Tensor::zeros([1, 2], &device)),
            c: Param::from_tensor(Tensor::zeros([3], &device)),
        };
        let pieces = || {
            vec![
                three.gradients([1e8, -0.0], None),
                three.gradients([1.0, -0.0], Some([[-0.0, 3.0]])),
                three.gradients([-1e8, -0.0], None),
            ]
        };
        let row = |piece| three.flatten(piece, &[], vec![7.0; 3]);
        let rows: Vec<_> = pieces().into_iter().map(row).collect();
        let sum = |at: usize| rows.iter().map(|row| row[at]).reduce(|sum, x| sum + x).unwrap();
        let row: Vec<_> = (0..rows[0].len()).map(sum).collect();
        let (ours, burns) = (three.unflatten(&row, &[]), three.sum(pieces()));
        for gradients in [&ours, &burns] {
            let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
            let a = bits(floats(gradients.get::<1>(three.a.id).unwrap()));
            let b = bits(floats(gradients.get::<2>(three.b.id).unwrap()));
            assert_eq!([a, b], [bits(vec![0.0, -0.0]), bits(vec![-0.0, 3.0])]);
            assert!(gradients.get::<1>(three.c.id).is_none());
        }
    }
}

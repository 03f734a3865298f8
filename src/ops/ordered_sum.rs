//! Sums and means whose bits do not depend on the number of threads.
//!
//! burn's Flex backend adds the values of a tensor one after the other, but from 4,194,304 on (burn 0.22)
//! in the order in which its threads come to an end. Here x `[n]` is added as rows of `ROW` values:
//!
//! s = Σ_r (Σ_c x[r · ROW + c]) + Σ of what is left, each sum in order.
//!
//! Up to `ROW` values that is burn's sum. On a GPU the values are added in parts, in an order that their number decides;
//! burn's own sum there adds in whatever order its units come to an end.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//!
//! let x = Tensor::<2>::ones([1000, 1000], &Device::flex());
//! assert_eq!(dytb::ops::ordered_sum::ordered_sum(x).into_scalar::<f32>(), 1e6);
//! ```

use burn::tensor::Tensor;

use crate::device::is_cpu;

/// Values in a row: so few that rounding in 32 bits costs 5e-5 of the sum at the most, and few enough rows and values in each that burn adds both in order, up to 2^38 values.
const ROW: usize = 1 << 16;

/// The sum of all values of `x`, `[1]`.
pub fn ordered_sum<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let n = x.shape().num_elements();
    if !is_cpu(&x.device()) {
        return on_gpu(x);
    }
    if n <= ROW {
        return x.sum();
    }
    let (rows, rest) = (n / ROW, n % ROW);
    let x = x.reshape([n]);
    let whole = x.clone().narrow(0, 0, rows * ROW).reshape([rows, ROW]);
    let sum = whole.sum_dim(1).sum();
    if rest == 0 { sum } else { sum + x.narrow(0, rows * ROW, rest).sum() }
}

/// The mean of all values of `x`, `[1]`.
pub fn ordered_mean<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let n = x.shape().num_elements();
    if n <= ROW && is_cpu(&x.device()) {
        return x.mean();
    }
    ordered_sum(x) / n as f64
}

#[cfg(not(feature = "cube"))]
fn on_gpu<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    x.sum()
}

#[cfg(feature = "cube")]
fn on_gpu<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    match x.dtype() == burn::tensor::DType::F32 && x.shape().num_elements() > 0 {
        true => cube::sum(x),
        false => x.sum(),
    }
}

/// The operation of the GPUs' backend.
#[cfg(feature = "cube")]
mod cube {
    use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
    use burn::backend::autodiff::grads::Gradients;
    use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
    use burn::backend::tensor::FloatTensor;
    use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
    use burn::tensor::{Shape, Tensor};
    use burn_cubecl::CubeBackend;
    use burn_cubecl::tensor::CubeTensor;

    use crate::ops::cube::sums;

    pub fn sum<const D: usize>(x: Tensor<D>) -> Tensor<1> {
        Tensor::from_dispatch(Dispatch::sum_in_order(x.into_dispatch()))
    }

    /// Backends that add in an order.
    #[backend_extension(Autodiff, Cube)]
    pub trait Summing: Backend {
        /// The sum `[1]` of all values.
        fn sum_in_order(x: FloatTensor<Self>) -> FloatTensor<Self>;
    }

    impl Summing for CubeBackend {
        fn sum_in_order(x: CubeTensor) -> CubeTensor {
            sums::of_all(x)
        }
    }

    /// The backward pass: the gradient of the sum is that of each value.
    #[derive(Debug)]
    struct SummingStep;

    impl<B: Summing> Backward<B, 1> for SummingStep {
        type State = Shape;

        fn backward(self, ops: Ops<Shape, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
            let gradient = grads.consume::<B>(&ops.node);
            let [node] = ops.parents;
            if let Some(node) = node {
                let one_each = Shape::from(vec![1; ops.state.num_dims()]);
                let gradient = B::float_reshape(gradient, one_each);
                grads.register::<B>(node.id, B::float_expand(gradient, ops.state));
            }
        }
    }

    impl<B: Summing, C: CheckpointStrategy> Summing for Autodiff<B, C> {
        fn sum_in_order(x: FloatTensor<Self>) -> FloatTensor<Self> {
            let (x, node) = x.into_parts();
            let step = SummingStep.prepare::<C>([node]);
            match step.compute_bound().stateful() {
                OpsKind::UnTracked(step) => step.finish(B::sum_in_order(x)),
                OpsKind::Tracked(step) => {
                    let shape = x.shape();
                    step.finish(shape, B::sum_in_order(x))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    /// Above the size from which burn's own sum depends on the threads, and not a multiple of a row.
    const MANY: usize = (4 << 20) + 12_345;

    fn values() -> Vec<f32> {
        (0..MANY).map(|i| ((i as u32).wrapping_mul(0x9e37_79b9) >> 8) as f32 / 1e7 - 0.5).collect()
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let values = values();
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let device = Device::flex().autodiff();
                let x = Tensor::<1>::from_data(TensorData::new(values.clone(), [MANY]), &device);
                let x = x.require_grad();
                let squares = x.clone().square();
                let (sum, mean) = (ordered_sum(squares.clone()), ordered_mean(squares));
                let gradients = (sum.clone() + mean.clone()).backward();
                let dx = x.grad(&gradients).unwrap().into_data().try_to_vec::<f32>().unwrap();
                (sum.into_scalar::<f32>(), mean.into_scalar::<f32>(), dx)
            })
        };
        let one = on(1);
        // Twice each: work is stolen otherwise each time.
        for threads in [2, 3, 2, 3] {
            assert!(on(threads) == one, "{threads} threads");
        }
        let exact: f64 = values.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!((f64::from(one.0) / exact - 1.0).abs() < 5e-5, "{} and {exact}", one.0);
        assert_eq!(one.1, (f64::from(one.0) / MANY as f64) as f32);
        let share = 2.0 * (1.0 + 1.0 / MANY as f32);
        assert!(one.2.iter().zip(&values).all(|(dx, x)| (dx - share * x).abs() < 1e-6));
    }

    #[test]
    fn few_values_are_burns_own_sum() {
        let device = Device::flex();
        let x = Tensor::<3>::from_data(
            TensorData::new(values()[..6000].to_vec(), [10, 20, 30]),
            &device,
        );
        let [ours, burns] = [ordered_sum(x.clone()), x.sum()].map(Tensor::into_scalar::<f32>);
        assert_eq!(ours, burns);
    }
}

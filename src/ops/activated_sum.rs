//! The activated sum of two batches of images, `y = f(a + b)`, all `[batch, channels, height, width]`: dz = dy f'(y) is the
//! gradient of both.
//!
//! On burn's Flex backend (CPU) it is one operation, which reads both where they lie and writes each value once, in memory
//! that is used again. On others it is burn's.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{DType, Tensor};
use burn_flex::FlexTensor;

use crate::device::is_cpu;
use crate::ops::Activation;
use crate::ops::flex_tensor::{Batch, tensor};
use crate::ops::gradients::{AddGradients, register_of_images};
use crate::ops::layout::ImageLayout;
use crate::ops::parallel::of_images;
use crate::ops::simd::{SimdLevel, Sum};
use crate::ops::sums::derivative;

/// `activation(a + b)`, both `[batch, channels, height, width]`.
///
/// # Panics
/// When they have different shapes.
pub(crate) fn activated_sum(a: Tensor<4>, b: Tensor<4>, activation: Activation) -> Tensor<4> {
    assert_eq!(a.dims(), b.dims(), "a sum: shapes");
    let single = a.dtype() == DType::F32 && b.dtype() == DType::F32;
    if single && is_cpu(&a.device()) && a.shape().num_elements() > 0 {
        let (a, b) = (a.into_dispatch(), b.into_dispatch());
        return Tensor::from_dispatch(Dispatch::activated_sum(a, b, activation));
    }
    // As they lie in memory: burn adds what lies in the order of its dimensions in one sweep.
    let [a, b] = [a, b].map(|maps| maps.permute([0, 2, 3, 1]));
    activation.apply(a + b).permute([0, 3, 1, 2])
}

/// Backends with the sum in one operation.
#[backend_extension(Autodiff, Flex)]
pub trait Summing: Backend {
    /// `activation(a + b)`, f32.
    fn activated_sum(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self>;
}

/// Backends with its gradient.
pub trait SummingBackward: Summing + AddGradients {
    /// The gradient of both, from the sum and its gradient.
    fn activated_sum_backward(
        y: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self>;
}

impl Summing for Flex {
    fn activated_sum(a: FlexTensor, b: FlexTensor, activation: Activation) -> FlexTensor {
        sum_of_images(&a, &b, activation)
    }
}

/// `activation(a + b)`, f32.
pub(super) fn sum_of_images(a: &FlexTensor, b: &FlexTensor, activation: Activation) -> FlexTensor {
    let (a, b) = (Batch::new(a), Batch::new(b));
    let (a, b) = (a.images(), b.images());
    let layout = if a.size.is_flat() { ImageLayout::Nchw } else { ImageLayout::Nhwc };
    type Scratch = (Vec<f32>, Vec<f32>);
    let out = of_images(a.count(), a.size.len(), |i, (first, second): &mut Scratch, out| {
        let (a, b) = (a.image_in(i, layout, first), b.image_in(i, layout, second));
        SimdLevel::best().run(Sum { activation, a, b, out });
    });
    tensor(out, a.count(), a.size, layout)
}

impl SummingBackward for Flex {
    fn activated_sum_backward(
        y: FlexTensor,
        gradient: FlexTensor,
        activation: Activation,
    ) -> FlexTensor {
        if activation == Activation::Identity {
            return gradient;
        }
        let (y, gradient) = (Batch::new(&y), Batch::new(&gradient));
        let (y, level) = (y.images(), SimdLevel::best());
        let dz = derivative(level, activation, y, gradient.images());
        tensor(dz, y.count(), y.size, ImageLayout::Nhwc)
    }
}

/// The backward pass; the parents are both images.
#[derive(Debug)]
struct SumStep;

impl<B: SummingBackward> Backward<B, 2> for SumStep {
    type State = (FloatTensor<B>, Activation);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (y, activation) = ops.state;
        let gradient = B::activated_sum_backward(y, grads.consume::<B>(&ops.node), activation);
        for node in ops.parents.into_iter().flatten() {
            register_of_images!(B, grads, node, gradient.clone());
        }
    }
}

impl<B: SummingBackward, C: CheckpointStrategy> Summing for Autodiff<B, C> {
    fn activated_sum(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self> {
        let ((a, a_node), (b, b_node)) = (a.into_parts(), b.into_parts());
        match SumStep.prepare::<C>([a_node, b_node]).compute_bound().stateful() {
            OpsKind::UnTracked(step) => step.finish(B::activated_sum(a, b, activation)),
            OpsKind::Tracked(step) => {
                let y = B::activated_sum(a, b, activation);
                step.finish((y.clone(), activation), y)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;

    /// y and the gradients of a and b.
    fn passes(
        [a, b]: [Tensor<4>; 2],
        operation: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
    ) -> [Vec<f32>; 3] {
        let [a, b] = [a, b].map(|images| images.detach().require_grad());
        let y = operation(a.clone(), b.clone());
        let gradients = (y.clone() * y.clone()).sum().backward();
        [y, a.grad(&gradients).unwrap(), b.grad(&gradients).unwrap()]
            .map(|values| values.into_data().try_to_vec().unwrap())
    }

    #[test]
    fn agrees_with_burn_in_both_orders() {
        let device = Device::flex().autodiff();
        let planes = |shape: [usize; 4]| {
            Tensor::<4>::random(shape, Distribution::Uniform(-5.0, 5.0), &device)
        };
        for activation in [Activation::Identity, Activation::Relu, Activation::Relu6] {
            for [batch, channels, rows, columns] in [[17, 16, 9, 8], [1, 3, 5, 7], [33, 1, 4, 4]] {
                let a = planes([batch, rows, columns, channels]).permute([0, 3, 1, 2]);
                let b = planes([batch, channels, rows, columns]);
                let got = passes([a.clone(), b.clone()], |a, b| activated_sum(a, b, activation));
                let want = passes([a, b], |a, b| activation.apply(a + b));
                assert_eq!(got, want, "{activation:?}");
            }
        }
    }

    #[test]
    fn images_that_are_added_to_themselves() {
        let device = Device::flex().autodiff();
        let x = Tensor::<4>::ones([2, 3, 4, 4], &device).require_grad();
        let y = activated_sum(x.clone(), x.clone(), Activation::Relu);
        let gradient = x.grad(&y.sum().backward()).unwrap();
        assert_eq!(gradient.into_data().try_to_vec::<f32>().unwrap(), [2.0; 96]);
    }
}

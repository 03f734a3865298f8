//! Max pooling as an operation of Burn's Flex backend, with its own backward pass.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::window::{Back, Largest, Windows};
use crate::conv::batch::{Batch, tensor};
use crate::conv::groups::{GROUP, for_groups, zeros};
use crate::conv::kernels::Level;

/// The largest values of `images`, f32 on Flex.
pub(super) fn max_pool2d(images: Tensor<4>, side: usize, stride: usize) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::windows_max(images.into_dispatch(), Windows { side, stride }))
}

/// Backends with max pooling in the images' own order.
#[backend_extension(Autodiff, Flex)]
pub trait Pooled: Backend {
    /// The largest value of each of the `windows` of `images` `[batch, channels, h, w]`, f32.
    fn windows_max(images: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self>;
}

/// Backends with the gradient of [`Pooled::windows_max`].
pub trait PooledBackward: Pooled {
    /// The gradient of `images`, from their `largest` values and the gradient of these.
    fn windows_max_backward(
        images: FloatTensor<Self>,
        largest: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        windows: Windows,
    ) -> FloatTensor<Self>;
}

impl Pooled for Flex {
    fn windows_max(images: FlexTensor, windows: Windows) -> FlexTensor {
        let count = images.shape()[0];
        let images = Batch::new(&images);
        let images = images.images();
        let output = windows.output(images.size);
        let mut out = zeros(count * output.len());
        for_groups(&mut out, GROUP * output.len(), |group, out| {
            for (i, out) in out.chunks_exact_mut(output.len()).enumerate() {
                let image = images.image(group * GROUP + i);
                let (size, order) = (images.size, images.order);
                Level::best().run(Largest { windows, image, size, order, out });
            }
        });
        tensor(out, count, output, images.order)
    }
}

impl PooledBackward for Flex {
    fn windows_max_backward(
        images: FlexTensor,
        largest: FlexTensor,
        gradient: FlexTensor,
        windows: Windows,
    ) -> FlexTensor {
        let count = images.shape()[0];
        let (images, largest, gradient) =
            (Batch::new(&images), Batch::new(&largest), Batch::new(&gradient));
        let (images, largest, gradient) = (images.images(), largest.images(), gradient.images());
        let (size, order) = (images.size, images.order);
        let mut dx = zeros(count * size.len());
        for_groups(&mut dx, GROUP * size.len(), |group, dx| {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for (i, dx) in dx.chunks_exact_mut(size.len()).enumerate() {
                let i = group * GROUP + i;
                let largest = largest.image_in(i, order, &mut a);
                let gradient = gradient.image_in(i, order, &mut b);
                let image = images.image(i);
                Level::best().run(Back { windows, image, size, order, largest, gradient, dx });
            }
        });
        tensor(dx, count, size, order)
    }
}

/// The backward pass; the parent is the images.
#[derive(Debug)]
struct PooledStep;

impl<B: PooledBackward> Backward<B, 1> for PooledStep {
    type State = (FloatTensor<B>, FloatTensor<B>, Windows);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        let (images, largest, windows) = ops.state;
        if let Some(parent) = parent {
            let dx = B::windows_max_backward(images, largest, gradient, windows);
            grads.register::<B>(parent.id, dx);
        }
    }
}

impl<B: PooledBackward, C: CheckpointStrategy> Pooled for Autodiff<B, C> {
    fn windows_max(images: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        let (images, node) = images.into_parts();
        match PooledStep.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::UnTracked(step) => step.finish(B::windows_max(images, windows)),
            OpsKind::Tracked(step) => {
                let largest = B::windows_max(images.clone(), windows);
                step.finish((images, largest.clone(), windows), largest)
            }
        }
    }
}

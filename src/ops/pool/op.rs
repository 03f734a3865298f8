//! Max pooling as an operation of Burn's Flex backend, with its own backward pass.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use crate::ops::flex_tensor::{Batch, bytes, tensor};
use crate::ops::gradients::{AddGradients, register_of_images};
use crate::ops::layout::{ImageLayout, Size};
use crate::ops::parallel::{of_images, of_images_with_argmax};
use crate::ops::simd::SimdLevel;
use crate::ops::windows::{MaxPool, MaxPoolBackward, Windows};

/// The largest values of `images`, f32 on Flex.
pub(super) fn max_pool2d(images: Tensor<4>, windows: Windows) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::windows_max(images.into_dispatch(), windows))
}

/// Backends with max pooling in the images' own order.
#[backend_extension(Autodiff, Flex)]
pub trait Pooled: Backend {
    /// The largest value of each of the `windows` of `images` `[batch, channels, h, w]`, f32.
    fn windows_max(images: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self>;
}

/// The images whose windows were looked at.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    images: usize,
    size: Size,
    layout: ImageLayout,
    windows: Windows,
}

/// Backends with the gradient of [`Pooled::windows_max`].
pub trait PooledBackward: Pooled + AddGradients {
    /// [`Pooled::windows_max`], and the place of each largest value in its window, in bytes.
    fn windows_max_places(
        images: FloatTensor<Self>,
        windows: Windows,
    ) -> (FloatTensor<Self>, IntTensor<Self>, Seen);

    /// The gradient of the images, from that of the largest values.
    fn windows_max_backward(
        argmax: IntTensor<Self>,
        gradient: FloatTensor<Self>,
        seen: Seen,
    ) -> FloatTensor<Self>;
}

impl Pooled for Flex {
    fn windows_max(images: FlexTensor, windows: Windows) -> FlexTensor {
        Self::windows_max_places(images, windows).0
    }
}

impl PooledBackward for Flex {
    fn windows_max_places(images: FlexTensor, windows: Windows) -> (FlexTensor, FlexTensor, Seen) {
        let count = images.shape()[0];
        let images = Batch::new(&images);
        let images = images.images();
        let (size, layout) = (images.size, images.layout);
        let output = windows.output(size);
        let (out, argmax) =
            of_images_with_argmax(count, output.len(), |i, _: &mut (), out, argmax| {
                let image = images.image(i);
                SimdLevel::best().run(MaxPool { windows, image, size, layout, out, argmax });
            });
        let seen = Seen { images: count, size, layout, windows };
        (tensor(out, count, output, layout), bytes(argmax), seen)
    }

    fn windows_max_backward(argmax: FlexTensor, gradient: FlexTensor, seen: Seen) -> FlexTensor {
        let Seen { images, size, layout, windows } = seen;
        let (argmax, gradient) = (argmax.storage::<u8>(), Batch::new(&gradient));
        let gradient = gradient.images();
        let n = windows.output(size).len();
        let dx = of_images(images, size.len(), |i, scratch, dx| {
            let argmax = &argmax[i * n..][..n];
            let gradient = gradient.image_in(i, layout, scratch);
            if !windows.cover(size) {
                dx.fill(0.0);
            }
            SimdLevel::best().run(MaxPoolBackward { windows, size, layout, argmax, gradient, dx });
        });
        tensor(dx, images, size, layout)
    }
}

/// The backward pass; the parent is the images.
#[derive(Debug)]
struct PooledStep;

impl<B: PooledBackward> Backward<B, 1> for PooledStep {
    type State = (IntTensor<B>, Seen);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        let (argmax, seen) = ops.state;
        if let Some(parent) = parent {
            let gradient = B::windows_max_backward(argmax, gradient, seen);
            register_of_images!(B, grads, parent, gradient);
        }
    }
}

impl<B: PooledBackward, C: CheckpointStrategy> Pooled for Autodiff<B, C> {
    fn windows_max(images: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        let (images, node) = images.into_parts();
        match PooledStep.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::UnTracked(step) => step.finish(B::windows_max(images, windows)),
            OpsKind::Tracked(step) => {
                let (largest, argmax, seen) = B::windows_max_places(images, windows);
                step.finish((argmax, seen), largest)
            }
        }
    }
}

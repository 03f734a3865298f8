//! Half the mean squared error of reconstructions x' of images x, both `[batch, channels, height, width]`:
//!
//! `E = Σ (x' - x)² / 2n` over all n values, `dE/dx' = (x' - x) / n`.
//!
//! On the CPU it is composed of burn's operations, on a GPU one operation: a kernel for the sums of parts, which are
//! added up in their order, and one for the gradient.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//!
//! let device = Device::flex();
//! let (made, images) = (Tensor::ones([1, 1, 2, 2], &device), Tensor::zeros([1, 1, 2, 2], &device));
//! assert_eq!(dytb::ops::square_error::half_mean(made, images).into_scalar::<f32>(), 0.5);
//! ```

use burn::tensor::Tensor;

use super::ordered_sum::ordered_mean;

/// Half the mean squared error, `[1]`.
///
/// # Panics
/// When the two have not the same shape.
pub fn half_mean(made: Tensor<4>, images: Tensor<4>) -> Tensor<1> {
    #[cfg(feature = "cube")]
    if cube::takes(&made, &images) {
        return cube::half_mean(made, images);
    }
    ordered_mean((made - images).square()) / 2.0
}

/// The operation of the GPUs' backend.
#[cfg(feature = "cube")]
mod cube {
    use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
    use burn::backend::autodiff::grads::Gradients;
    use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
    use burn::backend::tensor::FloatTensor;
    use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
    use burn::tensor::{DType, Tensor};
    use burn_cubecl::CubeBackend;
    use burn_cubecl::tensor::CubeTensor;
    use cubecl::prelude::*;

    use crate::device::is_cpu;
    use crate::ops::cube::sums;
    use crate::ops::cube::tensor::{buffer, cubes, empty_beside, images, pixels};

    /// Values that a unit adds up, which it reads at once.
    const VALUES: usize = 8;

    /// Whether these are on a GPU, and single.
    pub fn takes(made: &Tensor<4>, images: &Tensor<4>) -> bool {
        let single = made.dtype() == DType::F32 && images.dtype() == DType::F32;
        assert_eq!(made.dims(), images.dims(), "an image and its reconstruction have one shape");
        single && !is_cpu(&made.device()) && made.shape().num_elements() > 0
    }

    pub fn half_mean(made: Tensor<4>, images: Tensor<4>) -> Tensor<1> {
        let (made, images) = (made.into_dispatch(), images.into_dispatch());
        Tensor::from_dispatch(Dispatch::half_mean_square(made, images))
    }

    /// Backends with the error in one operation.
    #[backend_extension(Autodiff, Cube)]
    pub trait Squaring: Backend {
        /// The error `[1]`.
        fn half_mean_square(
            made: FloatTensor<Self>,
            images: FloatTensor<Self>,
        ) -> FloatTensor<Self>;
    }

    /// Backends with its gradient.
    pub trait SquaringBackward: Squaring {
        /// The gradient of `made`, from that of the error.
        fn half_mean_square_backward(
            made: FloatTensor<Self>,
            images: FloatTensor<Self>,
            gradient: FloatTensor<Self>,
        ) -> FloatTensor<Self>;
    }

    impl Squaring for CubeBackend {
        fn half_mean_square(made: CubeTensor, images: CubeTensor) -> CubeTensor {
            let (made, images) = (pixels(made), pixels(images));
            let values = made.meta.shape().num_elements();
            let parts = values.div_ceil(VALUES);
            let sums = empty_beside(&made, [parts]);
            let (count, size) = cubes(&made, parts);
            let scale = 0.5 / values as f32;
            square::launch(
                &made.client,
                count,
                size,
                buffer(&made),
                buffer(&images),
                buffer(&sums),
                scale,
            );
            sums::over_rows(sums, 1)
        }
    }

    impl SquaringBackward for CubeBackend {
        fn half_mean_square_backward(
            made: CubeTensor,
            of: CubeTensor,
            gradient: CubeTensor,
        ) -> CubeTensor {
            let (made, of) = (pixels(made), pixels(of));
            let shape = made.meta.shape();
            let difference = empty_beside(&made, [shape[0], shape[1], shape[2], shape[3]]);
            let values = shape.num_elements();
            let (count, size) = cubes(&made, values);
            subtract::launch(
                &made.client,
                count,
                size,
                buffer(&made),
                buffer(&of),
                buffer(&gradient),
                buffer(&difference),
                1.0 / values as f32,
            );
            images(difference)
        }
    }

    /// The sums of squares of every parts-th difference.
    #[cube(launch)]
    fn square(made: &[f32], images: &[f32], sums: &mut [f32], scale: f32) {
        if ABSOLUTE_POS >= sums.len() {
            terminate!();
        }
        let mut differences = Array::<f32>::new(VALUES);
        #[unroll]
        for n in 0..VALUES {
            let at = ABSOLUTE_POS + n * sums.len();
            let inside = at < made.len();
            let at = select(inside, at, 0usize);
            differences[n] = select(inside, made[at] - images[at], 0.0f32);
        }
        let mut sum = 0.0f32;
        #[unroll]
        for n in 0..VALUES {
            sum += differences[n] * differences[n];
        }
        sums[ABSOLUTE_POS] = sum * scale;
    }

    /// The differences, each `scale * gradient[0]` times.
    #[cube(launch)]
    fn subtract(
        made: &[f32],
        images: &[f32],
        gradient: &[f32],
        difference: &mut [f32],
        scale: f32,
    ) {
        if ABSOLUTE_POS < difference.len() {
            let by = scale * gradient[0];
            difference[ABSOLUTE_POS] = (made[ABSOLUTE_POS] - images[ABSOLUTE_POS]) * by;
        }
    }

    /// The backward pass; the parents are the reconstructions and the images.
    #[derive(Debug)]
    struct SquaringStep;

    impl<B: SquaringBackward> Backward<B, 2> for SquaringStep {
        type State = [FloatTensor<B>; 2];

        fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
            let gradient = grads.consume::<B>(&ops.node);
            let [made, images] = ops.state;
            let [made_node, images_node] = ops.parents;
            let down = B::half_mean_square_backward(made, images, gradient);
            if let Some(node) = images_node {
                grads.register::<B>(node.id, B::float_neg(down.clone()));
            }
            if let Some(node) = made_node {
                grads.register::<B>(node.id, down);
            }
        }
    }

    impl<B: SquaringBackward, C: CheckpointStrategy> Squaring for Autodiff<B, C> {
        fn half_mean_square(
            made: FloatTensor<Self>,
            images: FloatTensor<Self>,
        ) -> FloatTensor<Self> {
            let (made, made_node) = made.into_parts();
            let (images, images_node) = images.into_parts();
            let step = SquaringStep.prepare::<C>([made_node, images_node]);
            match step.compute_bound().stateful() {
                OpsKind::UnTracked(step) => step.finish(B::half_mean_square(made, images)),
                OpsKind::Tracked(step) => {
                    let error = B::half_mean_square(made.clone(), images.clone());
                    step.finish([made, images], error)
                }
            }
        }
    }

    #[cfg(all(test, feature = "cuda"))]
    mod tests {
        use super::*;
        use crate::ops::cube::cards::{any, assemble_for_cards};

        #[test]
        fn cards() {
            assemble_for_cards!("square error", square::Square, any(), any(), any(), ());
            assemble_for_cards!("its gradient", subtract::Subtract, any(), any(), any(), any(), ());
        }
    }
}

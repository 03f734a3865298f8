//! The gradient of images that several operations take: the sum of what each of them gives back.
//!
//! ```text
//! dx = Σ dx_i        over the operations that x goes into, `[batch, channels, height, width]`
//! ```
//!
//! burn adds two gradients in the order of their dimensions, however they lie in memory: of images whose channels lie
//! together, as ours do, that is a tenth of ConvMixer's time, and the sum, which lies in planes, another sixth in the
//! operations before. Here they are added as they lie. What has a gradient already burn does not tell, so it is kept in
//! mind, for the backward pass that runs on a thread; forgotten, it is burn that adds, the same numbers.

use std::cell::RefCell;
use std::collections::HashSet;

use burn::backend::autodiff::NodeId;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex};
use burn::tensor::{DType, Tensor};
use burn_flex::FlexTensor;

use crate::device::is_cpu;
use crate::ops::Activation;
use crate::ops::activated_sum::{activated_sum, sum_of_images};

/// Backends that add gradients of images as they lie.
pub trait AddGradients: Backend {
    /// `a + b`, of one shape.
    fn add_gradients(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl AddGradients for Flex {
    fn add_gradients(a: FlexTensor, b: FlexTensor) -> FlexTensor {
        let are_images = a.layout().shape().num_dims() == 4 && a.dtype() == DType::F32;
        if are_images && a.layout().num_elements() > 0 {
            return sum_of_images(&a, &b, Activation::Identity);
        }
        <Self as burn::backend::ops::FloatTensorOps<Self>>::float_add(a, b)
    }
}

#[cfg(feature = "cube")]
impl AddGradients for burn_cubecl::CubeBackend {
    fn add_gradients(a: FloatTensor<Self>, b: FloatTensor<Self>) -> FloatTensor<Self> {
        <Self as burn::backend::ops::FloatTensorOps<Self>>::float_add(a, b)
    }
}

/// From so many numbers on their sum is written to memory that is used again.
const MANY: usize = 1 << 14;

/// `a + b`, the gradients of a parameter from two pieces of a batch: on this thread, as the others have pieces of their own.
///
/// burn adds the gradients of our convolutions in new memory, whose pages the system clears for each piece: a twentieth of
/// VGG's time.
pub(crate) fn sum_of_pieces<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let (shape, n) = (a.dims(), a.shape().num_elements());
    if n < MANY || !is_cpu(&a.device()) {
        return a + b;
    }
    let [a, b] = [a, b].map(|gradient| gradient.reshape([1, n, 1, 1]));
    activated_sum(a, b, Activation::Identity).reshape(shape)
}

thread_local! {
    static HAVE_ONE: RefCell<HashSet<NodeId>> = RefCell::default();
}

/// Forgets what has a gradient, before a backward pass.
pub(crate) fn forget() {
    HAVE_ONE.with_borrow_mut(HashSet::clear);
}

/// More images than a backward pass gives a gradient to: what is kept in mind of passes that nobody has announced.
const MOST: usize = 1 << 16;

/// Whether images have a gradient from an operation of ours; from now on they have.
pub(super) fn have_one(node: NodeId) -> bool {
    HAVE_ONE.with_borrow_mut(|have_one| {
        if have_one.len() >= MOST {
            have_one.clear();
        }
        !have_one.insert(node)
    })
}

/// Gives the images of a parent their gradient, `$grads.register::<$backend>($node.id, $gradient)`, added to what they have:
/// a macro, as burn does not name the type of a node.
macro_rules! register_of_images {
    ($backend:ty, $grads:ident, $node:expr, $gradient:expr) => {{
        let (node, gradient) = ($node, $gradient);
        // What nothing has computed keeps its gradient when that is asked for: there burn adds.
        let has_one = node.order > 0 && $crate::ops::gradients::have_one(node.id);
        let gradient = match has_one {
            true => <$backend>::add_gradients($grads.consume::<$backend>(&node), gradient),
            false => gradient,
        };
        $grads.register::<$backend>(node.id, gradient);
    }};
}
pub(super) use register_of_images;

/// Gives the three parents of a layer their gradients: the images theirs, where it was asked for, as above, the two parameters
/// `$grads.register`.
macro_rules! register_of_layer {
    ($backend:ty, $grads:ident, $parents:expr, [$dx:expr, $second:expr, $third:expr]) => {{
        let [x, second, third] = $parents;
        if let (Some(x), Some(dx)) = (x, $dx) {
            $crate::ops::gradients::register_of_images!($backend, $grads, x, dx);
        }
        for (node, gradient) in [(second, $second), (third, $third)] {
            if let Some(node) = node {
                $grads.register::<$backend>(node.id, gradient);
            }
        }
    }};
}
pub(super) use register_of_layer;

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tensor};

    use super::*;
    use crate::ops::activated_sum::activated_sum;

    /// The gradient of x, which three operations take, and whose channels lie together.
    fn gradient(
        x: &Tensor<4>,
        sum: impl Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
        then: impl Fn(),
    ) -> Vec<f32> {
        let leaf = x.clone().require_grad();
        let x = sum(leaf.clone(), leaf.clone());
        let y = sum(sum(x.clone(), x.clone() * 3.0), sum(x.clone(), x));
        let loss = (y.clone() * y).sum();
        then();
        leaf.grad(&loss.backward()).unwrap().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn those_of_pieces_too() {
        let device = Device::flex();
        for shape in [[16, 8, 3, 3], [64, 40, 3, 3]] {
            let [a, b] = [0, 1]
                .map(|_| Tensor::<4>::random(shape, Distribution::Uniform(-1.0, 1.0), &device));
            let want = (a.clone() + b.clone()).into_data();
            assert_eq!(sum_of_pieces(a, b).into_data(), want);
        }
    }

    #[test]
    fn they_are_burns_sum() {
        let device = Device::flex().autodiff();
        let pixels = Tensor::random([17, 5, 4, 16], Distribution::Uniform(-1.0, 1.0), &device);
        let x = pixels.permute([0, 3, 1, 2]);
        let ours = |a, b| activated_sum(a, b, Activation::Identity);
        let want = gradient(&x, |a, b| a + b, || ());
        assert_eq!(gradient(&x, ours, || ()), want);
        assert_eq!(gradient(&x, ours, forget), want);
    }
}

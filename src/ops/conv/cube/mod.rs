//! The convolution as an operation of the GPUs' backend.
//!
//! With few channels on one side a convolution moves more than it computes. Then each of its passes is one kernel that
//! reads and writes every number once: from few to many channels ([`to_many`]), from many to few ([`to_few`]), and the
//! gradient of the weight ([`correlate`]), split over the rows of all images, whose parts are added up in a second
//! pass, in their order. Others are burn's convolution, with bias and activation in one kernel after it, and the gradient
//! of the weight by products of [`columns`].

mod columns;
mod correlate;
mod filter;
mod geometry;
mod to_few;
mod to_many;
mod window;

use std::fmt::Debug;

use burn::tensor::Shape;
use burn::tensor::ops::ConvOptions;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_data_backward, conv_forward};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use self::filter::Filter;
use self::geometry::Geometry;
use super::op::{ConvAttributes, Fused, FusedBackward, FusedGradients, Saved};
use crate::ops::cube::product::has_units;
use crate::ops::cube::tensor::{images, pixels};
use crate::ops::cube::{activation, sums};

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Few channels to many.
    ToMany,
    /// Many channels to few.
    ToFew,
    /// As burn does.
    Burn,
}

impl Way {
    fn of(geometry: &Geometry) -> Self {
        match () {
            () if !geometry.can_turn() => Self::Burn,
            () if to_many::takes(geometry) => Self::ToMany,
            () if to_few::takes(geometry) => Self::ToFew,
            () => Self::Burn,
        }
    }
}

/// Whether a convolution of these shapes can be one operation here: burn pads as much above as below.
pub(super) fn can_fuse(x: [usize; 4], weight: [usize; 4], padding: [usize; 4]) -> bool {
    let [top, bottom, left, right] = padding;
    top == bottom && left == right || Way::of(&Geometry::new(x, weight, padding)) != Way::Burn
}

impl Fused for CubeBackend {
    fn fused_conv2d(
        x: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        settings: ConvAttributes,
    ) -> CubeTensor {
        Self::fused_conv2d_saved(x, weight, bias, settings).output
    }
}

impl FusedBackward for CubeBackend {
    fn fused_conv2d_saved(
        x: CubeTensor,
        weight: CubeTensor,
        bias: CubeTensor,
        settings: ConvAttributes,
    ) -> Saved<CubeTensor, CubeTensor> {
        let (geometry, activation) = (geometry(&x, &weight, &settings), settings.activation);
        let bias = into_contiguous(bias);
        let filter = || Filter::forward(&weight, bias.clone(), activation);
        let output = match Way::of(&geometry) {
            Way::ToMany => to_many::run(&geometry, &pixels(x.clone()), &filter()),
            Way::ToFew => to_few::run(&geometry, &pixels(x.clone()), &filter()),
            Way::Burn => {
                let z = by_product_or_directly(&x, |strategy| {
                    let (x, weight) = (x.clone(), weight.clone());
                    conv_forward(x, weight, None, options(&settings), strategy)
                });
                activation::activate(pixels(z), &bias, activation)
            }
        };
        // There is no pooling here, and so no argmax.
        let argmax = bias;
        Saved { x, weight, output: images(output), argmax, settings }
    }

    fn fused_conv2d_backward(
        Saved { x, weight, output, settings, .. }: Saved<CubeTensor, CubeTensor>,
        gradient: CubeTensor,
        input_too: bool,
    ) -> FusedGradients<CubeTensor> {
        let (geometry, activation) = (geometry(&x, &weight, &settings), settings.activation);
        let (y, dy) = (pixels(output), pixels(gradient));
        match Way::of(&geometry) {
            Way::ToMany => {
                let (dw, db) = correlate::by_outputs(&geometry, &pixels(x), [&y, &dy], activation);
                let dx = input_too.then(|| {
                    let dz = activation::derived(y, dy, activation);
                    images(to_few::run(&geometry.turned(), &dz, &Filter::turned(&weight)))
                });
                (dx, dw, db)
            }
            Way::ToFew => {
                let dz = activation::derived(y, dy, activation);
                let db = sums::over_rows(dz.clone(), geometry.outputs);
                let dw = correlate::by_inputs(&geometry, &pixels(x), &dz);
                let dx = input_too.then(|| {
                    images(to_many::run(&geometry.turned(), &dz, &Filter::turned(&weight)))
                });
                (dx, dw, db)
            }
            Way::Burn => {
                let dz = activation::derived(y, dy, activation);
                let db = sums::over_rows(dz.clone(), geometry.outputs);
                let dw = columns::backward_weight(&geometry, &pixels(x.clone()), &dz);
                let dx = input_too.then(|| {
                    by_product_or_directly(&x, |strategy| {
                        let (dz, weight) = (images(dz.clone()), weight.clone());
                        let shape = x.meta.shape().clone();
                        conv_data_backward(dz, weight, shape, options(&settings), strategy)
                    })
                });
                (dx, dw, db)
            }
        }
    }
}

/// A convolution of burn's: as a product of matrices where the device has units for these and the shapes fit, else
/// directly. (burn's autotune would try all of its ways, for half a minute a model, and take another one another time.)
fn by_product_or_directly<E: Debug>(
    x: &CubeTensor,
    run: impl Fn(ConvStrategy) -> Result<CubeTensor, E>,
) -> CubeTensor {
    let by_product = has_units(x).then(|| run(ConvStrategy::ImplicitGemm).ok()).flatten();
    by_product.unwrap_or_else(|| run(ConvStrategy::Direct).expect("burn has any convolution"))
}

fn options(settings: &ConvAttributes) -> ConvOptions<2> {
    let [top, _, left, _] = settings.padding;
    ConvOptions::new([1, 1], [top, left], [1, 1], 1)
}

fn geometry(x: &CubeTensor, weight: &CubeTensor, settings: &ConvAttributes) -> Geometry {
    let sizes = |shape: &Shape| [shape[0], shape[1], shape[2], shape[3]];
    Geometry::new(sizes(x.meta.shape()), sizes(weight.meta.shape()), settings.padding)
}

//! The convolution as an operation of the GPUs' backend.
//!
//! With few channels on one side a convolution moves more than it computes. Then each of its passes is one kernel that
//! reads and writes every number once: from few to many channels ([`to_many`]), from many to few ([`to_few`]), and the
//! gradient of the weight ([`correlate`]), split over the rows of all images, whose parts are added up in a second
//! pass, in their order. Others are a [`product`] of matrices. A pooling after it keeps the places of the largest values, and
//! not the maps ([`pooling`]).

mod correlate;
mod filter;
mod pooling;
mod product;
mod to_few;
mod to_many;
mod window;

use burn::tensor::Shape;
use burn::tensor::ops::ConvOptions;
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::conv::{ConvStrategy, conv_data_backward};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

use self::filter::Filter;
use super::op::{ConvAttributes, Fused, FusedBackward, FusedGradients, Saved};
use crate::ops::Activation;
use crate::ops::cube::activation::derived_and_summed;
use crate::ops::cube::geometry::Geometry;
use crate::ops::cube::tensor::{images, pixels};

pub(super) use self::pooling::takes as can_pool;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Few channels to many.
    ToMany,
    /// Many channels to few.
    ToFew,
    /// As a product of matrices.
    Product,
}

impl Way {
    fn of(geometry: &Geometry) -> Self {
        match () {
            () if !geometry.can_turn() || product::is_better(geometry) => Self::Product,
            () if to_many::takes(geometry) => Self::ToMany,
            () if to_few::takes(geometry) => Self::ToFew,
            () => Self::Product,
        }
    }

    /// That of the gradient of the input.
    fn turned(self) -> Self {
        match self {
            Self::ToMany => Self::ToFew,
            Self::ToFew => Self::ToMany,
            Self::Product => Self::Product,
        }
    }

    /// The pixels of the output, from those of the input.
    fn run(self, geometry: &Geometry, x: &CubeTensor, filter: &Filter) -> CubeTensor {
        match self {
            Self::ToMany => to_many::run(geometry, x, filter),
            Self::ToFew => to_few::run(geometry, x, filter),
            Self::Product => product::run(geometry, x, filter),
        }
    }

    /// The gradient of the weight, from the pixels of x and of the gradient of what is activated.
    fn weight(self, geometry: &Geometry, x: &CubeTensor, dz: &CubeTensor) -> CubeTensor {
        match self {
            Self::ToMany => correlate::by_outputs(geometry, x, [dz; 2], Activation::Identity).0,
            Self::ToFew => correlate::by_inputs(geometry, x, dz),
            Self::Product => product::backward_weight(geometry, x, dz),
        }
    }
}

/// Whether a convolution of these shapes can be one operation here: where zeros are further out than the window reaches, the
/// gradient of the input is burn's, who pads as much above as below.
pub(super) fn can_fuse(x: [usize; 4], weight: [usize; 4], padding: [usize; 4]) -> bool {
    let [top, bottom, left, right] = padding;
    top == bottom && left == right || Geometry::new(x, weight, padding).can_turn()
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
        let geometry = geometry(&x, &weight, &settings);
        let bias = into_contiguous(bias);
        let filter = Filter::forward(&weight, bias.clone(), settings.activation);
        let maps = Way::of(&geometry).run(&geometry, &pixels(x.clone()), &filter);
        let [output, argmax] = match settings.pool {
            Some(windows) => pooling::pool(&maps, &geometry, windows),
            // Without a pooling there is none.
            None => [maps, bias],
        };
        Saved { x, weight, output: images(output), argmax, settings }
    }

    fn fused_conv2d_backward(
        Saved { x, weight, output, argmax, settings }: Saved<CubeTensor, CubeTensor>,
        gradient: CubeTensor,
        input_too: bool,
    ) -> FusedGradients<CubeTensor> {
        let (geometry, activation) = (geometry(&x, &weight, &settings), settings.activation);
        let (way, own) = (Way::of(&geometry), pixels(x.clone()));
        let (y, dy) = (pixels(output), pixels(gradient));
        if way == Way::ToMany && settings.pool.is_none() && !input_too {
            let (dw, db) = correlate::by_outputs(&geometry, &own, [&y, &dy], activation);
            return (None, dw, db);
        }
        let (dz, db) = match settings.pool {
            Some(windows) => pooling::unpooled([&y, &dy, &argmax], activation, &geometry, windows),
            None => derived_and_summed(y, dy, activation, geometry.outputs),
        };
        let dw = way.weight(&geometry, &own, &dz);
        let dx = input_too.then(|| match geometry.can_turn() {
            true => images(way.turned().run(&geometry.turned(), &dz, &Filter::turned(&weight))),
            false => {
                let (shape, options) = (x.meta.shape().clone(), options(&settings));
                conv_data_backward(images(dz), weight, shape, options, ConvStrategy::Direct)
                    .expect("burn has any convolution")
            }
        });
        (dx, dw, db)
    }
}

fn options(settings: &ConvAttributes) -> ConvOptions<2> {
    let [top, _, left, _] = settings.padding;
    ConvOptions::new([1, 1], [top, left], [1, 1], 1)
}

fn geometry(x: &CubeTensor, weight: &CubeTensor, settings: &ConvAttributes) -> Geometry {
    let sizes = |shape: &Shape| [shape[0], shape[1], shape[2], shape[3]];
    Geometry::new(sizes(x.meta.shape()), sizes(weight.meta.shape()), settings.padding)
}

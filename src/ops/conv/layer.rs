//! The geometry of a convolution over a batch, `[batch, in, h, w]` to `[batch, out, h', w']` and, of a pooling,
//! to the largest values of its windows.

use crate::ops::Activation;
use crate::ops::conv::correlation::{is_wide, output_layout};
use crate::ops::conv::winograd::Tiling;
use crate::ops::layout::{ImageLayout, Images, Size, place};
use crate::ops::recycled::Recycled;
use crate::ops::simd::SimdLevel;
use crate::ops::windows::Windows;

/// From this many weights on (a megabyte) it is.
const GEMM_MIN_WEIGHTS: usize = 1 << 18;

/// Whether a layer with weights of this shape is better off as a product of matrices.
pub(super) fn is_better_as_gemm(weight: [usize; 4]) -> bool {
    weight.iter().product::<usize>() >= GEMM_MIN_WEIGHTS
}

/// How a layer is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// By kernels that read the pixels where they are.
    Direct,
    /// As a product of matrices.
    ImplicitGemm,
    /// As products in a transformed domain.
    Winograd(Tiling),
}

/// What a layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) struct Layer {
    pub level: SimdLevel,
    pub activation: Activation,
    pub input: Size,
    pub outputs: usize,
    pub kernel: [usize; 2],
    /// Zeros on the top, bottom, left and right.
    pub padding: [usize; 4],
    /// The largest of each window of the activated maps is the output, if there is a pooling.
    pub pool: Option<Windows>,
}

/// What a layer put out, and the gradient of that.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Outputs<'a> {
    pub y: Images<'a>,
    pub gradient: Images<'a>,
    /// Of each y in its window, in the order of [`Layer::output_layout`]; none without a pooling.
    pub argmax: &'a [u8],
}

/// The gradients of a layer.
pub(in crate::ops) struct LayerGradients {
    /// Of the input, and its order; `None` if not asked for.
    pub input: Option<(Recycled, ImageLayout)>,
    /// `[outputs, inputs, kernel rows, kernel columns]`.
    pub weight: Recycled,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// Memory for an image with padding, or in another order.
pub(super) type Scratch = (Vec<f32>, Vec<f32>);

impl Layer {
    /// The size of the output.
    pub(super) fn output(&self) -> Size {
        let maps = self.maps();
        self.pool.map_or(maps, |windows| windows.output(maps))
    }

    /// The size of the maps, which may be pooled.
    pub(in crate::ops) fn maps(&self) -> Size {
        let padded = self.padded();
        let (rows, columns) =
            (padded.rows + 1 - self.kernel[0], padded.columns + 1 - self.kernel[1]);
        Size { channels: self.outputs, rows, columns }
    }

    /// The order of the output.
    pub(super) fn output_layout(&self) -> ImageLayout {
        match self.method() {
            Method::Direct => output_layout(self.input.channels, self.outputs),
            Method::ImplicitGemm | Method::Winograd(_) => ImageLayout::Nhwc,
        }
    }

    /// How its maps are computed. (The backward pass through a pooling, most of whose gradients are zeros, has a way of its
    /// own where this is not Winograd's.)
    pub(super) fn method(&self) -> Method {
        let [height, width] = self.kernel;
        let weight = [self.outputs, self.input.channels, height, width];
        let maps = self.maps();
        let is_pooled = self.pool.is_some();
        if is_pooled && !is_wide(self.input.channels, self.outputs) {
            return Method::Direct;
        }
        match Tiling::of(weight, [maps.rows, maps.columns]) {
            Some(tiling) => Method::Winograd(tiling),
            None if !is_pooled && is_better_as_gemm(weight) => Method::ImplicitGemm,
            None => Method::Direct,
        }
    }

    /// The size of the padded input.
    pub(super) fn padded(&self) -> Size {
        let [top, bottom, left, right] = self.padding;
        let Size { channels, rows, columns } = self.input;
        Size { channels, rows: rows + top + bottom, columns: columns + left + right }
    }

    /// Image `i` with its padding.
    pub(super) fn pad<'s, 'a: 's>(
        &self,
        x: Images<'a>,
        i: usize,
        layout: ImageLayout,
        buffer: &'s mut Vec<f32>,
        scratch: &'s mut Vec<f32>,
    ) -> &'s [f32] {
        if self.padding == [0; 4] {
            return x.image_in(i, layout, scratch);
        }
        buffer.resize(self.padded().len(), 0.0);
        self.pad_into(x, i, layout, buffer);
        buffer
    }

    /// Puts image `i` into `buffer`, whose borders stay zero from one image to the next.
    pub(super) fn pad_into(&self, x: Images, i: usize, layout: ImageLayout, buffer: &mut [f32]) {
        let [top, _, left, _] = self.padding.map(|zeros| zeros as isize);
        place(x.image(i), x.layout, x.size, [top, left], buffer, layout, self.padded());
    }

    /// Puts a padded image into `image` without its padding; both have their pixels together.
    pub(super) fn crop(&self, buffer: &[f32], image: &mut [f32]) {
        let [top, _, left, _] = self.padding.map(|zeros| -(zeros as isize));
        let layout = ImageLayout::Nhwc;
        place(buffer, layout, self.padded(), [top, left], image, layout, self.input);
    }
}

//! The sizes of a convolution, of which a kernel is compiled for each: its divisions are by constants, and its loops
//! over a window unrolled.

use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// What a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Geometry {
    /// Channels of the input.
    pub inputs: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Rows of the output.
    pub out_height: usize,
    /// Columns of the output.
    pub out_width: usize,
    /// Rows of the window.
    pub rows: usize,
    /// Columns of the window.
    pub columns: usize,
    /// Zeros above the input.
    pub top: usize,
    /// Zeros on its left.
    pub left: usize,
}

impl Geometry {
    /// Of images `[_, in, h, w]`, a weight `[out, in, kh, kw]` and zeros on the top, bottom, left and right.
    pub fn new(
        [_, inputs, height, width]: [usize; 4],
        [outputs, _, rows, columns]: [usize; 4],
        [top, bottom, left, right]: [usize; 4],
    ) -> Self {
        Self {
            inputs,
            height,
            width,
            outputs,
            out_height: height + top + bottom + 1 - rows,
            out_width: width + left + right + 1 - columns,
            rows,
            columns,
            top,
            left,
        }
    }

    /// Weights from one channel to one.
    pub fn window(&self) -> usize {
        self.rows * self.columns
    }

    /// Whether its input's gradient is a convolution too: no zeros are further out than the window reaches.
    pub fn can_turn(&self) -> bool {
        let below =
            |out: usize, window: usize, size: usize, above: usize| out + window - 1 - size - above;
        let bottom = below(self.out_height, self.rows, self.height, self.top);
        let right = below(self.out_width, self.columns, self.width, self.left);
        self.top.max(bottom) < self.rows && self.left.max(right) < self.columns
    }

    /// That of the convolution that the gradient of the input is: from the output to the input, with the window turned
    /// round.
    pub fn turned(&self) -> Self {
        Self {
            inputs: self.outputs,
            height: self.out_height,
            width: self.out_width,
            outputs: self.inputs,
            out_height: self.height,
            out_width: self.width,
            rows: self.rows,
            columns: self.columns,
            top: self.rows - 1 - self.top,
            left: self.columns - 1 - self.left,
        }
    }

    /// The shape of the output's pixels, of as many images as there are in the pixels of the input.
    pub fn output(&self, x: &CubeTensor) -> [usize; 4] {
        [images(x), self.out_height, self.out_width, self.outputs]
    }
}

/// How many images these pixels are.
pub(crate) fn images(pixels: &CubeTensor) -> usize {
    pixels.meta.shape()[0]
}

/// Whether a row and a column of the padded image are in the image, and where that pixel is, if each has `channels`
/// numbers; 0 outside.
#[cube]
pub(crate) fn place_of(
    image: usize,
    row: usize,
    column: usize,
    c: usize,
    channels: usize,
    #[comptime] g: Geometry,
) -> (bool, usize) {
    let (top, left, height, width) = comptime!((g.top, g.left, g.height, g.width));
    let inside = row >= top && row < height + top && column >= left && column < width + left;
    let at = ((image * height + row - top) * width + column - left) * channels + c;
    (inside, select(inside, at, 0usize))
}

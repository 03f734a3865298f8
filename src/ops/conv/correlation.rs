//! A convolution without padding of one image, with its weights packed for the kernels.

use std::ops::Range;

use crate::ops::Activation;
use crate::ops::conv::kernels::{Narrow, Wide};
use crate::ops::layout::{ImageLayout, Size, place};
use crate::ops::simd::{MAX_LANES, SimdLevel};

/// `out[k][r][p] = activation(bias[k] + Σ_cij x[c][r + i][p + j] * weight[k][c][i][j])`
pub(super) struct Correlation {
    level: SimdLevel,
    activation: Activation,
    input: Size,
    input_layout: ImageLayout,
    output: Size,
    taps: Vec<usize>,
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// Where the lanes are: output channels if they are at least as many as the input's, or fill whole
/// vectors.
pub(super) fn is_wide(inputs: usize, outputs: usize) -> bool {
    outputs >= inputs || outputs.is_multiple_of(MAX_LANES)
}

/// The order in which a layer's output is written.
pub(super) fn output_layout(inputs: usize, outputs: usize) -> ImageLayout {
    if is_wide(inputs, outputs) { ImageLayout::Nhwc } else { ImageLayout::Nchw }
}

/// Where each weight's value lies in an image of these strides: by channel, kernel row, kernel
/// column.
pub(super) fn taps(
    [channel, row, pixel]: [usize; 3],
    channels: usize,
    kernel: [usize; 2],
) -> Vec<usize> {
    let mut taps = Vec::with_capacity(channels * kernel[0] * kernel[1]);
    for c in 0..channels {
        for i in 0..kernel[0] {
            taps.extend((0..kernel[1]).map(|j| c * channel + i * row + j * pixel));
        }
    }
    taps
}

impl Correlation {
    /// Packs `weight` (`[outputs, inputs, kernel rows, kernel columns]`) for images of size `input`,
    /// in `layout` if the kernel can read that, else in [`Correlation::input_order`].
    pub(super) fn new(
        level: SimdLevel,
        activation: Activation,
        (input, layout): (Size, ImageLayout),
        kernel: [usize; 2],
        weight: &[f32],
        bias: &[f32],
    ) -> Self {
        let (inputs, outputs, area) = (input.channels, bias.len(), kernel[0] * kernel[1]);
        let rows = input.rows + 1 - kernel[0];
        let columns = input.columns + 1 - kernel[1];
        let output = Size { channels: outputs, rows, columns };
        let wide = is_wide(inputs, outputs);
        let input_layout = if wide { layout } else { ImageLayout::Nhwc };
        let mut bias = bias.to_vec();
        let (packed, taps) = if wide {
            let pitch = outputs.next_multiple_of(MAX_LANES);
            bias.resize(pitch, 0.0);
            let mut packed = vec![0.0; inputs * area * pitch];
            for (i, &w) in weight.iter().enumerate() {
                packed[i % (inputs * area) * pitch + i / (inputs * area)] = w;
            }
            (packed, taps(input.strides(input_layout), inputs, kernel))
        } else {
            let pitch = inputs.next_multiple_of(MAX_LANES);
            let mut packed = vec![0.0; outputs * area * pitch];
            for (i, &w) in weight.iter().enumerate() {
                let (k, c, tap) = (i / area / inputs, i / area % inputs, i % area);
                packed[(k * area + tap) * pitch + c] = w;
            }
            (packed, taps(input.strides(input_layout), 1, kernel))
        };
        Self { level, activation, input, input_layout, output, taps, weight: packed, bias }
    }

    /// The order in which [`Correlation::run`] wants its image.
    pub(super) fn input_layout(&self) -> ImageLayout {
        self.input_layout
    }

    /// The first so many `rows` of the output of one image, at most as many as there are; their order is [`output_layout`].
    pub(super) fn run(&self, image: &[f32], rows: usize, out: &mut [f32]) {
        let Self { level, activation, input, output, .. } = *self;
        let (taps, weight, bias) = (&self.taps[..], &self.weight[..], &self.bias[..]);
        let [_, row, pixel] = input.strides(self.input_layout);
        let columns = output.columns;
        if is_wide(input.channels, output.channels) {
            let channels = output.channels;
            let (x, activation) = (image, activation);
            level.run(Wide {
                x,
                taps,
                row,
                pixel,
                weight,
                bias,
                activation,
                channels,
                rows,
                columns,
                out,
            });
        } else {
            let (x, channels) = (image, input.channels);
            level.run(Narrow {
                x,
                taps,
                row,
                channels,
                weight,
                bias,
                activation,
                rows,
                columns,
                out,
            });
        }
    }

    /// These `rows` of an output of size `whole`, from the image under them; `band` holds them if they are not in one piece.
    pub(super) fn run_band(
        &self,
        whole: Size,
        rows: Range<usize>,
        image: &[f32],
        out: &mut [f32],
        band: &mut Vec<f32>,
    ) {
        let (n, row) = (rows.len(), whole.columns * whole.channels);
        if n == 0 {
            return;
        }
        let layout = output_layout(self.input.channels, whole.channels);
        if n == whole.rows || layout == ImageLayout::Nhwc || whole.channels == 1 {
            return self.run(image, n, &mut out[rows.start * row..rows.end * row]);
        }
        // Planes, of which a band is not in one piece.
        band.resize(n * row, 0.0);
        self.run(image, n, band);
        let of_band = Size { rows: n, ..whole };
        place(band, layout, of_band, [rows.start as isize, 0], out, layout, whole);
    }
}

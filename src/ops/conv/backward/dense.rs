//! The backward pass where all values have a gradient, image by image and band by band: the formulas of the module
//! above, the sum over pixels innermost for dW, that over taps for dx.

use std::ops::Range;

use crate::ops::Activation;
use crate::ops::conv::backward::Back;
use crate::ops::conv::bands::{Bands, place_band};
use crate::ops::conv::correlation::{Correlation, is_wide, output_layout, taps};
use crate::ops::conv::kernels::Outer;
use crate::ops::conv::layer::{Layer, Outputs};
use crate::ops::layout::{ImageLayout, Images, Size, place};
use crate::ops::simd::{Derive, MAX_LANES, PlaneSums};

/// The order of the image whose single values the weight gradient takes: those of one channel are
/// read again and again, and have to fit the first cache.
const VALUES: ImageLayout = ImageLayout::Nchw;

/// The backward pass of a layer, its weights packed.
pub(super) struct Dense<'a> {
    layer: &'a Layer,
    bands: Bands,
    /// From the output's padded gradient to the input's gradient.
    input: Option<Correlation>,
    taps: Vec<usize>,
}

impl<'a> Dense<'a> {
    pub(super) fn new(layer: &'a Layer, weight: &[f32], input_too: bool) -> Self {
        let (inputs, outputs) = (layer.input.channels, layer.outputs);
        let wide = is_wide(inputs, outputs);
        let layout = if wide { ImageLayout::Nhwc } else { ImageLayout::Nchw };
        let bands = layer.bands();
        let gradient = layer.padded_gradient(bands);
        let input = input_too.then(|| {
            let (buffer, weight) = ((gradient, layout), layer.rotated(weight));
            let bias = vec![0.0; inputs];
            let (level, kernel) = (layer.level, layer.kernel);
            Correlation::new(level, Activation::Identity, buffer, kernel, &weight, &bias)
        });
        let values = if wide { layer.padded_band(bands) } else { gradient };
        let taps = taps(values.strides(VALUES), values.channels, layer.kernel);
        Self { layer, bands, input, taps }
    }

    /// Channels in the vectors of the weight gradient.
    fn channels(&self) -> usize {
        let (inputs, outputs) = (self.layer.input.channels, self.layer.outputs);
        if is_wide(inputs, outputs) { outputs } else { inputs }
    }

    /// Sums of the weight gradient, as the kernel writes them.
    fn weight_sums(&self) -> usize {
        self.taps.len() * self.channels().next_multiple_of(MAX_LANES)
    }

    /// Backward through image `i`, whose channels of an output pixel lie together.
    fn wide(
        &self,
        x: Images,
        outputs: Outputs,
        i: usize,
        scratch: &mut Scratch,
        (dx, weight, bias): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let (layer, bands) = (self.layer, self.bands);
        let Scratch { dz, buffer, padded, a, b, c } = scratch;
        let (maps, layout) = (layer.maps(), ImageLayout::Nhwc);
        let gradient = outputs.gradient.image_in(i, layout, a);
        let output = outputs.y.image_in(i, layout, b);
        for start in bands.starts() {
            let rows = bands.of(start, maps.rows);
            let mut vectors = (
                maps.rows_of(gradient, rows.clone()),
                layer.activation,
                maps.rows_of(output, rows.clone()),
            );
            if let Some(correlation) = &self.input {
                // Without an input's gradient the kernel takes the derivative as it goes: one pass through memory.
                let of_input = bands.of(start, layer.input.rows);
                let under = layer.gradient_rows(&of_input);
                let under = under.start.min(rows.start)..under.end.max(rows.end);
                let of = |image| maps.rows_of(image, under.clone());
                let dz = self.derive(of(gradient), of(output), dz);
                let derived = Size { rows: under.len(), ..maps };
                self.place((dz, layout, derived), under.start, of_input.start, buffer);
                correlation.run_band(layer.input, of_input, buffer, dx, c);
                let from = rows.start - under.start;
                vectors = (derived.rows_of(dz, from..from + rows.len()), Activation::Identity, &[]);
            }
            if !rows.is_empty() {
                let values = layer.pad_rows((x, i, VALUES), (bands, &rows), padded, c);
                self.outer(vectors, rows.len(), values, weight, Some(bias));
            }
        }
    }

    /// Backward through image `i`, whose output is in planes.
    fn narrow(
        &self,
        x: Images,
        outputs: Outputs,
        i: usize,
        scratch: &mut Scratch,
        (dx, weight, bias): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let (layer, bands) = (self.layer, self.bands);
        let Scratch { dz, buffer, a, b, c, padded } = scratch;
        let (maps, layout) = (layer.maps(), ImageLayout::Nchw);
        let gradient = outputs.gradient.image_in(i, layout, a);
        let dz = self.derive(gradient, outputs.y.image_in(i, layout, b), dz);
        let vectors = x.image_in(i, ImageLayout::Nhwc, c);
        for start in bands.starts() {
            let rows = bands.of(start, layer.input.rows);
            if rows.is_empty() {
                break;
            }
            self.place((dz, layout, maps), 0, start, buffer);
            if let Some(correlation) = &self.input {
                correlation.run_band(layer.input, rows.clone(), buffer, dx, padded);
            }
            let n = rows.len();
            let vectors = (layer.input.rows_of(vectors, rows), Activation::Identity, &[][..]);
            self.outer(vectors, n, buffer, weight, None);
        }
        layer.level.run(PlaneSums { image: dz, sums: bias });
    }

    /// Puts `dz`, whose rows are those of the maps from `first` on, into the padded gradient over the rows of the input from
    /// `start` on.
    fn place(
        &self,
        (dz, layout, size): (&[f32], ImageLayout, Size),
        first: usize,
        start: usize,
        buffer: &mut Vec<f32>,
    ) {
        let band = self.layer.padded_gradient(self.bands);
        let [top, left] = self.layer.gradient_offset();
        if self.bands.is_one() {
            buffer.resize(band.len(), 0.0);
            place(dz, layout, size, [top, left], buffer, layout, band);
            return;
        }
        let first = start as isize - top - first as isize;
        place_band((dz, layout, size), [first, left], (buffer, layout, band));
    }

    /// Adds so many rows of an image to the weight gradient.
    fn outer(
        &self,
        (vectors, activation, output): (&[f32], Activation, &[f32]),
        rows: usize,
        values: &[f32],
        out: &mut [f32],
        sums: Option<&mut [f32]>,
    ) {
        let layer = self.layer;
        let wide = is_wide(layer.input.channels, layer.outputs);
        let (of, from) = if wide {
            (layer.maps(), layer.padded_band(self.bands))
        } else {
            (layer.input, layer.padded_gradient(self.bands))
        };
        let Size { channels, columns, .. } = of;
        let [_, row, pixel] = from.strides(VALUES);
        let taps = &self.taps[..];
        layer.level.run(Outer {
            vectors,
            activation,
            output,
            channels,
            rows,
            columns,
            values,
            taps,
            row,
            pixel,
            out,
            sums,
        });
    }

    /// The gradient before the activation.
    fn derive<'s>(&self, gradient: &'s [f32], output: &[f32], dz: &'s mut Vec<f32>) -> &'s [f32] {
        let activation = self.layer.activation;
        if activation == Activation::Identity {
            return gradient;
        }
        dz.resize(output.len(), 0.0);
        self.layer.level.run(Derive { activation, gradient, output, out: dz });
        dz
    }
}

impl Back for Dense<'_> {
    fn sums(&self) -> usize {
        self.weight_sums() + self.layer.outputs
    }

    fn input_layout(&self) -> ImageLayout {
        output_layout(self.layer.outputs, self.layer.input.channels)
    }

    fn group(
        &self,
        x: Images,
        outputs: Outputs,
        images: Range<usize>,
        dx: &mut [f32],
        sums: &mut [f32],
    ) {
        let (weight, bias) = sums.split_at_mut(self.weight_sums());
        let mut scratch = Scratch::default();
        let n = self.layer.input.len();
        for (i, image) in images.enumerate() {
            let dx = if self.input.is_some() { &mut dx[i * n..][..n] } else { &mut dx[..0] };
            let gradients = (dx, &mut *weight, &mut *bias);
            match is_wide(self.layer.input.channels, self.layer.outputs) {
                true => self.wide(x, outputs, image, &mut scratch, gradients),
                false => self.narrow(x, outputs, image, &mut scratch, gradients),
            }
        }
    }

    fn unpack(&self, sums: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let Layer { input, outputs, kernel, .. } = *self.layer;
        let (inputs, area) = (input.channels, kernel[0] * kernel[1]);
        let (sums, bias) = sums.split_at(self.weight_sums());
        let pitch = self.channels().next_multiple_of(MAX_LANES);
        let wide = is_wide(inputs, outputs);
        let weight = (0..outputs * inputs * area).map(|i| {
            let (k, c, tap) = (i / area / inputs, i / area % inputs, i % area);
            if wide {
                sums[(c * area + tap) * pitch + k]
            } else {
                // Seen from the input the kernel is rotated by 180 degrees.
                sums[(k * area + area - 1 - tap) * pitch + c]
            }
        });
        (weight.collect(), bias.to_vec())
    }
}

impl Layer {
    /// The size of the padded input under a band of the maps.
    fn padded_band(&self, bands: Bands) -> Size {
        let padded = self.padded();
        match bands.is_one() {
            true => padded,
            false => Size { rows: bands.rows + self.kernel[0] - 1, ..padded },
        }
    }

    /// The size of the output's padded gradient over a band of the input: each pixel of the input is under as many of its
    /// pixels as the kernel has.
    fn padded_gradient(&self, bands: Bands) -> Size {
        let ([height, width], input) = (self.kernel, self.input);
        let rows = bands.rows.min(input.rows) + height - 1;
        Size { channels: self.outputs, rows, columns: input.columns + width - 1 }
    }

    /// The rows of the maps whose gradient is over these of the input.
    fn gradient_rows(&self, rows: &Range<usize>) -> Range<usize> {
        let (top, height) = (self.gradient_offset()[0], self.maps().rows as isize);
        let row = |row: usize| (row as isize - top).clamp(0, height) as usize;
        row(rows.start)..row(rows.end + self.kernel[0] - 1)
    }

    /// Where the output's gradient lies in [`Layer::padded_gradient`].
    fn gradient_offset(&self) -> [isize; 2] {
        let [top, _, left, _] = self.padding;
        [self.kernel[0] as isize - 1 - top as isize, self.kernel[1] as isize - 1 - left as isize]
    }

    /// The weights of the backward pass: inputs and outputs swapped, the kernel rotated by 180 degrees.
    fn rotated(&self, weight: &[f32]) -> Vec<f32> {
        let (inputs, area) = (self.input.channels, self.kernel[0] * self.kernel[1]);
        let mut rotated = vec![0.0; weight.len()];
        for (i, &w) in weight.iter().enumerate() {
            let (k, c, tap) = (i / area / inputs, i / area % inputs, i % area);
            rotated[(c * self.outputs + k) * area + area - 1 - tap] = w;
        }
        rotated
    }
}

/// Memory for one image, kept from one to the next.
#[derive(Default)]
struct Scratch {
    dz: Vec<f32>,
    buffer: Vec<f32>,
    padded: Vec<f32>,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

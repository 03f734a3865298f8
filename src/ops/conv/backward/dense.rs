//! The backward pass where all values have a gradient, image by image: the formulas of the module
//! above, the sum over pixels innermost for dW, that over taps for dx.

use std::ops::Range;

use crate::ops::Activation;
use crate::ops::conv::backward::Back;
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
    /// From the output's padded gradient to the input's gradient.
    input: Option<Correlation>,
    taps: Vec<usize>,
}

impl<'a> Dense<'a> {
    pub(super) fn new(layer: &'a Layer, weight: &[f32], input_too: bool) -> Self {
        let (inputs, outputs) = (layer.input.channels, layer.outputs);
        let wide = is_wide(inputs, outputs);
        let layout = if wide { ImageLayout::Nhwc } else { ImageLayout::Nchw };
        let input = input_too.then(|| {
            let (buffer, weight) = ((layer.padded_gradient(), layout), layer.rotated(weight));
            let bias = vec![0.0; inputs];
            let (level, kernel) = (layer.level, layer.kernel);
            Correlation::new(level, Activation::Identity, buffer, kernel, &weight, &bias)
        });
        let values = if wide { layer.padded() } else { layer.padded_gradient() };
        let taps = taps(values.strides(VALUES), values.channels, layer.kernel);
        Self { layer, input, taps }
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

    fn image(
        &self,
        x: Images,
        outputs: Outputs,
        i: usize,
        scratch: &mut Scratch,
        (dx, weight, bias): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let layer = self.layer;
        let wide = is_wide(layer.input.channels, layer.outputs);
        let layout = layer.output_layout();
        let Scratch { dz, buffer, padded, a, b, c } = scratch;
        let gradient = outputs.gradient.image_in(i, layout, a);
        let output = outputs.y.image_in(i, layout, b);
        if wide && self.input.is_none() {
            // The kernel takes the derivative as it goes: one pass through memory.
            let values = layer.pad(x, i, VALUES, padded, c);
            self.outer((gradient, layer.activation, output), values, weight, Some(bias));
            return;
        }
        let dz = self.derive(gradient, output, dz);
        buffer.resize(layer.padded_gradient().len(), 0.0);
        place(
            dz,
            layout,
            layer.maps(),
            layer.gradient_offset(),
            buffer,
            layout,
            layer.padded_gradient(),
        );
        if let Some(correlation) = &self.input {
            correlation.run(buffer, dx);
        }
        if wide {
            let values = layer.pad(x, i, VALUES, padded, c);
            self.outer((dz, Activation::Identity, &[]), values, weight, Some(bias));
        } else {
            let vectors = x.image_in(i, ImageLayout::Nhwc, c);
            self.outer((vectors, Activation::Identity, &[]), buffer, weight, None);
            layer.level.run(PlaneSums { image: dz, sums: bias });
        }
    }

    /// Adds an image to the weight gradient.
    fn outer(
        &self,
        (vectors, activation, output): (&[f32], Activation, &[f32]),
        values: &[f32],
        out: &mut [f32],
        sums: Option<&mut [f32]>,
    ) {
        let layer = self.layer;
        let wide = is_wide(layer.input.channels, layer.outputs);
        let (of, from) = if wide {
            (layer.maps(), layer.padded())
        } else {
            (layer.input, layer.padded_gradient())
        };
        let Size { channels, rows, columns } = of;
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
            self.image(x, outputs, image, &mut scratch, (dx, weight, bias));
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
    /// The size of the output's padded gradient: each pixel of the input is under as many of its
    /// pixels as the kernel has.
    fn padded_gradient(&self) -> Size {
        let Size { rows, columns, .. } = self.input;
        let [height, width] = self.kernel;
        Size { channels: self.outputs, rows: rows + height - 1, columns: columns + width - 1 }
    }

    /// Where the output's gradient lies in [`Layer::room`].
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

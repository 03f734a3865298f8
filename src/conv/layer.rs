//! The convolution layer over a batch: padding, groups of images, threads.
//!
//! Groups have a fixed number of images and their weight gradients are added in order: the result
//! is the same to the last bit whatever the number of threads.

use super::Activation;
use super::correlation::{Correlation, is_wide, output_order, taps};
use super::groups::{GROUP, for_groups, zeros};
use super::images::{Images, Order, Size, place};
use super::kernels::{Derive, Level, MAX_LANES, Outer, PlaneSums};
use super::lowered;

/// The sums of all groups take no more numbers than this, if that leaves work for some threads.
const MOST_SUMS: usize = 1 << 24;
/// So many groups may be, whatever their sums take.
const FEWEST_GROUPS: usize = 4;

/// What a layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    pub level: Level,
    pub activation: Activation,
    pub input: Size,
    pub outputs: usize,
    pub kernel: [usize; 2],
    /// Zeros on the top, bottom, left and right.
    pub padding: [usize; 4],
}

/// The gradients of a layer.
pub(super) struct LayerGradients {
    /// Of the input, and its order; `None` if not asked for.
    pub input: Option<(Vec<f32>, Order)>,
    /// `[outputs, inputs, kernel rows, kernel columns]`.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

impl Layer {
    /// The size of the output.
    pub(super) fn output(&self) -> Size {
        let padded = self.padded();
        let (rows, columns) =
            (padded.rows + 1 - self.kernel[0], padded.columns + 1 - self.kernel[1]);
        Size { channels: self.outputs, rows, columns }
    }

    /// The order of the output.
    pub(super) fn output_order(&self) -> Order {
        if lowered::is_better_for(self) {
            return Order::Pixels;
        }
        output_order(self.input.channels, self.outputs)
    }

    /// The size of the padded input.
    pub(super) fn padded(&self) -> Size {
        let [top, bottom, left, right] = self.padding;
        let Size { channels, rows, columns } = self.input;
        Size { channels, rows: rows + top + bottom, columns: columns + left + right }
    }

    /// The size of the output's padded gradient: each pixel of the input is under as many of its
    /// pixels as the kernel has.
    fn room(&self) -> Size {
        let Size { rows, columns, .. } = self.input;
        let [height, width] = self.kernel;
        Size { channels: self.outputs, rows: rows + height - 1, columns: columns + width - 1 }
    }

    /// Where the output's gradient lies in [`Layer::room`].
    fn corner(&self) -> [isize; 2] {
        let [top, _, left, _] = self.padding;
        [self.kernel[0] as isize - 1 - top as isize, self.kernel[1] as isize - 1 - left as isize]
    }

    /// The activated outputs of all images, one after the other in [`Layer::output_order`].
    pub(super) fn forward(&self, x: Images, weight: &[f32], bias: &[f32]) -> Vec<f32> {
        if lowered::is_better_for(self) {
            return lowered::forward(self, x, weight, bias);
        }
        let padded = self.padded();
        let correlation = Correlation::new(
            self.level,
            self.activation,
            (padded, x.order),
            self.kernel,
            weight,
            bias,
        );
        let (order, n) = (correlation.input_order(), correlation.output().len());
        let mut out = zeros(x.values.len() / x.size.len() * n);
        for_groups(&mut out, GROUP * n, |group, out| {
            let (mut room, mut scratch) = (Vec::new(), Vec::new());
            for (i, out) in out.chunks_exact_mut(n).enumerate() {
                let i = group * GROUP + i;
                correlation.run(self.pad(x, i, order, &mut room, &mut scratch), out);
            }
        });
        out
    }

    /// Image `i` with its padding.
    pub(super) fn pad<'s, 'a: 's>(
        &self,
        x: Images<'a>,
        i: usize,
        order: Order,
        room: &'s mut Vec<f32>,
        scratch: &'s mut Vec<f32>,
    ) -> &'s [f32] {
        if self.padding == [0; 4] {
            return x.image_in(i, order, scratch);
        }
        let (padded, corner) =
            (self.padded(), [self.padding[0] as isize, self.padding[2] as isize]);
        // The borders stay zero from one image to the next.
        room.resize(padded.len(), 0.0);
        place(x.image(i), x.order, x.size, corner, room, order, padded);
        room
    }

    /// The gradients, from that of the activated output `y`.
    pub(super) fn backward(
        &self,
        x: Images,
        y: Images,
        gradient: Images,
        weight: &[f32],
        input_too: bool,
    ) -> LayerGradients {
        if lowered::is_better_for(self) {
            return lowered::backward(self, x, y, gradient, weight, input_too);
        }
        let images = x.values.len() / x.size.len();
        let back = Backward::new(self, weight, input_too);
        let mut dx = zeros(if input_too { x.values.len() } else { 0 });
        let group_size = GROUP.max(images.div_ceil(back.most_groups()));
        let groups = images.div_ceil(group_size);
        let n = if input_too { group_size * x.size.len() } else { 0 };
        // A group's part of the input's gradient, then its sums.
        let mut sums: Vec<Vec<f32>> = vec![Vec::new(); groups];
        let mut parts: Vec<(&mut [f32], &mut Vec<f32>)> = Vec::with_capacity(groups);
        let mut rest = &mut dx[..];
        for sums in &mut sums {
            let (part, after) = rest.split_at_mut(n.min(rest.len()));
            rest = after;
            parts.push((part, sums));
        }
        for_groups(&mut parts, 1, |group, part| {
            let (dx, sums) = &mut part[0];
            let range = group * group_size..images.min((group + 1) * group_size);
            **sums = back.group(x, y, gradient, range, dx);
        });
        let mut sums = sums.into_iter();
        let mut total = sums.next().unwrap_or_else(|| back.zeros());
        for sums in sums {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        let (weight, bias) = back.unpack(&total);
        let order = output_order(self.outputs, self.input.channels);
        LayerGradients { input: input_too.then_some((dx, order)), weight, bias }
    }
}

/// The order of the image whose single values the weight gradient takes: those of one channel are
/// read again and again, and have to fit the first cache.
const VALUES: Order = Order::Planes;

/// The backward pass of a layer, its weights packed.
struct Backward<'a> {
    layer: &'a Layer,
    /// From the output's padded gradient to the input's gradient.
    input: Option<Correlation>,
    taps: Vec<usize>,
}

impl<'a> Backward<'a> {
    fn new(layer: &'a Layer, weight: &[f32], input_too: bool) -> Self {
        let (inputs, outputs) = (layer.input.channels, layer.outputs);
        let wide = is_wide(inputs, outputs);
        let order = if wide { Order::Pixels } else { Order::Planes };
        let input = input_too.then(|| {
            let (room, weight) = ((layer.room(), order), layer.turned(weight));
            let bias = vec![0.0; inputs];
            let (level, kernel) = (layer.level, layer.kernel);
            Correlation::new(level, Activation::Identity, room, kernel, &weight, &bias)
        });
        let values = if wide { layer.padded() } else { layer.room() };
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

    /// As many groups as the memory for their sums allows.
    fn most_groups(&self) -> usize {
        (MOST_SUMS / self.weight_sums()).max(FEWEST_GROUPS)
    }

    /// Sums of a group: of the weight gradient, then of the bias gradient.
    fn zeros(&self) -> Vec<f32> {
        vec![0.0; self.weight_sums() + self.layer.outputs]
    }

    /// Backward through these images: writes the input's gradient if that is asked for, and returns
    /// the sums.
    fn group(
        &self,
        x: Images,
        y: Images,
        gradient: Images,
        images: std::ops::Range<usize>,
        dx: &mut [f32],
    ) -> Vec<f32> {
        let mut sums = self.zeros();
        let (weight, bias) = sums.split_at_mut(self.weight_sums());
        let mut scratch = Scratch::default();
        let n = self.layer.input.len();
        for (i, image) in images.enumerate() {
            let dx = if self.input.is_some() { &mut dx[i * n..][..n] } else { &mut dx[..0] };
            self.image(x, y, gradient, image, &mut scratch, (dx, weight, bias));
        }
        sums
    }

    fn image(
        &self,
        x: Images,
        y: Images,
        gradient: Images,
        i: usize,
        scratch: &mut Scratch,
        (dx, weight, bias): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let layer = self.layer;
        let wide = is_wide(layer.input.channels, layer.outputs);
        let order = layer.output_order();
        let Scratch { dz, room, padded, a, b, c } = scratch;
        let gradient = gradient.image_in(i, order, a);
        let output = y.image_in(i, order, b);
        if wide && self.input.is_none() {
            // The kernel takes the derivative as it goes: one pass through memory.
            let values = layer.pad(x, i, VALUES, padded, c);
            self.outer((gradient, layer.activation, output), values, weight, Some(bias));
            return;
        }
        let dz = self.derive(gradient, output, dz);
        room.resize(layer.room().len(), 0.0);
        place(dz, order, layer.output(), layer.corner(), room, order, layer.room());
        if let Some(correlation) = &self.input {
            correlation.run(room, dx);
        }
        if wide {
            let values = layer.pad(x, i, VALUES, padded, c);
            self.outer((dz, Activation::Identity, &[]), values, weight, Some(bias));
        } else {
            let vectors = x.image_in(i, Order::Pixels, c);
            self.outer((vectors, Activation::Identity, &[]), room, weight, None);
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
        let (of, from) =
            if wide { (layer.output(), layer.padded()) } else { (layer.input, layer.room()) };
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

    /// The weight and bias gradients from the sums.
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
                // Seen from the input the kernel is turned by half a circle.
                sums[(k * area + area - 1 - tap) * pitch + c]
            }
        });
        (weight.collect(), bias.to_vec())
    }
}

impl Layer {
    /// The weights of the way back: inputs and outputs swapped, the kernel turned by half a circle.
    fn turned(&self, weight: &[f32]) -> Vec<f32> {
        let (inputs, area) = (self.input.channels, self.kernel[0] * self.kernel[1]);
        let mut turned = vec![0.0; weight.len()];
        for (i, &w) in weight.iter().enumerate() {
            let (k, c, tap) = (i / area / inputs, i / area % inputs, i % area);
            turned[(c * self.outputs + k) * area + area - 1 - tap] = w;
        }
        turned
    }
}

/// Memory for one image, kept from one to the next.
#[derive(Default)]
struct Scratch {
    dz: Vec<f32>,
    room: Vec<f32>,
    padded: Vec<f32>,
    a: Vec<f32>,
    b: Vec<f32>,
    c: Vec<f32>,
}

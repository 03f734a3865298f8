//! A batch through a depthwise convolution and back: image by image, [block](super::blocks) by block of channels.
//!
//! Where each pixel is the corner of a window, the gradient of the input is the convolution of that of the output with the
//! kernel rotated by 180 degrees; with a stride it is added up window by window.

use super::blocks::{BLOCK, Frame, blocks, packed, unpacked};
use super::kernels::{Forward, InputGradient, Places, WeightGradient};
use crate::ops::Activation;
use crate::ops::columns::sliding::{Geometry, Sliding};
use crate::ops::layout::{ImageLayout, Images, Size};
use crate::ops::parallel::{GROUP, of_images};
use crate::ops::recycled::Recycled;
use crate::ops::simd::{Activate, SimdLevel};
use crate::ops::sums::sums_of_groups;

/// The kernels of a batch, and where they go.
pub(super) struct Pass {
    level: SimdLevel,
    sliding: Sliding,
    /// The padded input.
    frame: Frame,
    /// Where each window and each of its values begins there.
    windows: Vec<usize>,
    taps: Vec<usize>,
    /// In [blocks](packed).
    weight: Vec<f32>,
}

/// How the gradient of the output lies for that of the input.
struct Back {
    frame: Frame,
    /// Where each of its pixels is.
    dzs: Vec<usize>,
    /// Without a stride: the windows over it, one for each pixel of the input, their values and the rotated weights.
    rotated: Option<(Vec<usize>, Vec<usize>, Vec<f32>)>,
}

/// Memory for a block, kept from one image to the next.
#[derive(Default)]
struct Scratch {
    image: Vec<f32>,
    dz: Vec<f32>,
    dimage: Vec<f32>,
    other: Vec<f32>,
}

impl Pass {
    /// Of images of this size; the weight is `[channels, taps]`.
    pub fn new(large: Size, weight: &[f32], geometry: Geometry) -> Self {
        let sliding = Sliding { geometry, large };
        let ([top, _, left, _], padded) = (geometry.padding, sliding.padded());
        let size = [padded.rows, padded.columns];
        let frame = Frame { size, corner: [top, left] };
        let windows = frame.grid(sliding.small(), [0, 0], geometry.stride);
        let taps = frame.grid(geometry.kernel, [0, 0], geometry.dilation);
        let weight = packed(weight, large.channels);
        Self { level: SimdLevel::best(), sliding, frame, windows, taps, weight }
    }

    /// The size of the output.
    pub fn output(&self) -> Size {
        let [rows, columns] = self.sliding.small();
        Size { rows, columns, ..self.sliding.large }
    }

    /// `activation(x * weight + bias)` of all images, in NHWC.
    pub fn forward(&self, x: Images, activation: Activation, bias: &[f32]) -> Recycled {
        let (level, output) = (self.level, self.output());
        of_images(x.count(), output.len(), |i, (block, other): &mut (Vec<f32>, Vec<f32>), out| {
            let image = x.image_in(i, ImageLayout::Nhwc, other);
            for (number, (first, n)) in blocks(output.channels).enumerate() {
                self.frame.pack((image, x.size), first, n, block);
                let (places, weight) = (self.places(), self.weight_of(&self.weight, number));
                let (out, pitch) = (&mut out[first..], output.channels);
                level.run(Forward { places, image: block, weight, channels: n, out, pitch });
            }
            level.run(Activate { activation, bias, out });
        })
    }

    /// The gradients of the input, in NHWC, if they are asked for, and of the weight `[channels, taps]`, from that before
    /// the activation.
    pub fn backward(&self, x: Images, dz: Images, input_too: bool) -> (Option<Recycled>, Vec<f32>) {
        let (back, n) = (self.back(), self.sliding.large.len());
        let mut dx = Recycled::unset(if input_too { x.values.len() } else { 0 });
        let of = (x.count(), GROUP, self.weight.len());
        let sums = sums_of_groups(of, (&mut dx, n), |images, dx, sums| {
            let (mut scratch, mut dxs) = (Scratch::default(), dx.chunks_exact_mut(n));
            for i in images {
                self.image_backward((x, dz, i), &back, dxs.next(), sums, &mut scratch);
            }
        });
        (input_too.then_some(dx), unpacked(&sums, x.size.channels))
    }

    /// Of image `i`: writes `dx`, if that is asked for, and adds to the weight's sums.
    fn image_backward(
        &self,
        (x, dz, i): (Images, Images, usize),
        back: &Back,
        mut dx: Option<&mut [f32]>,
        sums: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let (places, size) = (self.places(), self.sliding.large);
        let Scratch { image: block, dz: dz_block, dimage, other } = scratch;
        let image = x.image_in(i, ImageLayout::Nhwc, other);
        for (number, (first, n)) in blocks(size.channels).enumerate() {
            back.frame.pack((dz.image(i), dz.size), first, n, dz_block);
            let (dz, dzs) = (&dz_block[..], &back.dzs[..]);
            match (&mut dx, &back.rotated) {
                (None, _) => {}
                (Some(dx), Some((windows, taps, weight))) => {
                    let (places, weight) =
                        (Places { windows, taps }, self.weight_of(weight, number));
                    let (out, pitch) = (&mut dx[first..], size.channels);
                    self.level.run(Forward { places, image: dz, weight, channels: n, out, pitch });
                }
                (Some(dx), None) => {
                    dimage.clear();
                    dimage.resize(self.frame.len(), 0.0);
                    let weight = self.weight_of(&self.weight, number);
                    self.level.run(InputGradient { places, dz, dzs, weight, dimage });
                    self.frame.unpack(dimage, first, n, (dx, size));
                }
            }
            self.frame.pack((image, size), first, n, block);
            let len = self.taps.len() * BLOCK;
            let dweight = &mut sums[number * len..][..len];
            self.level.run(WeightGradient { places, dz, dzs, image: block, dweight });
        }
    }

    fn places(&self) -> Places<'_> {
        Places { windows: &self.windows, taps: &self.taps }
    }

    /// That of a block.
    fn weight_of<'a>(&self, packed: &'a [f32], block: usize) -> &'a [f32] {
        let len = self.taps.len() * BLOCK;
        &packed[block * len..][..len]
    }

    /// What the backward pass needs beside.
    fn back(&self) -> Back {
        let (geometry, small) = (self.sliding.geometry, self.sliding.small());
        if geometry.stride > 1 {
            let frame = Frame { size: small, corner: [0, 0] };
            return Back { frame, dzs: frame.grid(small, [0, 0], 1), rotated: None };
        }
        let ([top, _, left, _], input) = (geometry.padding, self.sliding.large);
        let (before, large) = ([top, left], [input.rows, input.columns]);
        let reach = geometry.kernel.map(|side| geometry.dilation * (side - 1));
        // The window of the input's first pixel begins `reach - before` pixels before the gradient's first one, or after it.
        let corner = [0, 1].map(|way| reach[way].saturating_sub(before[way]));
        let first = [0, 1].map(|way| before[way].saturating_sub(reach[way]));
        let end = |way: usize| first[way] + large[way] + reach[way];
        let size = [0, 1].map(|way| end(way).max(corner[way] + small[way]));
        let frame = Frame { size, corner };
        let taps_of_block = self.taps.len() * BLOCK;
        let of_block =
            |weight: &[f32]| weight.chunks_exact(BLOCK).rev().collect::<Vec<_>>().concat();
        let weight = self.weight.chunks_exact(taps_of_block).flat_map(of_block).collect();
        let windows = frame.grid(large, first, 1);
        let rotated =
            Some((windows, frame.grid(geometry.kernel, [0, 0], geometry.dilation), weight));
        Back { frame, dzs: frame.grid(small, corner, 1), rotated }
    }
}

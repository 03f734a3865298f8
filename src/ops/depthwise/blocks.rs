//! A block of an image's channels, with zeros around: `[rows, columns, BLOCK]`.
//!
//! The pixels of an image with many channels lie a power of two apart, and fall on a few lines of the first cache: a kernel
//! that reads each of them as often as it has taps would read them from the second every time. Copied together once they
//! stay in the first.

use crate::ops::layout::Size;
use crate::ops::simd::MAX_LANES;

/// Channels of a block: two of the widest vectors.
pub(super) const BLOCK: usize = 2 * MAX_LANES;

/// The first channel of each block, and how many it has.
pub(super) fn blocks(channels: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..channels).step_by(BLOCK).map(move |first| (first, BLOCK.min(channels - first)))
}

/// `[taps, channels]` of the `weight` `[channels, taps]`, block by block, zeros where the last has no channels.
pub(super) fn packed(weight: &[f32], channels: usize) -> Vec<f32> {
    let taps = weight.len() / channels;
    let mut packed = vec![0.0; channels.next_multiple_of(BLOCK) * taps];
    for (at, value) in weight.iter().enumerate() {
        let (channel, tap) = (at / taps, at % taps);
        packed[(channel / BLOCK * taps + tap) * BLOCK + channel % BLOCK] = *value;
    }
    packed
}

/// `[channels, taps]` of what [`packed`] makes.
pub(super) fn unpacked(packed: &[f32], channels: usize) -> Vec<f32> {
    let taps = packed.len() / channels.next_multiple_of(BLOCK);
    let of = |at: usize| {
        let (channel, tap) = (at / taps, at % taps);
        packed[(channel / BLOCK * taps + tap) * BLOCK + channel % BLOCK]
    };
    (0..channels * taps).map(of).collect()
}

/// Where an image is among zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Rows and columns with the zeros.
    pub size: [usize; 2],
    /// Row and column of the image's first pixel.
    pub corner: [usize; 2],
}

impl Frame {
    /// Numbers of a block.
    pub fn len(&self) -> usize {
        self.size[0] * self.size[1] * BLOCK
    }

    /// Where the channels of a pixel begin, from the corner of the frame.
    pub fn at(&self, row: usize, column: usize) -> usize {
        (row * self.size[1] + column) * BLOCK
    }

    /// Where each pixel of a grid of so many rows and columns is, `step` pixels apart, the first at `corner`.
    pub fn grid(&self, [rows, columns]: [usize; 2], corner: [usize; 2], step: usize) -> Vec<usize> {
        let at = |i| (corner[0] + i / columns * step, corner[1] + i % columns * step);
        (0..rows * columns).map(at).map(|(row, column)| self.at(row, column)).collect()
    }

    /// Puts `n` channels from `first` on of the NHWC `image` into `block`, which keeps its zeros around them.
    pub fn pack(
        &self,
        (image, size): (&[f32], Size),
        first: usize,
        n: usize,
        block: &mut Vec<f32>,
    ) {
        block.resize(self.len(), 0.0);
        let rows = image.chunks_exact(size.columns * size.channels);
        for (row, pixels) in rows.enumerate() {
            let to = self.at(self.corner[0] + row, self.corner[1]);
            let to = block[to..].chunks_exact_mut(BLOCK);
            for (pixel, to) in pixels.chunks_exact(size.channels).zip(to) {
                match <&[f32; BLOCK]>::try_from(&pixel[first..first + n]) {
                    // Of a length that is known.
                    Ok(pixel) => to.copy_from_slice(pixel),
                    Err(_) => to[..n].copy_from_slice(&pixel[first..first + n]),
                }
            }
        }
    }

    /// The reverse.
    pub fn unpack(&self, block: &[f32], first: usize, n: usize, (image, size): (&mut [f32], Size)) {
        let rows = image.chunks_exact_mut(size.columns * size.channels);
        for (row, pixels) in rows.enumerate() {
            let from = self.at(self.corner[0] + row, self.corner[1]);
            let from = block[from..].chunks_exact(BLOCK);
            for (pixel, from) in pixels.chunks_exact_mut(size.channels).zip(from) {
                pixel[first..first + n].copy_from_slice(&from[..n]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_there_and_back() {
        let weight: Vec<_> = (0..9 * 37).map(|i| i as f32).collect();
        let packed = packed(&weight, 37);
        assert_eq!(packed[BLOCK + 3], weight[3 * 9 + 1]);
        assert_eq!(unpacked(&packed, 37), weight);
    }

    #[test]
    fn images_there_and_back() {
        let size = Size { channels: 37, rows: 2, columns: 3 };
        let image: Vec<_> = (1..=size.len()).map(|i| i as f32).collect();
        let frame = Frame { size: [5, 4], corner: [2, 1] };
        let (mut block, mut back) = (Vec::new(), vec![0.0; size.len()]);
        for (first, n) in blocks(37) {
            frame.pack((&image, size), first, n, &mut block);
            frame.unpack(&block, first, n, (&mut back, size));
            let last = (5 * 37) + first;
            assert_eq!(block[frame.at(3, 3)..][..n], image[last..last + n]);
            assert_eq!(block[frame.at(3, 0)..][..BLOCK], [0.0; BLOCK]);
        }
        assert_eq!(back, image);
    }
}

//! Bytes `[height, width, channels]`, and PNG.

use std::io::{self, Cursor};

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

/// A grey or coloured picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    /// `[height, width, channels]`
    data: Vec<u8>,
    /// Whether it is lines, areas and text.
    is_drawing: bool,
}

impl Picture {
    /// All black; `channels` is 3 for red, green and blue, or else 1, grey.
    pub fn black(width: usize, height: usize, coloured: bool) -> Self {
        let channels = if coloured { 3 } else { 1 };
        let data = vec![0; width * height * channels];
        Self { width, height, channels, data, is_drawing: false }
    }

    /// A drawing of `bytes` `[height, width, 3]`; `None` if there are not as many.
    pub fn from_rgb(width: usize, height: usize, bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == width * height * 3).then_some(Self {
            width,
            height,
            channels: 3,
            data: bytes,
            is_drawing: true,
        })
    }

    /// Pixels from left to right.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels from top to bottom.
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1, grey, or 3: red, green, blue.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// `[height, width, channels]`, 0 black.
    pub fn bytes(&self) -> &[u8] {
        &self.data
    }

    /// The channels of the pixel at column `x` and row `y`.
    ///
    /// # Panics
    /// Outside the picture.
    pub fn pixel(&self, x: usize, y: usize) -> &[u8] {
        assert!(x < self.width, "column {x} of {}", self.width);
        &self.data[(y * self.width + x) * self.channels..][..self.channels]
    }

    /// Where [`pixel`](Self::pixel) is, to be changed.
    pub(super) fn pixel_mut(&mut self, x: usize, y: usize) -> &mut [u8] {
        &mut self.data[(y * self.width + x) * self.channels..][..self.channels]
    }

    /// This picture and `right`, which has the same channels, with `gap` black columns between; the
    /// lower one is black below.
    pub(super) fn beside(&self, right: &Picture, gap: usize) -> Picture {
        let width = self.width + gap + right.width;
        let mut both = Picture::black(width, self.height.max(right.height), self.channels == 3);
        for (picture, left) in [(self, 0), (right, self.width + gap)] {
            let row = picture.width * picture.channels;
            for (y, bytes) in picture.data.chunks_exact(row).enumerate() {
                both.data[(y * width + left) * self.channels..][..row].copy_from_slice(bytes);
            }
        }
        both
    }

    /// The same, each pixel `by` pixels wide and high.
    pub fn enlarged(&self, by: usize) -> Picture {
        let mut picture = Picture::black(self.width * by, self.height * by, self.channels == 3);
        for y in 0..picture.height {
            for x in 0..picture.width {
                picture.pixel_mut(x, y).copy_from_slice(self.pixel(x / by, y / by));
            }
        }
        picture
    }

    /// As a PNG file.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] where PNG cannot hold it: it has no pixel, or 2^32 in a row.
    pub fn png(&self) -> io::Result<Vec<u8>> {
        let wrong = |error: &dyn ToString| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("PNG: {}", error.to_string()))
        };
        let width = u32::try_from(self.width).map_err(|error| wrong(&error))?;
        let height = u32::try_from(self.height).map_err(|error| wrong(&error))?;
        let colours =
            if self.channels == 3 { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
        let mut file = Cursor::new(Vec::new());
        // The fast one leaves drawings several times as large.
        let compression =
            if self.is_drawing { CompressionType::Default } else { CompressionType::Fast };
        PngEncoder::new_with_quality(&mut file, compression, FilterType::Adaptive)
            .write_image(&self.data, width, height, colours)
            .map_err(|error| wrong(&error))?;
        Ok(file.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn png_round_trip() {
        for coloured in [false, true] {
            let mut picture = Picture::black(3, 2, coloured);
            picture.pixel_mut(2, 1).fill(200);
            let read = image::load_from_memory(&picture.png().unwrap()).unwrap();
            assert_eq!((read.width(), read.height()), (3, 2));
            assert_eq!(read.color().channel_count() as usize, picture.channels());
            assert_eq!(read.as_bytes(), picture.bytes());
        }
    }

    #[test]
    fn a_gap_between() {
        let (mut left, mut right) = (Picture::black(1, 2, false), Picture::black(2, 1, false));
        left.data.fill(1);
        right.data.fill(2);
        let both = left.beside(&right, 3);
        assert_eq!((both.width(), both.height()), (6, 2));
        assert_eq!(both.bytes(), [1, 0, 0, 0, 2, 2, 1, 0, 0, 0, 0, 0]);
    }
}

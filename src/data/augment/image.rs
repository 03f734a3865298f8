//! The bytes `[channels, height, width]` of one example, to be changed in place.

/// One image.
pub(super) struct Image<'a> {
    pub bytes: &'a mut [u8],
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl<'a> Image<'a> {
    /// Of `shape` `[channels, height, width]`.
    ///
    /// # Panics
    /// When `bytes` are not as many.
    pub fn new(bytes: &'a mut [u8], [channels, height, width]: [usize; 3]) -> Self {
        assert_eq!(bytes.len(), channels * height * width, "bytes of an image");
        Self { bytes, channels, height, width }
    }

    /// Pixels of a channel.
    pub fn plane(&self) -> usize {
        self.height * self.width
    }

    /// The channels that have colours, 3 or 1, one behind another: not the fourth, the opacity.
    pub fn colours(&mut self) -> &mut [u8] {
        let colours = if self.channels >= 3 { 3 } else { 1 };
        let len = colours * self.plane();
        &mut self.bytes[..len]
    }

    /// Makes the rectangle of `rows` and `columns` black; what is outside of the image is passed over.
    pub fn blacken(&mut self, [top, bottom]: [isize; 2], [left, right]: [isize; 2]) {
        let within = |at: isize, most: usize| at.clamp(0, most as isize) as usize;
        let rows = within(top, self.height)..within(bottom, self.height);
        let columns = within(left, self.width)..within(right, self.width);
        let (width, plane) = (self.width, self.plane());
        for channel in self.bytes.chunks_exact_mut(plane) {
            for row in rows.clone() {
                channel[row * width..][..width][columns.clone()].fill(0);
            }
        }
    }
}

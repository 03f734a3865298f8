//! The forward pass of a convolution over a batch: one image per thread, in bands of rows, pooled while it is in the cache.

use super::bands::Bands;
use super::correlation::Correlation;
use super::layer::{Layer, Method, Scratch};
use super::op::PackedWeights;
use super::{implicit_gemm, winograd};
use crate::ops::layout::{Images, Size};
use crate::ops::parallel::{of_images, of_images_with_argmax};
use crate::ops::recycled::Recycled;
use crate::ops::windows::MaxPool;

impl Layer {
    /// The outputs of all images, one after the other in [`Layer::output_layout`], and, of a pooling,
    /// their places in their windows.
    pub(super) fn forward(
        &self,
        x: Images,
        (weight, packed): (&[f32], &PackedWeights),
        bias: &[f32],
    ) -> (Recycled, Vec<u8>) {
        match self.method() {
            Method::Direct => {}
            Method::ImplicitGemm => {
                return (implicit_gemm::forward(self, x, (weight, packed), bias), Vec::new());
            }
            Method::Winograd(tiling) => {
                return winograd::forward(tiling, self, x, (weight, packed), bias);
            }
        }
        let (bands, maps) = (self.bands(), self.maps());
        let rows = if self.pool.is_some() { maps.rows } else { bands.rows.min(maps.rows) };
        let padded = (Size { rows: rows + self.kernel[0] - 1, ..self.padded() }, x.layout);
        let correlation =
            Correlation::new(self.level, self.activation, padded, self.kernel, weight, bias);
        let (images, layout) = (x.count(), correlation.input_layout());
        let n = self.output().len();
        let Some(windows) = self.pool else {
            let out = of_images(images, n, |i, scratch: &mut Bandwise, out| {
                self.forward_bands(&correlation, (x, i), bands, scratch, out);
            });
            return (out, Vec::new());
        };
        let (size, out_layout) = (maps, self.output_layout());
        of_images_with_argmax(
            images,
            n,
            |i, ((buffer, other), maps): &mut Bandwise, out, argmax| {
                // Pooled while they are in the cache.
                maps.resize(size.len(), 0.0);
                correlation.run(self.pad(x, i, layout, buffer, other), size.rows, maps);
                let image = &maps[..];
                self.level.run(MaxPool { windows, image, size, layout: out_layout, out, argmax });
            },
        )
    }

    /// The maps of image `i`, band by band.
    fn forward_bands(
        &self,
        correlation: &Correlation,
        (x, i): (Images, usize),
        bands: Bands,
        ((buffer, other), band): &mut Bandwise,
        out: &mut [f32],
    ) {
        let maps = self.maps();
        for rows in bands.starts().map(|start| bands.of(start, maps.rows)) {
            if rows.is_empty() {
                break;
            }
            let image = (x, i, correlation.input_layout());
            let image = self.pad_rows(image, (bands, &rows), buffer, other);
            correlation.run_band(maps, rows, image, out, band);
        }
    }
}

/// Memory for a band of an image, and for what is made of it.
type Bandwise = (Scratch, Vec<f32>);

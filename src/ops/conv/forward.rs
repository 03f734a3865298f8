//! The forward pass of a convolution over a batch: one image per thread, pooled while it is in the cache.

use super::correlation::Correlation;
use super::layer::{Layer, Method, Scratch};
use super::op::PackedWeights;
use super::{implicit_gemm, winograd};
use crate::ops::layout::Images;
use crate::ops::parallel::{of_images, of_images_with_argmax};
use crate::ops::windows::MaxPool;

impl Layer {
    /// The outputs of all images, one after the other in [`Layer::output_layout`], and, of a pooling,
    /// their places in their windows.
    pub(super) fn forward(
        &self,
        x: Images,
        (weight, packed): (&[f32], &PackedWeights),
        bias: &[f32],
    ) -> (Vec<f32>, Vec<u8>) {
        match self.method() {
            Method::Direct => {}
            Method::ImplicitGemm => {
                return (implicit_gemm::forward(self, x, (weight, packed), bias), Vec::new());
            }
            Method::Winograd(tiling) => {
                return winograd::forward(tiling, self, x, (weight, packed), bias);
            }
        }
        let padded = (self.padded(), x.layout);
        let correlation =
            Correlation::new(self.level, self.activation, padded, self.kernel, weight, bias);
        let (images, layout) = (x.count(), correlation.input_layout());
        let n = self.output().len();
        let Some(windows) = self.pool else {
            let out = of_images(images, n, |i, (buffer, other): &mut Scratch, out| {
                correlation.run(self.pad(x, i, layout, buffer, other), out);
            });
            return (out, Vec::new());
        };
        let (size, out_layout) = (self.maps(), self.output_layout());
        type Pooling = (Scratch, Vec<f32>);
        of_images_with_argmax(images, n, |i, ((buffer, other), maps): &mut Pooling, out, argmax| {
            // Pooled while they are in the cache.
            maps.resize(size.len(), 0.0);
            correlation.run(self.pad(x, i, layout, buffer, other), maps);
            let image = &maps[..];
            self.level.run(MaxPool { windows, image, size, layout: out_layout, out, argmax });
        })
    }
}

//! Tensors of burn's Flex backend as the images of a batch, and back, without copying where that can
//! be.

use std::borrow::Cow;

use burn::tensor::{Bytes, DType, Shape};
use burn_flex::{FlexTensor, Layout};

use crate::ops::layout::{ImageLayout, Images, Size};
use crate::ops::recycled::Recycled;

/// Channels, rows and columns of `[images, channels, rows, columns]`.
pub(crate) fn size(shape: &Shape) -> Size {
    Size { channels: shape[1], rows: shape[2], columns: shape[3] }
}

/// The values of a tensor in the order of its dimensions.
pub(crate) fn values(tensor: &FlexTensor) -> Cow<'_, [f32]> {
    match tensor.as_slice::<f32>() {
        Some(values) => Cow::Borrowed(values),
        None => Cow::Owned(tensor.to_contiguous().storage::<f32>().to_vec()),
    }
}

/// The images of a tensor, copied only if they lie neither as planes nor as pixels.
pub(crate) struct Batch<'a> {
    values: Cow<'a, [f32]>,
    size: Size,
    layout: ImageLayout,
}

impl<'a> Batch<'a> {
    /// The images of `tensor` `[images, channels, rows, columns]`.
    pub(crate) fn new(tensor: &'a FlexTensor) -> Self {
        let size = size(tensor.layout().shape());
        let pixels = tensor.layout().permute(&[0, 2, 3, 1]);
        if !tensor.is_contiguous() && pixels.is_contiguous() {
            let from = pixels.start_offset();
            let values = &tensor.storage::<f32>()[from..from + pixels.num_elements()];
            return Self { values: Cow::Borrowed(values), size, layout: ImageLayout::Nhwc };
        }
        Self { values: values(tensor), size, layout: ImageLayout::Nchw }
    }

    /// The same, borrowed.
    pub(crate) fn images(&self) -> Images<'_> {
        Images { values: &self.values, size: self.size, layout: self.layout }
    }
}

/// A tensor of `values` that lie so.
pub(crate) fn flat(values: Vec<f32>, layout: Layout) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
}

/// The same of values in memory that is used again.
pub(crate) fn recycled(values: Recycled, layout: Layout) -> FlexTensor {
    FlexTensor::new(values.into_bytes(), layout, DType::F32)
}

/// A tensor `[values]` of bytes.
pub(crate) fn bytes(values: Vec<u8>) -> FlexTensor {
    let layout = Layout::contiguous(Shape::from([values.len()]));
    FlexTensor::new(Bytes::from_elems(values), layout, DType::U8)
}

/// A tensor `[images, channels, rows, columns]` of images that lie in this order.
pub(crate) fn tensor(
    values: Recycled,
    images: usize,
    size: Size,
    layout: ImageLayout,
) -> FlexTensor {
    let Size { channels, rows, columns } = size;
    let layout = match layout {
        ImageLayout::Nchw => Layout::contiguous(Shape::from([images, channels, rows, columns])),
        ImageLayout::Nhwc => {
            let pixels = Layout::contiguous(Shape::from([images, rows, columns, channels]));
            pixels.permute(&[0, 3, 1, 2])
        }
    };
    recycled(values, layout)
}

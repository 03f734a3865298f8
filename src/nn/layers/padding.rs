//! TensorFlow's padding rule.
//!
//! Along each side, of n values, with a window of k and a stride of s:
//! VALID has ⌈(n - k + 1) / s⌉ outputs and pads nothing. SAME has ⌈n / s⌉ outputs and pads
//! p = max((⌈n / s⌉ - 1) s + k - n, 0) in all, ⌊p / 2⌋ of it before and the rest after: with an even
//! window there is one more on the bottom and on the right.
//!
//! Source: TensorFlow's `GetWindowedOutputSizeVerbose` (core/framework/common_shape_fns.cc).

use crate::ops::columns::Geometry;

/// What lies around the images of a convolution or a pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Padding {
    /// Nothing: the window stays inside.
    #[default]
    Valid,
    /// As much as gives ⌈size / stride⌉ outputs.
    Same,
    /// This many zeros on every side.
    Zeros(usize),
}

impl Padding {
    /// How a `kernel` `[height, width]` slides over images of this `size` `[height, width]`.
    pub(super) fn geometry(
        self,
        size: [usize; 2],
        kernel: [usize; 2],
        [stride, dilation]: [usize; 2],
    ) -> Geometry {
        let reach = kernel.map(|values| dilation * (values - 1) + 1);
        Geometry { kernel, stride, dilation, padding: self.amounts(size, reach, stride) }
    }

    /// What is added to the `[top, bottom, left, right]` of images of `[height, width]`.
    pub fn amounts(self, size: [usize; 2], window: [usize; 2], stride: usize) -> [usize; 4] {
        match self {
            Self::Valid => [0; 4],
            Self::Zeros(zeros) => [zeros; 4],
            Self::Same => {
                let [top, left] = [0, 1].map(|side| {
                    let covered = (size[side].div_ceil(stride) - 1) * stride + window[side];
                    covered.saturating_sub(size[side])
                });
                [top / 2, top - top / 2, left / 2, left - left / 2]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_puts_the_odd_one_after() {
        assert_eq!(Padding::Same.amounts([28, 28], [5, 5], 1), [2; 4]);
        assert_eq!(Padding::Same.amounts([5, 5], [2, 2], 2), [0, 1, 0, 1]);
        assert_eq!(Padding::Same.amounts([8, 7], [5, 5], 2), [1, 2, 2, 2]);
        assert_eq!(Padding::Same.amounts([8, 8], [1, 1], 2), [0; 4]);
        assert_eq!(Padding::Zeros(2).amounts([8, 8], [3, 3], 1), [2; 4]);
    }
}

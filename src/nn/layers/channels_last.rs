//! Maps seen in the order in which the convolutions of the CPU write them.

use burn::tensor::Tensor;

/// `work` of `x` `[batch, channels, rows, columns]` seen as `[batch, rows, columns, channels]`: so the
/// convolutions write their maps on the CPU, and what `work` makes lies in memory as they do. It is
/// so on all devices, for one meaning of a seed's draws. Other tensors are left as they are.
pub(super) fn with_channels_last<const D: usize>(
    x: Tensor<D>,
    work: impl FnOnce(Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    if D != 4 {
        return work(x);
    }
    let permuted =
        |x: Tensor<D>, axes: [isize; 4]| x.permute(std::array::from_fn::<isize, D, _>(|i| axes[i]));
    permuted(work(permuted(x, [0, 2, 3, 1])), [0, 3, 1, 2])
}

use super::im2col::Im2col;
use super::phases::Phases;
use super::products::{Ending, Products};
use super::sliding::{Geometry, Sliding};
use crate::ops::Activation;
use crate::ops::conv::PackedWeights;
use crate::ops::conv::winograd::tests::error;
use crate::ops::layout::{ImageLayout, Images, Size};

fn noise(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 1009.0 - 0.5).collect()
}

/// The small and the large images and the gradient of the weights in 64 bits, of images NHWC.
fn exact(sliding: Sliding, outputs: usize, [large, small, weight]: [&[f32]; 3]) -> [Vec<f64>; 3] {
    let (Size { channels, rows, columns }, Geometry { kernel, stride, padding, .. }) =
        (sliding.large, sliding.geometry);
    let [small_rows, small_columns] = sliding.small();
    let images = large.len() / sliding.large.len();
    let [mut to_small, mut to_large, mut dw] =
        [small.len(), large.len(), weight.len()].map(|n| vec![0.0; n]);
    for n in 0..images {
        for at in 0..small_rows * small_columns {
            for tap in 0..kernel[0] * kernel[1] {
                let row = at / small_columns * stride + tap / kernel[1];
                let column = at % small_columns * stride + tap % kernel[1];
                let (Some(row), Some(column)) =
                    (row.checked_sub(padding[0]), column.checked_sub(padding[2]))
                else {
                    continue;
                };
                if row >= rows || column >= columns {
                    continue;
                }
                for (k, c) in (0..outputs).flat_map(|k| (0..channels).map(move |c| (k, c))) {
                    let s = (n * small_rows * small_columns + at) * outputs + k;
                    let l = ((n * rows + row) * columns + column) * channels + c;
                    let w = (k * channels + c) * kernel[0] * kernel[1] + tap;
                    to_small[s] += f64::from(large[l]) * f64::from(weight[w]);
                    to_large[l] += f64::from(small[s]) * f64::from(weight[w]);
                    dw[w] += f64::from(large[l]) * f64::from(small[s]);
                }
            }
        }
    }
    [to_small, to_large, dw]
}

/// Both ways against 64 bits, of even and odd kernels, sizes and paddings, of images in both orders; and the sums ended.
#[test]
fn both_ways_are_the_sums() {
    for (kernel, [rows, columns], padding) in [
        ([4, 4], [14, 14], [1, 1, 1, 1]),
        ([4, 4], [15, 9], [1, 2, 0, 1]),
        ([5, 5], [14, 13], [2, 1, 1, 2]),
        ([6, 6], [17, 20], [0, 0, 3, 2]),
    ] {
        let (images, channels, outputs) = (19, 6, 21);
        let geometry = Geometry { kernel, stride: 2, dilation: 1, padding };
        let large = Size { channels, rows, columns };
        let sliding = Sliding { geometry, large };
        let [small_rows, small_columns] = sliding.small();
        let small = Size { channels: outputs, rows: small_rows, columns: small_columns };
        let weight = noise(outputs * channels * kernel[0] * kernel[1], 1);
        let (x, y) = (noise(images * large.len(), 2), noise(images * small.len(), 3));
        let want = exact(sliding, outputs, [&x, &y, &weight]);
        let of = |values, size| Images { values, size, layout: ImageLayout::Nhwc };
        let packed = PackedWeights::default();
        let phases = Phases::of(sliding, outputs, &weight, &packed).expect("the kernel is even");
        let im2col = Im2col { sliding, outputs, weight: &weight };
        let ways: [(&dyn Products, f64); 2] = [(&im2col, 1e-6), (&phases, 5e-6)];
        for (way, most) in ways {
            let (small_of, large_of) = (of(&y, small), of(&x, large));
            let got = [
                way.small(large_of, None).to_vec(),
                way.large(small_of, None).to_vec(),
                way.weights(large_of, small_of).to_vec(),
            ];
            // Both gradients of a convolution at once are those that are made alone.
            let (dx, dw) = way.backward(large_of, small_of, true);
            assert!(dx.unwrap()[..] == got[1] && dw[..] == got[2], "{geometry:?}: backward");
            for ((got, want), what) in got.iter().zip(&want).zip(["small", "large", "weights"]) {
                let error = error(got, want);
                assert!(error < most, "{what}, {geometry:?}, at most {most}: {error:e}");
            }
            let pixels = rows * columns;
            let plane = |at: usize| at % pixels * channels + at / pixels;
            let images = x.chunks_exact(large.len());
            let planes = images.flat_map(|image| (0..large.len()).map(|at| image[plane(at)]));
            let planes: Vec<_> = planes.collect();
            let planes = Images { values: &planes, size: large, layout: ImageLayout::Nchw };
            assert!(way.small(planes, None)[..] == got[0], "{geometry:?}: planes");

            let bias = noise(outputs.max(channels), 4);
            for (sums, ended, channels) in [
                (&got[0], way.small(large_of, ending(&bias[..outputs])), outputs),
                (&got[1], way.large(small_of, ending(&bias[..channels])), channels),
            ] {
                let wanted = sums.iter().enumerate();
                let wanted = wanted.map(|(at, sum)| (sum + bias[at % channels]).max(0.0));
                assert!(wanted.eq(ended.iter().copied()), "{geometry:?}: ended");
            }
        }
    }
}

fn ending(bias: &[f32]) -> Option<Ending<'_>> {
    Some(Ending { bias, activation: Activation::Relu })
}

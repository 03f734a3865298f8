//! Batch normalisation on a GPU, `[batch, channels, h, w]`, as rows of pixels `[batch * h * w, channels]`.
//!
//! A unit has one channel of some rows; the sums of all parts are added up afterwards, in their order.

use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::op::{NormAttributes, Normalising, NormalisingBackward, Saved};
use crate::ops::Activation;
use crate::ops::cube::activation::{activated, inactivated};
use crate::ops::cube::sums;
use crate::ops::cube::tensor::{buffer, cubes, empty_beside, empty_like, images, pixels};

/// Rows that a unit goes through.
const ROWS: usize = 64;

/// Rows and columns of pixels `[batch, h, w, channels]`.
fn rows_and_channels(pixels: &CubeTensor) -> (usize, usize) {
    let shape = pixels.meta.shape();
    (shape[0] * shape[1] * shape[2], shape[3])
}

impl Normalising for CubeBackend {
    fn batch_statistics(x: CubeTensor) -> CubeTensor {
        let x = pixels(x);
        let (rows, channels) = rows_and_channels(&x);
        let share = 1.0 / rows as f32;
        let sums = sums::over_rows(x.clone(), channels);
        let groups = rows.div_ceil(ROWS);
        let squares = empty_beside(&x, [groups * channels]);
        let (count, size) = cubes(&x, groups * channels);
        let [from, means, to] = [&x, &sums, &squares].map(buffer);
        squares_kernel::launch(
            &x.client, count, size, from, means, to, rows, groups, channels, share,
        );
        let squares = sums::over_rows(squares, channels);
        let statistics = empty_beside(&x, [2, channels]);
        let (count, size) = cubes(&x, 2 * channels);
        let [sums, squares, to] = [&sums, &squares, &statistics].map(buffer);
        scale_kernel::launch(&x.client, count, size, sums, squares, to, share);
        statistics
    }

    fn normalise_batch(
        x: CubeTensor,
        statistics: CubeTensor,
        gamma: CubeTensor,
        beta: CubeTensor,
        NormAttributes { epsilon, activation, .. }: NormAttributes,
    ) -> CubeTensor {
        let x = pixels(x);
        let (rows, channels) = rows_and_channels(&x);
        let y = empty_like(&x);
        let (count, size) = cubes(&x, rows * channels);
        let [statistics, gamma, beta] = [statistics, gamma, beta].map(into_contiguous);
        let [from, statistics, gamma, beta, to] = [&x, &statistics, &gamma, &beta, &y].map(buffer);
        normalise_kernel::launch(
            &x.client,
            count,
            size,
            from,
            statistics,
            gamma,
            beta,
            to,
            channels,
            epsilon as f32,
            activation,
        );
        images(y)
    }
}

impl NormalisingBackward for CubeBackend {
    fn normalise_batch_backward(
        Saved { x, statistics, gamma, output, settings, .. }: Saved<CubeTensor>,
        gradient: CubeTensor,
    ) -> [CubeTensor; 3] {
        let NormAttributes { epsilon, activation, .. } = settings;
        let epsilon = epsilon as f32;
        let [x, y, dy] = [x, output, gradient].map(pixels);
        let [statistics, gamma] = [statistics, gamma].map(into_contiguous);
        let (rows, channels) = rows_and_channels(&x);
        let client = x.client.clone();
        let groups = rows.div_ceil(ROWS);
        let sums = empty_beside(&x, [groups * 2 * channels]);
        let (count, size) = cubes(&x, groups * channels);
        sums_kernel::launch(
            &client,
            count,
            size,
            buffer(&x),
            buffer(&y),
            buffer(&dy),
            buffer(&statistics),
            buffer(&sums),
            rows,
            groups,
            channels,
            epsilon,
            activation,
        );
        let sums = sums::over_rows(sums, 2 * channels);
        let dx = empty_like(&x);
        let [dgamma, dbeta] = [0, 1].map(|_| empty_beside(&x, [channels]));
        let (count, size) = cubes(&x, rows * channels);
        gradient_kernel::launch(
            &client,
            count,
            size,
            buffer(&x),
            buffer(&y),
            buffer(&dy),
            buffer(&statistics),
            buffer(&gamma),
            buffer(&sums),
            buffer(&dx),
            buffer(&dgamma),
            buffer(&dbeta),
            channels,
            1.0 / rows as f32,
            epsilon,
            activation,
        );
        [images(dx), dgamma, dbeta]
    }
}

/// Of each group of rows Σ (x - μ)², from the sums of all rows.
#[cube(launch)]
fn squares_kernel(
    x: &[f32],
    sums: &[f32],
    squares: &mut [f32],
    rows: usize,
    groups: usize,
    channels: usize,
    share: f32,
) {
    if ABSOLUTE_POS >= groups * channels {
        terminate!();
    }
    let group = ABSOLUTE_POS / channels;
    let c = ABSOLUTE_POS % channels;
    let mean = sums[c] * share;
    let mut sum = 0.0f32;
    for row in range_stepped(group, rows, groups) {
        let difference = x[row * channels + c] - mean;
        sum += difference * difference;
    }
    squares[ABSOLUTE_POS] = sum;
}

/// μ and σ² `[2, channels]` of the sums of x and of the squares.
#[cube(launch)]
fn scale_kernel(sums: &[f32], squares: &[f32], statistics: &mut [f32], share: f32) {
    let channels = sums.len();
    if ABSOLUTE_POS < channels {
        statistics[ABSOLUTE_POS] = sums[ABSOLUTE_POS] * share;
    } else if ABSOLUTE_POS < 2 * channels {
        statistics[ABSOLUTE_POS] = squares[ABSOLUTE_POS - channels] * share;
    }
}

/// √(σ² + ε) of a channel.
#[cube]
fn deviation_of(statistics: &[f32], c: usize, channels: usize, epsilon: f32) -> f32 {
    (statistics[channels + c] + epsilon).sqrt()
}

#[cube(launch)]
fn normalise_kernel(
    x: &[f32],
    statistics: &[f32],
    gamma: &[f32],
    beta: &[f32],
    y: &mut [f32],
    channels: usize,
    epsilon: f32,
    #[comptime] activation: Activation,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let c = ABSOLUTE_POS % channels;
    let deviation = deviation_of(statistics, c, channels, epsilon);
    let normalised = (x[ABSOLUTE_POS] - statistics[c]) / deviation;
    y[ABSOLUTE_POS] = activated(normalised * gamma[c] + beta[c], activation);
}

/// Of each group of rows Σ dz x̂ and Σ dz `[groups, 2, channels]`.
#[cube(launch)]
fn sums_kernel(
    x: &[f32],
    y: &[f32],
    dy: &[f32],
    statistics: &[f32],
    sums: &mut [f32],
    rows: usize,
    groups: usize,
    channels: usize,
    epsilon: f32,
    #[comptime] activation: Activation,
) {
    if ABSOLUTE_POS >= groups * channels {
        terminate!();
    }
    let group = ABSOLUTE_POS / channels;
    let c = ABSOLUTE_POS % channels;
    let mean = statistics[c];
    let deviation = deviation_of(statistics, c, channels, epsilon);
    let mut scaled = 0.0f32;
    let mut plain = 0.0f32;
    for row in range_stepped(group, rows, groups) {
        let at = row * channels + c;
        let dz = inactivated(y[at], dy[at], activation);
        scaled += dz * (x[at] - mean);
        plain += dz;
    }
    sums[group * 2 * channels + c] = scaled / deviation;
    sums[group * 2 * channels + channels + c] = plain;
}

#[cube(launch)]
fn gradient_kernel(
    x: &[f32],
    y: &[f32],
    dy: &[f32],
    statistics: &[f32],
    gamma: &[f32],
    sums: &[f32],
    dx: &mut [f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
    channels: usize,
    share: f32,
    epsilon: f32,
    #[comptime] activation: Activation,
) {
    if ABSOLUTE_POS >= dx.len() {
        terminate!();
    }
    let c = ABSOLUTE_POS % channels;
    let deviation = deviation_of(statistics, c, channels, epsilon);
    let dz = inactivated(y[ABSOLUTE_POS], dy[ABSOLUTE_POS], activation);
    let normalised = (x[ABSOLUTE_POS] - statistics[c]) / deviation;
    let scaled = sums[c];
    let plain = sums[channels + c];
    dx[ABSOLUTE_POS] = gamma[c] / deviation * (dz - plain * share - normalised * scaled * share);
    if ABSOLUTE_POS < channels {
        dgamma[ABSOLUTE_POS] = scaled;
        dbeta[ABSOLUTE_POS] = plain;
    }
}

#[cfg(all(test, feature = "cuda"))]
mod tests {
    use super::*;
    use crate::ops::cube::cards::{any, assemble_for_cards};

    #[test]
    fn cards() {
        assemble_for_cards!(
            "squares",
            squares_kernel::SquaresKernel,
            any(),
            any(),
            any(),
            (),
            (),
            (),
            ()
        );
        assemble_for_cards!("statistics", scale_kernel::ScaleKernel, any(), any(), any(), ());
        for activation in [Activation::Identity, Activation::Relu, Activation::Tanh] {
            assemble_for_cards!(
                "normalised",
                normalise_kernel::NormaliseKernel,
                any(),
                any(),
                any(),
                any(),
                any(),
                (),
                (),
                activation
            );
            assemble_for_cards!(
                "sums of gradients",
                sums_kernel::SumsKernel,
                any(),
                any(),
                any(),
                any(),
                any(),
                (),
                (),
                (),
                (),
                activation
            );
            assemble_for_cards!(
                "gradient",
                gradient_kernel::GradientKernel,
                any(),
                any(),
                any(),
                any(),
                any(),
                any(),
                any(),
                any(),
                any(),
                (),
                (),
                (),
                activation
            );
        }
    }
}

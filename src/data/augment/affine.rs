//! `rotate:D`, `shift:N`, `scale:A..B`: the image moved, turned and scaled around its centre, bilinear, black outside.
//!
//! A pixel at p goes to p' = t + c + R(α) S(s) SHy SHx (p - c), with α counted clockwise on the screen, and so the value
//! at p' is that of the image at p = c + M⁻¹ (p' - c - t), interpolated between its four neighbours, where what is
//! outside of the image is 0; then rounded, half to even. torchvision's `affine` (`transforms/v2/functional/_geometry.py`,
//! `_get_inverse_affine_matrix`, `_affine_grid`, `_apply_grid_transform`), with `InterpolationMode.BILINEAR`.

use super::draws::Draws;
use super::image::Image;

/// What is done to an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    /// α, clockwise.
    pub degrees: f64,
    /// t, in pixels: to the right and down.
    pub shift: [f64; 2],
    /// s.
    pub scale: f64,
    /// The tangents of the angles of SHx and SHy.
    pub shear: [f64; 2],
    /// c from the centre of the image, in pixels.
    pub centre: [f64; 2],
}

/// What changes nothing.
pub(super) const IDENTITY: Affine =
    Affine { degrees: 0.0, shift: [0.0; 2], scale: 1.0, shear: [0.0; 2], centre: [0.0; 2] };

/// By an angle in -`most`..`most` degrees, as `RandomRotation(most)`.
pub(super) fn random_rotation(image: &mut Image, most: f64, draws: &mut Draws) {
    rotate(image, draws.uniform(-most, most));
}

/// By -`most`..`most` pixels to the right and down, each. Not by whole ones, which `crop` does.
pub(super) fn random_shift(image: &mut Image, most: f64, draws: &mut Draws) {
    let shift = [draws.uniform(-most, most), draws.uniform(-most, most)];
    warp(image, Affine { shift, ..IDENTITY });
}

/// By `low`..`high`, the same in both directions.
pub(super) fn random_scale(image: &mut Image, [low, high]: [f64; 2], draws: &mut Draws) {
    warp(image, Affine { scale: draws.uniform(low, high), ..IDENTITY });
}

/// Turned counter-clockwise, as torchvision's `rotate`.
pub(super) fn rotate(image: &mut Image, degrees: f64) {
    warp(image, Affine { degrees: -degrees, ..IDENTITY });
}

impl Affine {
    /// `[m00, m01, m02, m10, m11, m12]`: the place in the image, from its centre, of a pixel of the result.
    fn inverse(self) -> [f64; 6] {
        let Self { degrees, shift: [tx, ty], scale, shear: [tan_x, tan_y], centre: [cx, cy] } =
            self;
        let (turn, shear_y) = (degrees.to_radians(), tan_y.atan());
        let a = (turn - shear_y).cos() / shear_y.cos();
        let b = -(a * tan_x + turn.sin());
        let c = (turn - shear_y).sin() / shear_y.cos();
        let d = turn.cos() - c * tan_x;
        let [m00, m01, m10, m11] = [d / scale, -b / scale, -c / scale, a / scale];
        let (dx, dy) = (cx + tx, cy + ty);
        [m00, m01, cx - m00 * dx - m01 * dy, m10, m11, cy - m10 * dx - m11 * dy]
    }
}

/// The image after `affine`.
pub(super) fn warp(image: &mut Image, affine: Affine) {
    let (height, width, plane) = (image.height, image.width, image.plane());
    let source = image.bytes.to_vec();
    let [m00, m01, m02, m10, m11, m12] = affine.inverse().map(|value| value as f32);
    let middle = [width, height].map(|side| (side as f32 - 1.0) * 0.5);
    for row in 0..height {
        let y = row as f32 - middle[1];
        for column in 0..width {
            let x = column as f32 - middle[0];
            let from = [m00 * x + m01 * y + m02 + middle[0], m10 * x + m11 * y + m12 + middle[1]];
            let taps = taps(from, height, width);
            for (x, y) in source.chunks_exact(plane).zip(image.bytes.chunks_exact_mut(plane)) {
                let sum: f32 = taps.iter().map(|&(at, weight)| f32::from(x[at]) * weight).sum();
                y[row * width + column] = sum.round_ties_even() as u8;
            }
        }
    }
}

/// The four pixels around `[x, y]` and their weights; one outside of the image weighs nothing.
fn taps([x, y]: [f32; 2], height: usize, width: usize) -> [(usize, f32); 4] {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, bottom_share) = (x - left, y - top);
    let tap = |x: f32, y: f32, weight: f32| {
        let is_inside = x >= 0.0 && y >= 0.0 && x < width as f32 && y < height as f32;
        if is_inside { (y as usize * width + x as usize, weight) } else { (0, 0.0) }
    };
    [
        tap(left, top, (1.0 - right_share) * (1.0 - bottom_share)),
        tap(left + 1.0, top, right_share * (1.0 - bottom_share)),
        tap(left, top + 1.0, (1.0 - right_share) * bottom_share),
        tap(left + 1.0, top + 1.0, right_share * bottom_share),
    ]
}

//! The kernels of a depthwise convolution of one padded image, NHWC: the lanes of a vector are channels, which are
//! neighbours in memory.
//!
//! The sums of one or two vectors of channels stay in registers: those of four windows in the forward pass, which share
//! the weights, and those of four taps for the weights' gradient, which share the gradient of the output.
#![allow(unsafe_code)]
// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

use crate::ops::simd::{Kernel, Simd};

/// Windows, or taps, whose sums are in registers.
const TILE: usize = 4;

/// Where the values of an image lie.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    /// Where each window begins.
    pub windows: &'a [usize],
    /// Where each value of a window lies, from there.
    pub taps: &'a [usize],
    pub channels: usize,
}

impl Places<'_> {
    /// # Panics
    /// Unless all windows are inside the image and the others are as long as they are many.
    fn check(&self, image: &[f32], weight: &[f32], outputs: &[f32]) {
        let last = |places: &[usize]| places.iter().max().copied().unwrap_or_default();
        assert!(last(self.windows) + last(self.taps) + self.channels <= image.len());
        assert_eq!(weight.len(), self.taps.len() * self.channels);
        assert_eq!(outputs.len(), self.windows.len() * self.channels);
    }
}

/// A kernel whose channels go each by itself, a few windows or taps at a time.
trait Tiles {
    fn places(&self) -> Places<'_>;

    /// Those that a tile is of: windows, if not said otherwise.
    #[inline(always)]
    fn count(&self) -> usize {
        self.places().windows.len()
    }

    /// `T` of them from `first` on, of `V` vectors of the channels from `c` on.
    ///
    /// # Safety
    /// [`Places::check`] has passed; there are so many, and so many channels, with `PART` fewer than a vector.
    unsafe fn tile<S: Simd, const V: usize, const PART: bool, const T: usize>(
        &mut self,
        s: S,
        c: usize,
        first: usize,
    );

    /// All tiles of all channels: two vectors of them at a time, one, or a part of one.
    ///
    /// # Safety
    /// [`Places::check`] has passed.
    #[inline(always)]
    unsafe fn all<S: Simd>(&mut self, s: S) {
        let channels = self.places().channels;
        let mut c = 0;
        // SAFETY: the caller's; the vectors have channels.
        unsafe {
            while c + 2 * S::LANES <= channels {
                self.of_channels::<S, 2, false>(s, c);
                c += 2 * S::LANES;
            }
            if c + S::LANES <= channels {
                self.of_channels::<S, 1, false>(s, c);
                c += S::LANES;
            }
            if c < channels {
                self.of_channels::<S, 1, true>(s, c);
            }
        }
    }

    /// All tiles, of `V` vectors of the channels from `c` on.
    ///
    /// # Safety
    /// As for [`Tiles::tile`].
    #[inline(always)]
    unsafe fn of_channels<S: Simd, const V: usize, const PART: bool>(&mut self, s: S, c: usize) {
        let count = self.count();
        let whole = count - count % TILE;
        // SAFETY: the caller's; windows or taps that there are.
        unsafe {
            for first in (0..whole).step_by(TILE) {
                self.tile::<S, V, PART, TILE>(s, c, first);
            }
            for first in whole..count {
                self.tile::<S, V, PART, 1>(s, c, first);
            }
        }
    }
}

/// `V` vectors that lie from `from` on, or the `part` of one that there is.
///
/// # Safety
/// As for [`Simd::load`], or with `PART` [`Simd::load_part`].
#[inline(always)]
unsafe fn load<S: Simd, const V: usize, const PART: bool>(
    s: S,
    from: *const f32,
    part: usize,
) -> [S::V; V] {
    let mut vectors = [s.splat(0.0); V];
    for v in 0..V {
        // SAFETY: the caller's.
        unsafe {
            vectors[v] =
                if PART { s.load_part(from, part) } else { s.load(from.add(v * S::LANES)) };
        }
    }
    vectors
}

/// Writes `V` vectors to `to`, or the `part` of one that there is.
///
/// # Safety
/// As for [`Simd::store`], or with `PART` [`Simd::store_part`].
#[inline(always)]
unsafe fn store<S: Simd, const V: usize, const PART: bool>(
    s: S,
    to: *mut f32,
    vectors: [S::V; V],
    part: usize,
) {
    for v in 0..V {
        // SAFETY: the caller's.
        unsafe {
            match PART {
                true => s.store_part(to, vectors[v], part),
                false => s.store(to.add(v * S::LANES), vectors[v]),
            }
        }
    }
}

/// `out[window][c] = Σ_t image[window + t][c] weight[t][c]`
pub(super) struct Forward<'a> {
    pub places: Places<'a>,
    pub image: &'a [f32],
    /// `[taps, channels]`.
    pub weight: &'a [f32],
    /// `[windows, channels]`.
    pub out: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.places.check(self.image, self.weight, self.out);
        // SAFETY: just checked.
        unsafe { self.all(s) }
    }

    fn plain(self) {
        let Self { places: Places { windows, taps, channels }, image, weight, out } = self;
        for (window, out) in windows.iter().zip(out.chunks_exact_mut(channels)) {
            out.fill(0.0);
            for (tap, weight) in taps.iter().zip(weight.chunks_exact(channels)) {
                for ((sum, x), weight) in out.iter_mut().zip(&image[window + tap..]).zip(weight) {
                    *sum += x * weight;
                }
            }
        }
    }
}

impl Tiles for Forward<'_> {
    #[inline(always)]
    fn places(&self) -> Places<'_> {
        self.places
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const V: usize, const PART: bool, const T: usize>(
        &mut self,
        s: S,
        c: usize,
        first: usize,
    ) {
        let Places { windows, taps, channels } = self.places;
        let part = channels - c;
        let mut sums = [[s.splat(0.0); V]; T];
        // SAFETY: the caller's.
        unsafe {
            let mut weight = self.weight.as_ptr().add(c);
            let image = self.image.as_ptr().add(c);
            for &tap in taps {
                let weights = load::<S, V, PART>(s, weight, part);
                for i in 0..T {
                    let x = image.add(*windows.get_unchecked(first + i) + tap);
                    let x = load::<S, V, PART>(s, x, part);
                    for v in 0..V {
                        sums[i][v] = s.fma(x[v], weights[v], sums[i][v]);
                    }
                }
                weight = weight.wrapping_add(channels);
            }
            for i in 0..T {
                let out = self.out.as_mut_ptr().add((first + i) * channels + c);
                store::<S, V, PART>(s, out, sums[i], part);
            }
        }
    }
}

/// `dimage[window + t][c] += dz[window][c] weight[t][c]`
pub(super) struct InputGradient<'a> {
    pub places: Places<'a>,
    /// `[windows, channels]`.
    pub dz: &'a [f32],
    /// `[taps, channels]`.
    pub weight: &'a [f32],
    pub dimage: &'a mut [f32],
}

impl Kernel for InputGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.places.check(self.dimage, self.weight, self.dz);
        // SAFETY: just checked.
        unsafe { self.all(s) }
    }

    fn plain(self) {
        let Self { places: Places { windows, taps, channels }, dz, weight, dimage } = self;
        for (window, dz) in windows.iter().zip(dz.chunks_exact(channels)) {
            for (tap, weight) in taps.iter().zip(weight.chunks_exact(channels)) {
                let dx = &mut dimage[window + tap..][..channels];
                for ((dx, dz), weight) in dx.iter_mut().zip(dz).zip(weight) {
                    *dx += dz * weight;
                }
            }
        }
    }
}

impl Tiles for InputGradient<'_> {
    #[inline(always)]
    fn places(&self) -> Places<'_> {
        self.places
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const V: usize, const PART: bool, const T: usize>(
        &mut self,
        s: S,
        c: usize,
        first: usize,
    ) {
        let Places { windows, taps, channels } = self.places;
        let part = channels - c;
        // SAFETY: the caller's.
        unsafe {
            for w in first..first + T {
                let dz = self.dz.as_ptr().add(w * channels + c);
                let gradient = load::<S, V, PART>(s, dz, part);
                let mut weight = self.weight.as_ptr().add(c);
                let image = self.dimage.as_mut_ptr().add(*windows.get_unchecked(w) + c);
                for &tap in taps {
                    let weights = load::<S, V, PART>(s, weight, part);
                    let mut dx = load::<S, V, PART>(s, image.add(tap), part);
                    for v in 0..V {
                        dx[v] = s.fma(gradient[v], weights[v], dx[v]);
                    }
                    store::<S, V, PART>(s, image.add(tap), dx, part);
                    weight = weight.wrapping_add(channels);
                }
            }
        }
    }
}

/// `dweight[t][c] += Σ_window dz[window][c] image[window + t][c]`
pub(super) struct WeightGradient<'a> {
    pub places: Places<'a>,
    /// `[windows, channels]`.
    pub dz: &'a [f32],
    pub image: &'a [f32],
    /// `[taps, channels]`.
    pub dweight: &'a mut [f32],
}

impl Kernel for WeightGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.places.check(self.image, self.dweight, self.dz);
        // SAFETY: just checked.
        unsafe { self.all(s) }
    }

    fn plain(self) {
        let Self { places: Places { windows, taps, channels }, dz, image, dweight } = self;
        for (window, dz) in windows.iter().zip(dz.chunks_exact(channels)) {
            for (tap, dweight) in taps.iter().zip(dweight.chunks_exact_mut(channels)) {
                let x = &image[window + tap..][..channels];
                for ((sum, dz), x) in dweight.iter_mut().zip(dz).zip(x) {
                    *sum += dz * x;
                }
            }
        }
    }
}

impl Tiles for WeightGradient<'_> {
    #[inline(always)]
    fn places(&self) -> Places<'_> {
        self.places
    }

    #[inline(always)]
    fn count(&self) -> usize {
        self.places.taps.len()
    }

    #[inline(always)]
    unsafe fn tile<S: Simd, const V: usize, const PART: bool, const T: usize>(
        &mut self,
        s: S,
        c: usize,
        first: usize,
    ) {
        let Places { windows, taps, channels } = self.places;
        let part = channels - c;
        let mut sums = [[s.splat(0.0); V]; T];
        // SAFETY: the caller's.
        unsafe {
            let mut dz = self.dz.as_ptr().add(c);
            for window in windows {
                let gradient = load::<S, V, PART>(s, dz, part);
                let image = self.image.as_ptr().add(window + c);
                for i in 0..T {
                    let x = image.add(*taps.get_unchecked(first + i));
                    let x = load::<S, V, PART>(s, x, part);
                    for v in 0..V {
                        sums[i][v] = s.fma(gradient[v], x[v], sums[i][v]);
                    }
                }
                dz = dz.wrapping_add(channels);
            }
            for i in 0..T {
                let dweight = self.dweight.as_mut_ptr().add((first + i) * channels + c);
                let mut total = load::<S, V, PART>(s, dweight, part);
                for v in 0..V {
                    total[v] = s.add(total[v], sums[i][v]);
                }
                store::<S, V, PART>(s, dweight, total, part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::simd::SimdLevel;

    fn numbers(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 + seed * 11) % 23) as f32 / 23.0 - 0.5).collect()
    }

    /// Each kernel on each level beside the plain one, which adds the same numbers, for channels of no, one and several
    /// vectors and a part.
    #[test]
    fn all_levels_have_the_sums_of_the_plain_kernels() {
        // 3x3 windows of an image of 6 columns, every second one.
        let taps_of = |channels: usize| -> Vec<usize> {
            (0..9).map(|t| (t / 3 * 6 + t % 3) * channels).collect()
        };
        for (channels, count) in [(1, 1), (5, 4), (16, 5), (17, 3), (33, 7), (70, 9)] {
            let taps = taps_of(channels);
            let windows: Vec<_> = (0..count).map(|w| (w / 2 * 12 + w % 2 * 2) * channels).collect();
            let image = numbers((windows[count - 1] + taps[8]) + 3 * channels, 1);
            let (weight, dz) = (numbers(9 * channels, 2), numbers(count * channels, 3));
            let places = Places { windows: &windows, taps: &taps, channels };
            let results = |level: SimdLevel| {
                let mut out = vec![f32::NAN; count * channels];
                let (mut dimage, mut dweight) = (image.clone(), weight.clone());
                let (image, weight, dz) = (&image[..], &weight[..], &dz[..]);
                level.run(Forward { places, image, weight, out: &mut out });
                level.run(InputGradient { places, dz, weight, dimage: &mut dimage });
                level.run(WeightGradient { places, dz, image, dweight: &mut dweight });
                [out, dimage, dweight]
            };
            let plain = results(SimdLevel::Plain);
            for level in SimdLevel::available() {
                for (ours, plain) in results(level).iter().zip(&plain) {
                    let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
                    assert!(ours.iter().zip(plain).all(near), "{channels} channels, {level:?}");
                }
            }
        }
    }
}

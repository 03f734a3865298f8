//! The kernels of a depthwise convolution of one [block](super::blocks) of an image's channels: the lanes of a vector are
//! channels, which are neighbours in memory.
//!
//! The sums of one or two vectors of channels stay in registers: those of eight windows in the forward pass, which share
//! the weights, and those of nine taps or less for the weights' gradient, which share the gradient of the output.
#![allow(unsafe_code)]
// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

use super::blocks::BLOCK;
use crate::ops::simd::{Kernel, Simd};

/// Windows whose sums are in registers.
const WINDOWS: usize = 8;

/// Where the values of an image lie.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    /// Where each window begins.
    pub windows: &'a [usize],
    /// Where each value of a window lies, from there.
    pub taps: &'a [usize],
}

impl Places<'_> {
    /// # Panics
    /// Unless all windows are inside the image and the weights are as many as the taps.
    fn check(&self, image: &[f32], weight: &[f32]) {
        assert!(last(self.windows) + last(self.taps) + BLOCK <= image.len());
        assert_eq!(weight.len(), self.taps.len() * BLOCK);
    }

    /// # Panics
    /// Unless each window has a place in the gradient of the output.
    fn check_gradient(&self, dz: &[f32], dzs: &[usize]) {
        assert_eq!(self.windows.len(), dzs.len());
        assert!(last(dzs) + BLOCK <= dz.len());
    }
}

fn last(places: &[usize]) -> usize {
    places.iter().max().copied().unwrap_or_default()
}

/// Calls `$body` for the vectors of a block's channels from `c` on, `V` at a time: two where there are registers for them.
macro_rules! of_channels {
    ($s:ident, $channels:expr, |$c:ident, $v:ident| $body:expr) => {{
        let mut $c = 0;
        while $c < $channels {
            if S::REGISTERS >= 32 && $c + S::LANES < $channels {
                const $v: usize = 2;
                $body;
                $c += 2 * S::LANES;
            } else {
                const $v: usize = 1;
                $body;
                $c += S::LANES;
            }
        }
    }};
}

/// `V` vectors that lie from `from` on.
///
/// # Safety
/// As for [`Simd::load`].
#[inline(always)]
unsafe fn load<S: Simd, const V: usize>(s: S, from: *const f32) -> [S::V; V] {
    let mut vectors = [s.splat(0.0); V];
    for v in 0..V {
        // SAFETY: the caller's.
        unsafe { vectors[v] = s.load(from.add(v * S::LANES)) };
    }
    vectors
}

/// `out[window][c] = Σ_t image[window + t][c] weight[t][c]`
pub(super) struct Forward<'a> {
    pub places: Places<'a>,
    pub image: &'a [f32],
    /// `[taps, BLOCK]`.
    pub weight: &'a [f32],
    /// Of these channels of the block.
    pub channels: usize,
    /// `[windows]`, each so many numbers after the other.
    pub out: &'a mut [f32],
    pub pitch: usize,
}

impl Forward<'_> {
    fn check(&self) {
        self.places.check(self.image, self.weight);
        assert!((1..=BLOCK).contains(&self.channels));
        assert!((self.places.windows.len() - 1) * self.pitch + self.channels <= self.out.len());
    }

    /// `T` windows from `first` on, of `V` vectors of the channels from `c` on.
    ///
    /// # Safety
    /// [`Forward::check`] has passed; there are so many windows, and a channel in each vector.
    #[inline(always)]
    unsafe fn tile<S: Simd, const V: usize, const T: usize>(
        &mut self,
        s: S,
        c: usize,
        first: usize,
    ) {
        let mut sums = [[s.splat(0.0); V]; T];
        // SAFETY: the caller's; an image's blocks have whole vectors.
        unsafe {
            let image = self.image.as_ptr().add(c);
            let mut windows = [image; T];
            for i in 0..T {
                windows[i] = image.add(*self.places.windows.get_unchecked(first + i));
            }
            let mut weight = self.weight.as_ptr().add(c);
            for &tap in self.places.taps {
                let weights = load::<S, V>(s, weight);
                for i in 0..T {
                    for v in 0..V {
                        let x = s.load(windows[i].add(tap + v * S::LANES));
                        sums[i][v] = s.fma(x, weights[v], sums[i][v]);
                    }
                }
                weight = weight.wrapping_add(BLOCK);
            }
            for i in 0..T {
                for v in 0..V {
                    let at = c + v * S::LANES;
                    let out = self.out.as_mut_ptr().add((first + i) * self.pitch + at);
                    match self.channels - at {
                        part if part < S::LANES => s.store_part(out, sums[i][v], part),
                        _ => s.store(out, sums[i][v]),
                    }
                }
            }
        }
    }
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.check();
        let count = self.places.windows.len();
        let whole = count - count % WINDOWS;
        // SAFETY: just checked; windows that there are.
        unsafe {
            of_channels!(s, self.channels, |c, V| {
                for first in (0..whole).step_by(WINDOWS) {
                    self.tile::<S, V, WINDOWS>(s, c, first);
                }
                for first in whole..count {
                    self.tile::<S, V, 1>(s, c, first);
                }
            });
        }
    }

    fn plain(self) {
        self.check();
        let Self { places: Places { windows, taps }, image, weight, channels, out, pitch } = self;
        for (window, out) in windows.iter().zip(out.chunks_mut(pitch)) {
            let out = &mut out[..channels];
            out.fill(0.0);
            for (tap, weight) in taps.iter().zip(weight.chunks_exact(BLOCK)) {
                for ((sum, x), weight) in out.iter_mut().zip(&image[window + tap..]).zip(weight) {
                    *sum += x * weight;
                }
            }
        }
    }
}

/// `dimage[window + t][c] += dz[window][c] weight[t][c]`: the transposed sum, for windows of which not each pixel has one.
pub(super) struct InputGradient<'a> {
    pub places: Places<'a>,
    pub dz: &'a [f32],
    /// Where that of each window lies.
    pub dzs: &'a [usize],
    /// `[taps, BLOCK]`.
    pub weight: &'a [f32],
    pub dimage: &'a mut [f32],
}

impl InputGradient<'_> {
    fn check(&self) {
        self.places.check(self.dimage, self.weight);
        self.places.check_gradient(self.dz, self.dzs);
    }
}

impl Kernel for InputGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        self.check();
        let Places { windows, taps } = self.places;
        for (window, dz) in windows.iter().zip(self.dzs) {
            of_channels!(s, BLOCK, |c, V| {
                // SAFETY: just checked.
                unsafe {
                    let gradient = load::<S, V>(s, self.dz.as_ptr().add(dz + c));
                    let mut weight = self.weight.as_ptr().add(c);
                    let image = self.dimage.as_mut_ptr().add(window + c);
                    for &tap in taps {
                        let weights = load::<S, V>(s, weight);
                        for v in 0..V {
                            let at = image.add(tap + v * S::LANES);
                            s.store(at, s.fma(gradient[v], weights[v], s.load(at)));
                        }
                        weight = weight.wrapping_add(BLOCK);
                    }
                }
            });
        }
    }

    fn plain(self) {
        self.check();
        let Self { places: Places { windows, taps }, dz, dzs, weight, dimage } = self;
        for (window, at) in windows.iter().zip(dzs) {
            for (tap, weight) in taps.iter().zip(weight.chunks_exact(BLOCK)) {
                let dx = &mut dimage[window + tap..][..BLOCK];
                for ((dx, dz), weight) in dx.iter_mut().zip(&dz[*at..]).zip(weight) {
                    *dx += dz * weight;
                }
            }
        }
    }
}

/// `dweight[t][c] += Σ_window dz[window][c] image[window + t][c]`
pub(super) struct WeightGradient<'a> {
    pub places: Places<'a>,
    pub dz: &'a [f32],
    /// Where that of each window lies.
    pub dzs: &'a [usize],
    pub image: &'a [f32],
    /// `[taps, BLOCK]`.
    pub dweight: &'a mut [f32],
}

impl WeightGradient<'_> {
    fn check(&self) {
        self.places.check(self.image, self.dweight);
        self.places.check_gradient(self.dz, self.dzs);
    }

    /// `T` taps from `first` on, of `V` vectors of the channels from `c` on; returns T.
    ///
    /// # Safety
    /// [`WeightGradient::check`] has passed; there are so many taps and vectors.
    #[inline(always)]
    unsafe fn tile<S: Simd, const V: usize, const T: usize>(
        &mut self,
        s: S,
        c: usize,
        first: usize,
    ) -> usize {
        let mut sums = [[s.splat(0.0); V]; T];
        // SAFETY: the caller's.
        unsafe {
            let (image, dz) = (self.image.as_ptr().add(c), self.dz.as_ptr().add(c));
            let mut taps = [image; T];
            for i in 0..T {
                taps[i] = image.add(*self.places.taps.get_unchecked(first + i));
            }
            for (window, at) in self.places.windows.iter().zip(self.dzs) {
                let gradient = load::<S, V>(s, dz.add(*at));
                for i in 0..T {
                    for v in 0..V {
                        let x = s.load(taps[i].add(window + v * S::LANES));
                        sums[i][v] = s.fma(gradient[v], x, sums[i][v]);
                    }
                }
            }
            for i in 0..T {
                for v in 0..V {
                    let at = (first + i) * BLOCK + c + v * S::LANES;
                    let dweight = self.dweight.as_mut_ptr().add(at);
                    s.store(dweight, s.add(s.load(dweight), sums[i][v]));
                }
            }
        }
        T
    }
}

impl Kernel for WeightGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        self.check();
        let count = self.places.taps.len();
        // SAFETY: just checked; taps that there are.
        unsafe {
            of_channels!(s, BLOCK, |c, V| {
                let mut first = 0;
                while first < count {
                    // Of 9 taps one tile, of 25 three.
                    first += match count - first {
                        rest if rest >= 9 && rest % 8 != 0 => self.tile::<S, V, 9>(s, c, first),
                        8.. => self.tile::<S, V, 8>(s, c, first),
                        4.. => self.tile::<S, V, 4>(s, c, first),
                        _ => self.tile::<S, V, 1>(s, c, first),
                    };
                }
            });
        }
    }

    fn plain(self) {
        self.check();
        let Self { places: Places { windows, taps }, dz, dzs, image, dweight } = self;
        for (tap, dweight) in taps.iter().zip(dweight.chunks_exact_mut(BLOCK)) {
            let mut sums = [0.0; BLOCK];
            for (window, at) in windows.iter().zip(dzs) {
                let x = &image[window + tap..][..BLOCK];
                for ((sum, dz), x) in sums.iter_mut().zip(&dz[*at..]).zip(x) {
                    *sum += dz * x;
                }
            }
            dweight.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
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

    /// Each kernel on each level beside the plain one, which adds the same numbers: channels of no, one and several vectors
    /// and a part, so many taps and windows as there are tiles for and others.
    #[test]
    fn all_levels_have_the_sums_of_the_plain_kernels() {
        // Windows of an image of 8 columns, every second one.
        for (channels, count, side) in
            [(1, 1, 3), (5, 4, 1), (16, 5, 2), (17, 8, 5), (31, 9, 3), (32, 17, 4)]
        {
            let taps: Vec<_> =
                (0..side * side).map(|t| (t / side * 8 + t % side) * BLOCK).collect();
            let windows: Vec<_> = (0..count).map(|w| (w / 2 * 16 + w % 2 * 2) * BLOCK).collect();
            let dzs: Vec<_> = (0..count).map(|w| (w + w / 2) * BLOCK).collect();
            let image = numbers(last(&windows) + last(&taps) + BLOCK, 1);
            let (weight, dz) = (numbers(taps.len() * BLOCK, 2), numbers(last(&dzs) + BLOCK, 3));
            let places = Places { windows: &windows, taps: &taps };
            let pitch = channels + 3;
            let results = |level: SimdLevel| {
                let mut out = vec![7.0; count * pitch];
                let (mut dimage, mut dweight) = (image.clone(), weight.clone());
                let (image, weight, dz, dzs) = (&image[..], &weight[..], &dz[..], &dzs[..]);
                level.run(Forward { places, image, weight, channels, out: &mut out, pitch });
                level.run(InputGradient { places, dz, dzs, weight, dimage: &mut dimage });
                level.run(WeightGradient { places, dz, dzs, image, dweight: &mut dweight });
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

//! Activations, in place on the sums of a row, and their derivatives from the output.

use crate::ops::Activation;
use crate::ops::simd::{Kernel, MAX_LANES, Scalar, Simd};

/// tanh by a rational approximation: `x P(x²) / Q(x²)`, within 5 units in the last place.
///
/// The coefficients are those of Eigen's `ptanh_float` (Eigen/src/Core/MathFunctionsImpl.h), which
/// TensorFlow also computes tanh with on the CPU. Beyond ±8.01773 tanh is ±1 in single precision.
#[inline(always)]
fn tanh<S: Simd>(s: S, x: S::V) -> S::V {
    const LIMIT: f32 = 8.017_734;
    const P: [f32; 5] = [1.394_553_6e-8, 2.102_733_6e-5, 3.520_756_7e-3, 0.134_021_61, 1.0];
    const Q: [f32; 5] = [8.015_777e-7, 3.326_951_4e-4, 2.597_254_5e-2, 0.467_354_83, 1.0];
    let x = s.max(s.splat(-LIMIT), s.min(s.splat(LIMIT), x));
    let square = s.mul(x, x);
    let (mut p, mut q) = (s.splat(P[0]), s.splat(Q[0]));
    for i in 1..P.len() {
        p = s.fma(p, square, s.splat(P[i]));
        q = s.fma(q, square, s.splat(Q[i]));
    }
    s.div(s.mul(x, p), q)
}

/// The activation of a vector.
#[inline(always)]
pub(crate) fn apply<S: Simd>(s: S, activation: Activation, x: S::V) -> S::V {
    match activation {
        Activation::Identity => x,
        Activation::Tanh => tanh(s, x),
        Activation::Relu => s.max(s.splat(0.0), x),
        Activation::Relu6 => s.min(s.splat(6.0), s.max(s.splat(0.0), x)),
    }
}

/// The activation of one value; NaN stays, as in the vectors.
#[inline(always)]
pub(crate) fn activated(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Identity => x,
        Activation::Tanh => x.tanh(),
        Activation::Relu if x > 0.0 || x.is_nan() => x,
        Activation::Relu => 0.0,
        Activation::Relu6 => x.clamp(0.0, 6.0),
    }
}

/// Replaces `n` values by their activation.
///
/// # Safety
/// `values` is valid for reading and writing `n` floats.
#[inline(always)]
pub(crate) unsafe fn activate<S: Simd>(s: S, activation: Activation, values: *mut f32, n: usize) {
    if activation == Activation::Identity {
        return;
    }
    let (whole, part) = (n - n % S::LANES, n % S::LANES);
    // SAFETY: every access lies in the first `n` floats, which the caller vouches for.
    unsafe {
        for at in (0..whole).step_by(S::LANES) {
            let y = apply(s, activation, s.load(values.add(at)));
            s.store(values.add(at), y);
        }
        if part > 0 {
            let y = apply(s, activation, s.load_part(values.add(whole), part));
            s.store_part(values.add(whole), y, part);
        }
    }
}

/// `out[i][k] = activation(out[i][k] + bias[k])`
pub(crate) struct Activate<'a> {
    pub activation: Activation,
    /// `[channels]`.
    pub bias: &'a [f32],
    /// `[pixels, channels]`.
    pub out: &'a mut [f32],
}

impl Kernel for Activate<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { activation, bias, out } = self;
        let channels = bias.len();
        // Of a few channels so many pixels at a time that they are whole vectors.
        let mut repeated = [0.0; MAX_LANES * MAX_LANES];
        let bias = match channels < S::LANES {
            true => {
                let vectors = channels * S::LANES;
                let whole = repeated.len() - repeated.len() % vectors;
                let repeated = &mut repeated[..whole];
                let values = bias.iter().cycle();
                repeated.iter_mut().zip(values).for_each(|(own, bias)| *own = *bias);
                repeated
            }
            false => bias,
        };
        for out in out.chunks_mut(bias.len()) {
            for (sum, bias) in out.iter_mut().zip(bias) {
                *sum += bias;
            }
            // SAFETY: all of a slice.
            unsafe { activate(s, activation, out.as_mut_ptr(), out.len()) }
        }
    }

    fn plain(self) {
        for out in self.out.chunks_exact_mut(self.bias.len()) {
            for (sum, bias) in out.iter_mut().zip(self.bias) {
                *sum = activated(self.activation, *sum + bias);
            }
        }
    }
}

/// `out = activation(a + b)`, all of one length.
pub(crate) struct Sum<'a> {
    pub activation: Activation,
    pub a: &'a [f32],
    pub b: &'a [f32],
    pub out: &'a mut [f32],
}

impl Kernel for Sum<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { activation, a, b, out } = self;
        for at in (0..out.len()).step_by(S::LANES) {
            let sum = s.add(s.read(&a[at..]), s.read(&b[at..]));
            s.write(&mut out[at..], apply(s, activation, sum));
        }
    }

    fn plain(self) {
        self.run(Scalar);
    }
}

/// `out = gradient * activation'`, the derivative taken from the activation's output:
/// `1 - y²` for tanh, `y > 0` for relu, `0 < y < 6` for relu6.
pub(crate) struct Derive<'a> {
    pub activation: Activation,
    pub gradient: &'a [f32],
    pub output: &'a [f32],
    pub out: &'a mut [f32],
}

impl Kernel for Derive<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let n = self.out.len();
        assert!(self.gradient.len() == n && self.output.len() == n);
        let (g, y, out) = (self.gradient.as_ptr(), self.output.as_ptr(), self.out.as_mut_ptr());
        let (whole, part) = (n - n % S::LANES, n % S::LANES);
        // SAFETY: every access lies in the first `n` floats of slices of that length.
        unsafe {
            for at in (0..whole).step_by(S::LANES) {
                let dz = derive(s, self.activation, s.load(g.add(at)), s.load(y.add(at)));
                s.store(out.add(at), dz);
            }
            if part > 0 {
                let (g, y) = (s.load_part(g.add(whole), part), s.load_part(y.add(whole), part));
                s.store_part(out.add(whole), derive(s, self.activation, g, y), part);
            }
        }
    }

    fn plain(self) {
        for ((out, &g), &y) in self.out.iter_mut().zip(self.gradient).zip(self.output) {
            *out = derived(self.activation, g, y);
        }
    }
}

/// One gradient before the activation.
#[inline(always)]
pub(crate) fn derived(activation: Activation, g: f32, y: f32) -> f32 {
    match activation {
        Activation::Identity => g,
        Activation::Tanh => g * (1.0 - y * y),
        Activation::Relu if y > 0.0 => g,
        Activation::Relu6 if y > 0.0 && y < 6.0 => g,
        Activation::Relu | Activation::Relu6 => 0.0,
    }
}

/// `g` times the derivative of the activation whose output is `y`.
#[inline(always)]
pub(crate) fn derive<S: Simd>(s: S, activation: Activation, g: S::V, y: S::V) -> S::V {
    match activation {
        Activation::Identity => g,
        Activation::Tanh => s.mul(g, s.fnma(y, y, s.splat(1.0))),
        Activation::Relu => s.where_positive(y, g),
        Activation::Relu6 => s.where_positive(y, s.where_positive(s.sub(s.splat(6.0), y), g)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::ACTIVATIONS;
    use crate::ops::simd::SimdLevel;

    /// Of any number of channels, few or more than a vector has.
    #[test]
    fn each_channel_has_its_bias() {
        for channels in [1, 2, 3, 5, 15, 16, 17, 40] {
            let value = |i: usize| (i as f32 * 0.37).sin();
            let bias: Vec<f32> = (0..channels).map(|channel| value(channel + 7)).collect();
            let values: Vec<f32> = (0..channels * 131).map(value).collect();
            for level in SimdLevel::available() {
                for activation in ACTIVATIONS {
                    let mut out = values.clone();
                    level.run(Activate { activation, bias: &bias, out: &mut out });
                    for (i, (got, value)) in out.iter().zip(&values).enumerate() {
                        let want = activated(activation, value + bias[i % channels]);
                        assert!((got - want).abs() < 1e-6, "{channels} {level:?} {activation:?}");
                    }
                }
            }
        }
    }

    /// At their corners too, and of NaN; tanh within five units in the last place.
    #[test]
    fn vectors_are_activated_as_single_values_are() {
        let mut values: Vec<f32> = (-300..=300).map(|i| i as f32 / 37.0).collect();
        values.extend([
            0.0,
            6.0,
            f32::from_bits(6f32.to_bits() - 1),
            f32::INFINITY,
            -1e30,
            f32::NAN,
        ]);
        let gradient: Vec<f32> = (0..values.len()).map(|i| (i as f32 * 1.7).sin()).collect();
        let same =
            |a: f32, b: f32| (a - b).abs() <= 1e-6 * b.abs() || a == b || a.is_nan() && b.is_nan();
        for level in SimdLevel::available() {
            for activation in ACTIVATIONS {
                let mut activated_values = values.clone();
                let bias = vec![0.0; values.len()];
                level.run(Activate { activation, bias: &bias, out: &mut activated_values });
                let mut out = vec![1.0; values.len()];
                let output = &activated_values;
                level.run(Derive { activation, gradient: &gradient, output, out: &mut out });
                for (at, x) in values.iter().enumerate() {
                    let (y, dz) =
                        (activated(activation, *x), derived(activation, gradient[at], output[at]));
                    assert!(
                        same(output[at], y),
                        "{level:?}, {activation:?} of {x}: {}",
                        output[at]
                    );
                    let close = (out[at] - dz).abs() <= 1e-5 || same(out[at], dz);
                    assert!(close, "{level:?}, {activation:?} of {x}: {} and {dz}", out[at]);
                }
            }
        }
        let six = |x| activated(Activation::Relu6, x);
        assert_eq!([six(-1.0), six(2.5), six(7.0)], [0.0, 2.5, 6.0]);
        let slope = |y| derived(Activation::Relu6, 3.0, y);
        assert_eq!([slope(0.0), slope(2.5), slope(6.0)], [0.0, 3.0, 0.0]);
    }
}

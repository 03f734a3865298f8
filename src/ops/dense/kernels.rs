//! The products of a dense layer for a few examples at a time, each weight read once from memory.
//!
//! ```text
//! y[e][o]  = activation(bias[o] + Σ_i x[e][i] weight[i][o])     Forward
//! dx[e][i] = Σ_o dz[e][o] weight[i][o]                          InputGradient
//! ```
//!
//! The weights of a large layer fit no cache: what is near is a block of them, which all examples of the group are
//! multiplied with. The rows of dz are often a power of two apart, lines that the first cache cannot keep beside each
//! other, so those of a block are copied together first. Of many examples the [blocks](super::blocks) have dx.
#![allow(unsafe_code)]
// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

use crate::ops::Activation;
use crate::ops::simd::elementwise::{activate, activated};
use crate::ops::simd::{Kernel, Simd};

/// Inputs in a block of the forward pass: as many rows of the weight, each in a page of its own, as the first
/// level of a processor's page table cache holds.
const INPUTS: usize = 64;
/// Outputs in a block of the input's gradient: that of 16 examples stays in the first cache.
const OUTPUTS: usize = 256;

/// Numbers of examples and of inputs of a layer of so many `outputs`, `near` being `[examples, outputs]`, `weight`
/// `[inputs, outputs]` and `far` `[examples, inputs]`.
fn sizes(near: &[f32], weight: &[f32], far: &[f32], outputs: usize) -> [usize; 2] {
    assert!(outputs > 0 && weight.len().is_multiple_of(outputs));
    let (examples, inputs) = (near.len() / outputs, weight.len() / outputs);
    assert_eq!([near.len(), far.len()], [examples * outputs, examples * inputs]);
    [examples, inputs]
}

/// The forward pass of some examples.
pub(super) struct Forward<'a> {
    /// `[examples, inputs]`.
    pub x: &'a [f32],
    /// `[inputs, outputs]`.
    pub weight: &'a [f32],
    /// `[outputs]`.
    pub bias: &'a [f32],
    pub activation: Activation,
    /// `[examples, outputs]`.
    pub y: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let outputs = self.bias.len();
        let [examples, inputs] = sizes(self.y, self.weight, self.x, outputs);
        self.y.chunks_exact_mut(outputs).for_each(|y| y.copy_from_slice(self.bias));
        for from in (0..inputs).step_by(INPUTS) {
            let count = INPUTS.min(inputs - from);
            let (values, apart) = (&self.x[from..], inputs);
            let weight = &self.weight[from * outputs..][..count * outputs];
            Product { values, apart, examples, weight, outputs }.add_to(s, self.y);
        }
        // SAFETY: all of a slice.
        unsafe { activate(s, self.activation, self.y.as_mut_ptr(), self.y.len()) }
    }

    fn plain(self) {
        let outputs = self.bias.len();
        let [_, inputs] = sizes(self.y, self.weight, self.x, outputs);
        for (x, y) in self.x.chunks_exact(inputs).zip(self.y.chunks_exact_mut(outputs)) {
            y.copy_from_slice(self.bias);
            for (x, weight) in x.iter().zip(self.weight.chunks_exact(outputs)) {
                y.iter_mut().zip(weight).for_each(|(y, weight)| *y += x * weight);
            }
            y.iter_mut().for_each(|y| *y = activated(self.activation, *y));
        }
    }
}

/// `y[e][o] += Σ_i values[e][i] weight[i][o]`
struct Product<'a> {
    /// Those of an example lie together.
    values: &'a [f32],
    /// From one example to the next.
    apart: usize,
    examples: usize,
    /// `[inputs, outputs]`.
    weight: &'a [f32],
    outputs: usize,
}

impl Product<'_> {
    #[inline(always)]
    fn add_to<S: Simd>(&self, s: S, y: &mut [f32]) {
        let inputs = self.weight.len() / self.outputs;
        assert!((self.examples - 1) * self.apart + inputs <= self.values.len());
        assert_eq!(y.len(), self.examples * self.outputs);
        let y = y.as_mut_ptr();
        let pair = 2 * S::LANES;
        let mut o = 0;
        // SAFETY: columns and examples that exist, of slices whose lengths were compared with them.
        unsafe {
            while o + pair <= self.outputs {
                self.examples::<S, 2, false>(s, y, o);
                o += pair;
            }
            while o + S::LANES <= self.outputs {
                self.examples::<S, 1, false>(s, y, o);
                o += S::LANES;
            }
            if o < self.outputs {
                self.examples::<S, 1, true>(s, y, o);
            }
        }
    }

    /// All examples, of the `V` vectors of outputs from `o` on.
    ///
    /// # Safety
    /// These outputs exist, with `PART` fewer than a vector of them; `y` has all examples.
    #[inline(always)]
    unsafe fn examples<S: Simd, const V: usize, const PART: bool>(
        &self,
        s: S,
        y: *mut f32,
        o: usize,
    ) {
        let mut e = 0;
        // SAFETY: the caller's; examples that there are.
        unsafe {
            while S::REGISTERS >= 32 && e + 8 <= self.examples {
                self.tile::<S, V, PART, 8>(s, y, o, e);
                e += 8;
            }
            while e + 4 <= self.examples {
                self.tile::<S, V, PART, 4>(s, y, o, e);
                e += 4;
            }
            while e < self.examples {
                self.tile::<S, V, PART, 1>(s, y, o, e);
                e += 1;
            }
        }
    }

    /// `E` examples from `e` on.
    ///
    /// # Safety
    /// As for [`Product::examples`].
    #[inline(always)]
    unsafe fn tile<S: Simd, const V: usize, const PART: bool, const E: usize>(
        &self,
        s: S,
        y: *mut f32,
        o: usize,
        e: usize,
    ) {
        let part = self.outputs - o;
        // SAFETY: the caller's.
        unsafe {
            let mut sums = [[s.splat(0.0); V]; E];
            for (i, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let from = y.add((e + i) * self.outputs + o + v * S::LANES);
                    *sum = if PART { s.load_part(from, part) } else { s.load(from) };
                }
            }
            let mut weight = self.weight.as_ptr().add(o);
            let mut values = self.values.as_ptr().add(e * self.apart);
            for _ in 0..self.weight.len() / self.outputs {
                let mut weights = [s.splat(0.0); V];
                for v in 0..V {
                    let from = weight.add(v * S::LANES);
                    weights[v] = if PART { s.load_part(from, part) } else { s.load(from) };
                    // What the next vectors of outputs begin with: by rows, no prefetcher of a processor follows.
                    s.prefetch(from.wrapping_add(V * S::LANES));
                }
                for i in 0..E {
                    let value = s.splat(*values.add(i * self.apart));
                    for v in 0..V {
                        sums[i][v] = s.fma(weights[v], value, sums[i][v]);
                    }
                }
                weight = weight.wrapping_add(self.outputs);
                values = values.wrapping_add(1);
            }
            for (i, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    let to = y.add((e + i) * self.outputs + o + v * S::LANES);
                    if PART { s.store_part(to, sum, part) } else { s.store(to, sum) }
                }
            }
        }
    }
}

/// The gradient of the input of some examples.
pub(super) struct InputGradient<'a> {
    /// `[examples, outputs]`: of the sums before the activation.
    pub dz: &'a [f32],
    /// `[inputs, outputs]`.
    pub weight: &'a [f32],
    pub outputs: usize,
    /// `[examples, inputs]`.
    pub dx: &'a mut [f32],
}

impl Kernel for InputGradient<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let outputs = self.outputs;
        let [examples, inputs] = sizes(self.dz, self.weight, self.dx, outputs);
        // Of a block the gradients lie together, filled up with zeros to whole vectors.
        let mut block = vec![0.0; examples * OUTPUTS];
        for from in (0..outputs).step_by(OUTPUTS) {
            let count = OUTPUTS.min(outputs - from);
            for (e, values) in block.chunks_exact_mut(OUTPUTS).enumerate() {
                values[..count].copy_from_slice(&self.dz[e * outputs + from..][..count]);
                values[count..].fill(0.0);
            }
            let mut i = 0;
            while i < inputs {
                let rows = std::array::from_fn(|row| (i + row).min(inputs - 1));
                let weights = rows.map(|row| &self.weight[row * outputs + from..][..count]);
                let mut e = 0;
                while e < examples {
                    let n = if e + 4 <= examples { 4 } else { 1 };
                    let dz = &block[e * OUTPUTS..][..n * OUTPUTS];
                    let sums: [[f32; 4]; 4] = match n {
                        4 => dots::<S, 4>(s, dz, weights, 4 * outputs),
                        _ => dots::<S, 1>(s, dz, weights, 4 * outputs),
                    };
                    for (example, sums) in sums.iter().take(n).enumerate() {
                        let at = (e + example) * inputs + i;
                        let end = (i + 4).min(inputs) - i;
                        for (dx, sum) in self.dx[at..at + end].iter_mut().zip(sums) {
                            *dx = if from == 0 { *sum } else { *dx + sum };
                        }
                    }
                    e += n;
                }
                i += 4;
            }
        }
    }

    fn plain(self) {
        let outputs = self.outputs;
        let [_, inputs] = sizes(self.dz, self.weight, self.dx, outputs);
        for (dz, dx) in self.dz.chunks_exact(outputs).zip(self.dx.chunks_exact_mut(inputs)) {
            for (dx, weight) in dx.iter_mut().zip(self.weight.chunks_exact(outputs)) {
                *dx = dz.iter().zip(weight).map(|(dz, weight)| dz * weight).sum();
            }
        }
    }
}

/// The products of `E` rows of `dz` `[E, OUTPUTS]`, zeros where the weights have ended, and four rows of weights; the
/// rows that are `next`, so many numbers on, are brought nearer.
#[inline(always)]
fn dots<S: Simd, const E: usize>(
    s: S,
    dz: &[f32],
    weights: [&[f32]; 4],
    next: usize,
) -> [[f32; 4]; 4] {
    let count = weights[0].len();
    assert!(dz.len() == E * OUTPUTS && count <= OUTPUTS);
    assert!(weights.iter().all(|weights| weights.len() == count));
    let mut sums = [[s.splat(0.0); 4]; E];
    let (whole, part) = (count - count % S::LANES, count % S::LANES);
    // SAFETY: rows of these lengths.
    unsafe {
        for at in (0..whole).step_by(S::LANES) {
            let mut vectors = [s.splat(0.0); 4];
            for w in 0..4 {
                let from = weights[w].as_ptr().add(at);
                vectors[w] = s.load(from);
                s.prefetch(from.wrapping_add(next));
            }
            for e in 0..E {
                let dz = s.load(dz.as_ptr().add(e * OUTPUTS + at));
                for w in 0..4 {
                    sums[e][w] = s.fma(dz, vectors[w], sums[e][w]);
                }
            }
        }
        if part > 0 {
            let mut vectors = [s.splat(0.0); 4];
            for w in 0..4 {
                vectors[w] = s.load_part(weights[w].as_ptr().add(whole), part);
            }
            for e in 0..E {
                let dz = s.load(dz.as_ptr().add(e * OUTPUTS + whole));
                for w in 0..4 {
                    sums[e][w] = s.fma(dz, vectors[w], sums[e][w]);
                }
            }
        }
    }
    let mut out = [[0.0; 4]; 4];
    for e in 0..E {
        out[e] = s.sums(sums[e]);
    }
    out
}

//! p = share of the 2^n choices of signs e with |sum e_i d_i| >= |sum d_i|: the sign-flip permutation test of
//! the mean of n paired differences d, two-sided.
//!
//! If two configurations do not differ, each seed's difference is as likely as its opposite: the test asks
//! how many of these equally likely outcomes have a mean as far from 0, and assumes no distribution. Fisher 1935,
//! "The Design of Experiments", section 21; `permutation_test(permutation_type="samples")` of SciPy.
//!
//! To [`EXACT`] differences all choices are counted, beyond them choices drawn at random, and then
//! p = (1 + hits) / (1 + choices), which keeps the test's level (Phipson and Smyth 2010, "Permutation P-values
//! should never be zero").

use crate::util::random::split_mix64;
use rayon::prelude::*;

/// To how many differences every choice of signs is counted.
const EXACT: usize = 20;
/// How many choices are drawn beyond that.
const CHOICES: u64 = 99_999;
/// And how many of more than [`MANY`] differences, so that it takes no longer.
const CHOICES_OF_MANY: u64 = 9_999;
/// From here on fewer are drawn.
const MANY: usize = 1_000;
/// What the choices are drawn from; any number would do.
const SEED: u64 = 1935;
/// By how much of sum |d_i| a sum may fall short of the observed one and count as equal. Differences
/// of decimal fractions that should be equal are so to about 1e-16 / |d_i|; counting too many makes p greater.
const TOLERANCE: f64 = 1e-9;

/// What the test says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignFlip {
    /// The two-sided p value, a probability: of data as far from 0 where there is no difference. NaN if a
    /// difference is not finite.
    pub p: f64,
    /// No data of this many differences can have a smaller p.
    pub least_p: f64,
    /// Whether every choice of signs was counted; else `p` is an estimate.
    pub exact: bool,
}

/// Tests whether the mean of `differences`, one for each pair, is 0. A function of the differences alone,
/// not of their order, of threads or of another seed. Without differences, or if all are 0, p is 1.
pub fn sign_flip(differences: &[f64]) -> SignFlip {
    let n = differences.len();
    let exact = n <= EXACT;
    let choices = if n > MANY { CHOICES_OF_MANY } else { CHOICES };
    let least_p = match n {
        0 => 1.0,
        _ if exact => 2.0 / (1_u64 << n) as f64,
        _ => 1.0 / (1 + choices) as f64,
    };
    let p = if !differences.iter().all(|difference| difference.is_finite()) {
        f64::NAN
    } else {
        let (magnitudes, threshold) = scaled(differences);
        if threshold <= 0.0 {
            1.0
        } else if exact {
            exact_p(&magnitudes, threshold)
        } else {
            estimated_p(&magnitudes, threshold, choices)
        }
    };
    SignFlip { p, least_p, exact }
}

/// The |d_i| in ascending order, in the unit of the greatest so that no sum overflows, and the sum from
/// which on a choice counts, at most 0 if all do.
///
/// The signs of the differences matter in the observed sum alone: flipped, d and |d| are the same choices.
fn scaled(differences: &[f64]) -> (Vec<f64>, f64) {
    let unit = differences.iter().fold(0.0, |most: f64, difference| most.max(difference.abs()));
    if unit == 0.0 {
        return (vec![0.0; differences.len()], 0.0);
    }
    let mut scaled: Vec<f64> = differences.iter().map(|difference| difference / unit).collect();
    scaled.sort_unstable_by(f64::total_cmp);
    let observed = scaled.iter().sum::<f64>().abs();
    let mut magnitudes: Vec<f64> = scaled.into_iter().map(f64::abs).collect();
    magnitudes.sort_unstable_by(f64::total_cmp);
    let threshold = observed - TOLERANCE * magnitudes.iter().sum::<f64>();
    (magnitudes, threshold)
}

/// Of all choices, whose sums are a sum of the first half's plus one of the second's: with the latter
/// sorted, 2^(n/2) searches count them.
fn exact_p(magnitudes: &[f64], threshold: f64) -> f64 {
    let (first, second) = magnitudes.split_at(magnitudes.len() / 2);
    let (first, mut second) = (signed_sums(first), signed_sums(second));
    second.sort_unstable_by(f64::total_cmp);
    let above = |sum: &f64| second.len() - second.partition_point(|other| sum + other < threshold);
    let hits: usize = first.iter().map(above).sum();
    // As many are below -threshold.
    2.0 * hits as f64 / (first.len() * second.len()) as f64
}

/// The sums of all 2^n choices of signs.
fn signed_sums(magnitudes: &[f64]) -> Vec<f64> {
    magnitudes.iter().fold(vec![0.0], |sums, magnitude| {
        sums.iter().flat_map(|sum| [sum + magnitude, sum - magnitude]).collect()
    })
}

/// Of `choices` drawn ones and the observed one.
fn estimated_p(magnitudes: &[f64], threshold: f64, choices: u64) -> f64 {
    // Each is a function of its index: how threads share them cannot matter.
    let hits = (0..choices)
        .into_par_iter()
        .filter(|&choice| drawn_sum(magnitudes, split_mix64(SEED, choice)).abs() >= threshold);
    (1 + hits.count()) as f64 / (1 + choices) as f64
}

/// The sum with random signs, 64 of each word.
fn drawn_sum(magnitudes: &[f64], seed: u64) -> f64 {
    let words = magnitudes.chunks(64).zip(0..);
    words.map(|(values, index)| signed_sum(values, split_mix64(seed, index))).sum()
}

/// The sum of at most 64 values, each with the sign of its bit: in four sums, as additions wait for each other.
fn signed_sum(values: &[f64], signs: u64) -> f64 {
    let signed = |i: usize, value: f64| f64::from_bits(value.to_bits() ^ ((signs >> i) << 63));
    let (fours, rest) = values.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (four, values) in fours.iter().enumerate() {
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += signed(4 * four + lane, values[lane]);
        }
    }
    let rest = rest.iter().enumerate().map(|(i, &value)| signed(4 * fours.len() + i, value));
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

#[cfg(test)]
mod tests;

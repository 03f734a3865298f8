//! Random numbers as a function of a seed, an epoch and a step: a resumed run draws what the uninterrupted
//! run would have drawn.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

/// The order in which an epoch goes through `examples` examples: a function of `seed` and `epoch`
/// alone, so that a resumed run goes on as it would have gone.
pub fn epoch_order(seed: u64, epoch: u64, examples: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..examples).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(split_mix64(seed, epoch)));
    order
}

/// The seed of what the layers draw in a step: of u64::MAX - step, where epochs count from 0, so that the
/// two ranges never meet.
pub fn step_seed(seed: u64, step: u64) -> u64 {
    split_mix64(seed, u64::MAX - step)
}

/// A random function of two numbers: SplitMix64's finaliser (Steele, Lea and Flood 2014) over
/// their combination.
pub fn split_mix64(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_holds_each_example_once_and_differs_from_the_next() {
        let mut order = epoch_order(1, 0, 100);
        assert_eq!(order, epoch_order(1, 0, 100));
        assert_ne!(order, epoch_order(1, 1, 100));
        assert_ne!(order, epoch_order(2, 0, 100));
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}

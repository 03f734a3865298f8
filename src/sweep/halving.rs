//! Successive halving (Jamieson and Talwalkar 2016): all trials are trained for a few epochs, the best η-th of them
//! for η times as many, and so on, until the last ones have all R epochs.
//!
//! With n trials there are K = min(⌊log_η n⌋, ⌊log_η R⌋) cuts; the rung k from 0 has ⌊n / η^k⌋ trials and ends after
//! ⌈R / η^(K-k)⌉ epochs. A trial is paused at a rung, not restarted after it: a survivor is the run that was never
//! paused, to the last bit.

/// A rung: how many trials reach it, and after how many epochs it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Trials.
    pub trials: usize,
    /// Epochs from the beginning of a run.
    pub epochs: u64,
}

/// The rungs of `trials` trials of `epochs` epochs, the first one first; without `eta` there is one.
pub fn rungs(trials: usize, epochs: u64, eta: Option<u64>) -> Vec<Rung> {
    let Some(eta) = eta else { return vec![Rung { trials, epochs }] };
    let powers =
        |of: u64| (1..).take_while(|&k| eta.checked_pow(k).is_some_and(|p| p <= of)).count() as u32;
    let cuts = powers(trials as u64).min(powers(epochs));
    let rung = |k: u32| Rung {
        trials: (trials as u64 / eta.pow(k)).max(1) as usize,
        epochs: epochs.div_ceil(eta.pow(cuts - k)),
    };
    (0..=cuts).map(rung).collect()
}

/// Which of the trials with these numbers and `objectives` (less is better) go on, if so many may: the best, the
/// earlier one of two that are equal; in the order of their numbers.
pub fn promoted(objectives: &[(usize, f64)], survivors: usize) -> Vec<usize> {
    let mut order = objectives.to_vec();
    order.sort_by(|one, other| one.1.total_cmp(&other.1).then(one.0.cmp(&other.0)));
    let mut best: Vec<_> = order.into_iter().take(survivors).map(|(trial, _)| trial).collect();
    best.sort_unstable();
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(trials: usize, epochs: u64, eta: u64) -> Vec<(usize, u64)> {
        rungs(trials, epochs, Some(eta)).iter().map(|rung| (rung.trials, rung.epochs)).collect()
    }

    #[test]
    fn a_third_goes_on() {
        assert_eq!(pairs(27, 9, 3), [(27, 1), (9, 3), (3, 9)]);
        assert_eq!(pairs(27, 81, 3), [(27, 3), (9, 9), (3, 27), (1, 81)]);
        assert_eq!(pairs(4, 10, 2), [(4, 3), (2, 5), (1, 10)]);
        assert_eq!(pairs(5, 1, 3), [(5, 1)]);
        assert_eq!(pairs(2, 100, 3), [(2, 100)]);
        assert_eq!(rungs(5, 7, None), [Rung { trials: 5, epochs: 7 }]);
    }

    #[test]
    fn the_diverged_are_the_worst() {
        let objectives = [(0, 0.5), (1, f64::INFINITY), (2, 0.25), (3, 0.5), (4, 0.1)];
        assert_eq!(promoted(&objectives, 3), [0, 2, 4]);
        assert_eq!(promoted(&objectives, 9), [0, 1, 2, 3, 4]);
    }
}

//! rho = sum (r - r') (s - s') / sqrt(sum (r - r')^2 sum (s - s')^2): Spearman's rank correlation, Pearson's of the
//! ranks r and s (r' = s' = (n + 1) / 2 are their means).
//!
//! Equal values share the mean of the ranks that they take (mid-ranks). Spearman 1904, "The proof and measurement
//! of association between two things"; `spearmanr` of SciPy.

/// How monotonically `y` goes with `x`: from -1 (falls wherever `x` rises) to 1; `None` where it has no meaning,
/// for fewer than two pairs, a constant `x` or `y`, or a NaN.
///
/// # Panics
///
/// If `x` and `y` are not of one length.
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    assert_eq!(x.len(), y.len(), "spearman: a pair is a number of x and one of y");
    if x.iter().chain(y).any(|value| value.is_nan()) {
        return None;
    }
    let (x, y) = (centred_ranks(x), centred_ranks(y));
    let scale = (dot(&x, &x) * dot(&y, &y)).sqrt();
    // Without pairs or with a constant every rank is the mean one.
    (scale > 0.0).then(|| (dot(&x, &y) / scale).clamp(-1.0, 1.0))
}

/// The mid-ranks from 1, less their mean.
pub(crate) fn centred_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &other| values[one].total_cmp(&values[other]));
    let mean = (values.len() as f64 + 1.0) / 2.0;
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    // By == and not by bits: 0 and -0 are equal, and are neighbours in the order.
    for equal in order.chunk_by(|&one, &other| values[one] == values[other]) {
        let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|&i| ranks[i] = rank - mean);
        before += equal.len();
    }
    ranks
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_two_values_of_each_there_is_none() {
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(spearman(&[1.0], &[2.0]), None);
        assert_eq!(spearman(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), None);
        assert_eq!(spearman(&[1.0, 2.0], &[3.0, 3.0]), None);
        assert_eq!(spearman(&[0.0, -0.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[1.0, f64::NAN, 2.0], &[1.0, 2.0, 3.0]), None);
    }

    #[test]
    fn what_is_monotone_has_1_however_bent() {
        let x: Vec<f64> = (-20..20).map(f64::from).collect();
        let cubes: Vec<f64> = x.iter().map(|x| x.powi(3)).collect();
        let falling: Vec<f64> = x.iter().map(|x| -x.exp()).collect();
        assert_eq!(spearman(&x, &cubes), Some(1.0));
        assert_eq!(spearman(&x, &falling), Some(-1.0));
        assert_eq!(spearman(&[1.0, f64::INFINITY], &[0.0, 1.0]), Some(1.0));
    }

    #[test]
    fn equal_values_share_their_mean_rank() {
        assert_eq!(centred_ranks(&[5.0, 1.0, 5.0, 5.0]), [0.5, -1.5, 0.5, 0.5]);
        assert_eq!(centred_ranks(&[0.0, 2.0, -0.0]), [-0.5, 1.0, -0.5]);
    }

    #[test]
    #[should_panic(expected = "a pair")]
    fn a_number_without_its_pair_panics() {
        spearman(&[1.0, 2.0], &[1.0]);
    }
}

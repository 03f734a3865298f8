//! How much vectors x `[vectors, values]` tell of classes: the share of the vectors at odd places that are predicted
//! rightly from those at even ones, from which it is known what they are.
//!
//! - k nearest neighbours: the class that most of the k nearest (‖x - x'‖²) are of, the one of the lowest label where
//!   several are as many.
//! - Linear probe (Alain and Bengio 2016, "Understanding intermediate layers using linear classifier probes"), by
//!   least squares: argmax_c of x·w_c + b_c, where w_c, b_c minimise Σ (x·w_c + b_c - y_c)² + ‖w_c‖², y_c = 1 for
//!   vectors of the class c and -1 for others. With X less its mean, w = (XᵀX + I)⁻¹ Xᵀ y = Xᵀ (XXᵀ + I)⁻¹ y.
//!
//! scikit-learn's `KNeighborsClassifier(algorithm="brute")` and `RidgeClassifier(alpha=1)`.

use crate::util::parallel::{map, map_items};

/// Neighbours that are asked.
pub const NEIGHBOURS: usize = 5;
/// The most vectors that are known, and of large ones the most products of two of them, in numbers: a few seconds.
const MOST_KNOWN: usize = 2000;
const MOST_PRODUCTS: usize = 4_000_000_000;

/// What vectors tell of classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassInformation {
    /// Vectors of which the class is known.
    pub known: usize,
    /// Vectors whose class is predicted.
    pub predicted: usize,
    /// The share of these that [`NEIGHBOURS`] predict rightly, 0..=1.
    pub neighbours: f64,
    /// The share that the linear probe predicts rightly, 0..=1.
    pub probe: f64,
}

/// What the first of `vectors`, rows of so many `values`, tell of their `labels`: of up to 4,000, of large ones fewer.
/// `None` of fewer than two classes or four vectors, or where one of them is not finite.
///
/// # Panics
/// Where there is not one row for each label.
pub fn class_information(
    vectors: &[f32],
    values: usize,
    labels: &[u32],
) -> Option<ClassInformation> {
    assert_eq!(vectors.len(), labels.len() * values, "{values} values");
    let most = ((MOST_PRODUCTS / values.max(1)) as f64).sqrt() as usize;
    let count = labels.len().min(2 * most.clamp(NEIGHBOURS, MOST_KNOWN));
    let (vectors, labels) = (&vectors[..count * values], &labels[..count]);
    let is_one_class = labels.iter().all(|label| *label == labels[0]);
    if values == 0 || count < 4 || is_one_class || vectors.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let row = |at: usize| &vectors[at * values..][..values];
    let of = |first: usize| -> (Vec<&[f32]>, Vec<u32>) {
        (first..count).step_by(2).map(|at| (row(at), labels[at])).unzip()
    };
    let ((known, their_labels), (others, wanted)) = (of(0), of(1));
    let right = |predicted: Vec<u32>| {
        let right = predicted.iter().zip(&wanted).filter(|(one, other)| one == other).count();
        right as f64 / wanted.len() as f64
    };
    Some(ClassInformation {
        known: known.len(),
        predicted: others.len(),
        neighbours: right(nearest(&known, &their_labels, &others)),
        probe: right(probe(&known, &their_labels, &others)),
    })
}

/// The class of each of `others` by its nearest neighbours among `known`.
fn nearest(known: &[&[f32]], labels: &[u32], others: &[&[f32]]) -> Vec<u32> {
    let class = |other: &&[f32]| {
        let distances = known.iter().map(|one| {
            one.iter().zip(*other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
        });
        let mut ranked: Vec<(f64, u32)> = distances.zip(labels.iter().copied()).collect();
        // Stable: of equally near ones the first.
        ranked.sort_by(|one, other| one.0.total_cmp(&other.0));
        ranked.truncate(NEIGHBOURS);
        let votes = |label: u32| ranked.iter().filter(|(_, other)| *other == label).count();
        let most = ranked.iter().map(|(_, label)| votes(*label)).max().unwrap_or(0);
        let first = ranked.iter().map(|(_, label)| *label).filter(|label| votes(*label) == most);
        first.min().unwrap_or(0)
    };
    map_items(others, |_, other| class(other))
}

/// The class of each of `others` by the linear probe of `known`.
fn probe(known: &[&[f32]], labels: &[u32], others: &[&[f32]]) -> Vec<u32> {
    let classes = labels.iter().max().map_or(0, |label| *label as usize + 1);
    let (n, values) = (known.len(), known[0].len());
    let mean: Vec<f64> = (0..values)
        .map(|at| known.iter().map(|row| f64::from(row[at])).sum::<f64>() / n as f64)
        .collect();
    let centred = |row: &&[f32]| -> Vec<f64> {
        row.iter().zip(&mean).map(|(x, mean)| f64::from(*x) - mean).collect()
    };
    let x: Vec<Vec<f64>> = known.iter().map(centred).collect();
    let occurs = |class: usize| labels.contains(&(class as u32));
    let targets: Vec<Vec<f64>> = (0..classes)
        .map(|class| {
            let sign = |label: &u32| if *label as usize == class { 1.0 } else { -1.0 };
            labels.iter().map(sign).collect()
        })
        .collect();
    let means: Vec<f64> = targets.iter().map(|y| y.iter().sum::<f64>() / n as f64).collect();
    let centred_targets =
        targets.iter().zip(&means).map(|(y, mean)| y.iter().map(|y| y - mean).collect::<Vec<_>>());
    // Of the two systems of equations the smaller one.
    let weights: Vec<Vec<f64>> = if n <= values {
        let factor = Cholesky::of_products(&x);
        let dual = centred_targets.map(|y| factor.solve(y));
        dual.map(|a| combination(&x, &a, values)).collect()
    } else {
        let columns: Vec<Vec<f64>> =
            (0..values).map(|at| x.iter().map(|row| row[at]).collect()).collect();
        let factor = Cholesky::of_products(&columns);
        centred_targets
            .map(|y| factor.solve(columns.iter().map(|c| dot(c, &y)).collect()))
            .collect()
    };
    let class = |other: &&[f32]| {
        let row = centred(other);
        let output = |class: usize| dot(&row, &weights[class]) + means[class];
        let better =
            |best: usize, next: usize| if output(next) > output(best) { next } else { best };
        let there: Vec<_> = (0..classes).filter(|class| occurs(*class)).collect();
        there[1..].iter().fold(there[0], |best, next| better(best, *next)) as u32
    };
    map_items(others, |_, other| class(other))
}

/// Σ_i a_i x_i.
fn combination(x: &[Vec<f64>], a: &[f64], values: usize) -> Vec<f64> {
    let mut sum = vec![0.0; values];
    for (row, a) in x.iter().zip(a) {
        sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += a * x);
    }
    sum
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    // Eight sums, which the compiler turns into vectors.
    let (ones, rest) = one.as_chunks::<8>();
    let (others, other_rest) = other.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in ones.iter().zip(others) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f64 = rest.iter().zip(other_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// L of A = L Lᵀ, row by row.
struct Cholesky(Vec<Vec<f64>>);

impl Cholesky {
    /// Of A = (v_i · v_j) + I, which is positive definite.
    fn of_products(vectors: &[Vec<f64>]) -> Self {
        let row = |i: usize| -> Vec<f64> {
            let one = |j: usize| dot(&vectors[i], &vectors[j]) + f64::from(u8::from(i == j));
            (0..=i).map(one).collect()
        };
        let products = map(vectors.len(), row);
        let mut factor: Vec<Vec<f64>> = Vec::with_capacity(products.len());
        for mut row in products {
            for j in 0..row.len() {
                let (done, rest) = row.split_at_mut(j);
                match factor.get(j) {
                    Some(other) => rest[0] = (rest[0] - dot(done, &other[..j])) / other[j],
                    None => rest[0] = (rest[0] - dot(done, done)).sqrt(),
                }
            }
            factor.push(row);
        }
        Self(factor)
    }

    /// z of A z = y.
    fn solve(&self, mut y: Vec<f64>) -> Vec<f64> {
        for (i, row) in self.0.iter().enumerate() {
            y[i] = (y[i] - dot(&row[..i], &y[..i])) / row[i];
        }
        for (i, row) in self.0.iter().enumerate().rev() {
            y[i] /= row[i];
            let (before, from) = y.split_at_mut(i);
            before.iter_mut().zip(row).for_each(|(y, l)| *y -= from[0] * l);
        }
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves() {
        let vectors = [vec![1.0, 2.0, 0.5], vec![-1.0, 0.25, 3.0]];
        let z = Cholesky::of_products(&vectors).solve(vec![1.0, -2.0]);
        let a = |i: usize, j: usize| dot(&vectors[i], &vectors[j]) + f64::from(u8::from(i == j));
        for (i, y) in [1.0, -2.0].into_iter().enumerate() {
            assert!((a(i, 0) * z[0] + a(i, 1) * z[1] - y).abs() < 1e-12);
        }
    }

    #[test]
    fn what_tells_all_and_what_tells_nothing() {
        let labels: Vec<u32> = (0..40).map(|at| at / 2 % 2).collect();
        let telling: Vec<f32> = labels.iter().flat_map(|label| [*label as f32, 0.5]).collect();
        let found = class_information(&telling, 2, &labels).unwrap();
        assert_eq!((found.known, found.predicted), (20, 20));
        assert_eq!((found.neighbours, found.probe), (1.0, 1.0));
        let nothing = class_information(&[0.25; 80], 2, &labels).unwrap();
        assert_eq!((nothing.neighbours, nothing.probe), (0.5, 0.5));
        assert_eq!(class_information(&telling, 2, &[3; 40]), None);
        assert_eq!(class_information(&[f32::NAN; 80], 2, &labels), None);
        assert_eq!(class_information(&[], 2, &[]), None);
    }
}

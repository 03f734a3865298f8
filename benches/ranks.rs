//! What ranks pay for a sum: the time of one chain and of one broadcast of all it has, by its length, with the latency
//! and the bandwidth that fit it best, and what they say of the step of a model (docs/parallel.md).
//!
//! ```sh
//! cargo bench --features mpi --bench ranks --no-run
//! mpirun -n 2 --bind-to none target/release/deps/ranks-...
//! ```
//!
//! The fit is T(b) = L + b / B by least squares of the relative error, over sums of 4 kB to 60 MB (one for each rank).

use std::time::Instant;

use dytb::train::Exchange;

/// Numbers in a sum: of SingleLayerCAE's gradients to VGG's.
const LENGTHS: [usize; 8] =
    [1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 4_000_000, 15_000_000];
/// Sums of each length.
const ROUNDS: usize = 21;

/// Seconds of a sum of `len` numbers, the median of the rounds.
fn seconds(exchange: &Exchange, len: usize) -> f64 {
    let own = [vec![1.0f32; len]];
    let mut sum = Vec::new();
    let mut rounds: Vec<_> = (0..ROUNDS)
        .map(|_| {
            // All of them begin together.
            exchange.numbers_of_first(vec![0]);
            let since = Instant::now();
            sum = exchange.chain(&own, len, std::mem::take(&mut sum));
            since.elapsed().as_secs_f64()
        })
        .collect();
    assert!(sum.iter().all(|x| *x == exchange.size() as f32));
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// L and 1 / B of T(b) = L + b / B: those with the least sum of squares of relative errors.
fn fit(points: &[(f64, f64)]) -> (f64, f64) {
    // With x = 1 / T and y = b / T both sides are about 1: normal equations of [x y] [L 1/B] = 1.
    let rows = points.iter().map(|(bytes, seconds)| (1.0 / seconds, bytes / seconds));
    let (mut xx, mut xy, mut yy, mut x1, mut y1) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (x, y) in rows {
        (xx, xy, yy, x1, y1) = (xx + x * x, xy + x * y, yy + y * y, x1 + x, y1 + y);
    }
    let determinant = xx * yy - xy * xy;
    ((x1 * yy - y1 * xy) / determinant, (y1 * xx - x1 * xy) / determinant)
}

fn main() {
    let exchange = Exchange::join().expect("MPI");
    if exchange.is_alone() {
        println!("one process has nothing to exchange: start it with mpirun -n 2");
        return;
    }
    let points: Vec<_> =
        LENGTHS.iter().map(|&len| (4.0 * len as f64, seconds(&exchange, len))).collect();
    if !exchange.is_first() {
        return;
    }
    let (latency, per_byte) = fit(&points);
    println!("{} ranks\n{:>12} {:>12} {:>12}", exchange.size(), "bytes", "ms", "fit, ms");
    for (bytes, seconds) in &points {
        let fitted = latency + bytes * per_byte;
        println!("{bytes:>12} {:>12.3} {:>12.3}", seconds * 1e3, fitted * 1e3);
    }
    println!("latency {:.1} us, bandwidth {:.2} GB/s", latency * 1e6, 1e-9 / per_byte);
}

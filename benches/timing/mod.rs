//! How long something takes: the median of samples.

use std::time::{Duration, Instant};

/// Samples of a measurement.
const SAMPLES: usize = 15;
/// A sample repeats what is shorter until it takes so long.
const SAMPLE: Duration = Duration::from_millis(10);

/// Seconds that `run` takes of what `prepare` makes, whose making and whose dropping of the last is outside of the clock.
pub fn median<T, R>(mut prepare: impl FnMut() -> T, mut run: impl FnMut(T) -> R) -> f64 {
    let mut sample = |count: usize| {
        let inputs: Vec<T> = (0..count).map(|_| prepare()).collect();
        let start = Instant::now();
        let results: Vec<R> = inputs.into_iter().map(&mut run).collect();
        let seconds = start.elapsed().as_secs_f64();
        drop(results);
        seconds / count as f64
    };
    // The first one warms up.
    sample(1);
    let count = (SAMPLE.as_secs_f64() / sample(1)).ceil().clamp(1.0, 64.0) as usize;
    let mut seconds: Vec<f64> = (0..SAMPLES).map(|_| sample(count)).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[SAMPLES / 2]
}

/// Whether the command line asks for `name`: by a part of it, or by nothing at all.
pub fn is_asked_for(name: &str) -> bool {
    let mut parts =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).peekable();
    parts.peek().is_none() || parts.any(|part| name.contains(&part))
}

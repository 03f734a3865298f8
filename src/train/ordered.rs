//! Work of threads whose results are taken in order.
//!
//! The numbers 0, 1, 2, ... are handed out one by one to threads that are free, and what comes of them is folded in
//! the order of the numbers, as soon as all before it are there: at any time no more results wait than there are
//! threads, or little more, however many numbers there are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Calls `fold` with `work(0)`, `work(1)`, ... `work(count - 1)`, in this order; the threads of the pool share the work.
pub(super) fn fold_in_order<T: Send>(
    count: usize,
    work: impl Fn(usize) -> T + Sync,
    fold: impl FnMut(T) + Send,
) {
    let next = AtomicUsize::new(0);
    let results = InOrder { queue: Mutex::default(), fold: Mutex::new(fold) };
    let take = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            results.add(number, work(number));
        }
    };
    rayon::scope(|scope| {
        for _ in 1..rayon::current_num_threads().min(count) {
            scope.spawn(|_| take());
        }
        take();
    });
}

/// Results that are folded in the order of their numbers.
struct InOrder<T, F> {
    queue: Mutex<Queue<T>>,
    fold: Mutex<F>,
}

struct Queue<T> {
    /// How many are folded already.
    folded: usize,
    /// Those that have to wait for one before them.
    waiting: BTreeMap<usize, T>,
    /// Whether a thread is folding: it takes what others bring meanwhile, and they go on.
    is_folding: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { folded: 0, waiting: BTreeMap::new(), is_folding: false }
    }
}

impl<T, F: FnMut(T)> InOrder<T, F> {
    fn add(&self, number: usize, result: T) {
        let queue = || self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = queue();
        own.waiting.insert(number, result);
        if own.is_folding {
            return;
        }
        own.is_folding = true;
        loop {
            let folded = own.folded;
            let Some(result) = own.waiting.remove(&folded) else { break };
            drop(own);
            let mut fold = self.fold.lock().unwrap_or_else(PoisonError::into_inner);
            (*fold)(result);
            drop(fold);
            own = queue();
            own.folded += 1;
        }
        own.is_folding = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_their_numbers() {
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for count in [0, 1, 2, 50] {
                // The first ones take longest.
                let work = |number: usize| {
                    std::thread::sleep(std::time::Duration::from_micros(((7 * number) % 5) as u64));
                    number
                };
                let mut all = Vec::new();
                pool.install(|| fold_in_order(count, work, |number| all.push(number)));
                assert!(all.iter().copied().eq(0..count), "{threads} {all:?}");
            }
        }
    }
}

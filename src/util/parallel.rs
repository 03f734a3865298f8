//! Work that the threads of the pool share.
//!
//! ```text
//! map(n, f)        [f(0), f(1), ..., f(n - 1)]
//! try_map(n, f)    the same, or an error of one of them, after which no other is begun
//! for_items(v, f)  f(0, v[0]), f(1, v[1]), ..., in any order
//! ```
//!
//! rayon's iterators, of one type: each of their own types would be compiled for each closure, with all of rayon's
//! splitting and stealing inside. What is folded in no order, or is done once one is found, is rayon's own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

/// Calls `work(0)`, ... `work(count - 1)`; one alone on this thread.
fn each(count: usize, work: &(dyn Fn(usize) + Sync)) {
    match count {
        0 | 1 => (0..count).for_each(work),
        _ => (0..count).into_par_iter().for_each(work),
    }
}

/// What `work` makes of 0, ... `count - 1`, in this order.
pub(crate) fn map<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let slots: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::new(None)).collect();
    each(count, &|number| {
        let made = work(number);
        *slots[number].lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
    });
    let made =
        slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    made.map(|made| made.expect("each number was given to the work")).collect()
}

/// The same of work that may fail.
///
/// # Errors
/// The first of those that came before all had stopped.
pub(crate) fn try_map<T: Send, E: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let has_failed = AtomicBool::new(false);
    let made = map(count, |number| {
        let is_wanted = !has_failed.load(Ordering::Relaxed);
        is_wanted.then(|| work(number).inspect_err(|_| has_failed.store(true, Ordering::Relaxed)))
    });
    made.into_iter().flatten().collect()
}

/// What `work` makes of each of `items` and its number, in their order.
pub(crate) fn map_items<I: Send, T: Send>(
    items: impl IntoIterator<Item = I>,
    work: impl Fn(usize, I) -> T + Sync,
) -> Vec<T> {
    let items: Vec<_> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    map(items.len(), |number| work(number, taken(&items[number])))
}

/// Calls `work` with each of `items` and its number.
pub(crate) fn for_items<I: Send>(
    items: impl IntoIterator<Item = I>,
    work: &(dyn Fn(usize, I) + Sync),
) {
    let items: Vec<_> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    each(items.len(), &|number| work(number, taken(&items[number])));
}

fn taken<I>(item: &Mutex<Option<I>>) -> I {
    let mut item = item.lock().unwrap_or_else(PoisonError::into_inner);
    item.take().expect("each item is taken once")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_an_error_nothing_is_begun() {
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                assert_eq!(try_map(100, |number| Ok::<_, ()>(2 * number)).unwrap()[99], 198);
                let begun = Mutex::new(0);
                let failing = |number| {
                    *begun.lock().unwrap() += 1;
                    Err::<(), _>(number)
                };
                assert!(try_map(1000, failing).is_err());
                assert!(begun.into_inner().unwrap() <= threads);
            });
        }
    }

    #[test]
    fn all_are_done_once_and_come_in_their_order() {
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for count in [0, 1, 2, 1000] {
                pool.install(|| {
                    assert!(
                        map(count, |number| 3 * number).into_iter().eq((0..count).map(|n| 3 * n))
                    );
                    let items: Vec<_> = (0..count).map(|number| number.to_string()).collect();
                    let made = map_items(items.clone(), |number, item| format!("{number}={item}"));
                    assert!(made.into_iter().eq(items.iter().map(|item| format!("{item}={item}"))));
                    let mut values = vec![1; 2 * count];
                    for_items(values.chunks_mut(2), &|number, pair| pair[1] += number);
                    assert!(
                        values.iter().sum::<usize>()
                            == 2 * count + count * count.max(1).saturating_sub(1) / 2
                    );
                });
            }
        }
    }
}

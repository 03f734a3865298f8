//! Sharing the images of a batch, or other numbers, out among threads, in groups whose size does not
//! depend on how many threads there are.

use crate::ops::recycled::Recycled;
use crate::util::parallel::{for_items, map_items};

/// Images in a group.
pub(crate) const GROUP: usize = 8;
/// Groups that one thread does by itself: a [microbatch](MICROBATCH) has as many, and the other threads have
/// theirs.
const GROUPS_ON_ONE_THREAD: usize = 2;
/// Examples in a microbatch on the CPU: so few that its activations stay in the second cache.
pub const MICROBATCH: usize = GROUPS_ON_ONE_THREAD * GROUP;
/// The same where the weights of convolutions take longer to read than their products with so few, at most.
pub(crate) const LARGE_MICROBATCH: usize = 4 * MICROBATCH;

/// The size of such a one of a batch of so many `examples`: there are four of them, for as many threads.
pub(crate) fn microbatch_of(examples: usize) -> usize {
    large_microbatch(examples, 4)
}

/// The same where there are `count`, if they are not too small or too large.
pub(crate) fn large_microbatch(examples: usize, count: usize) -> usize {
    examples.div_ceil(count).clamp(MICROBATCH, LARGE_MICROBATCH)
}

/// Calls `work` with the number and the values of each chunk. A few are not shared out.
pub(crate) fn for_groups<T: Send>(
    values: &mut [T],
    n: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    for_chunks(values, (n, GROUPS_ON_ONE_THREAD), &work);
}

/// The same where each chunk is of a [microbatch](MICROBATCH): one alone is not shared out.
pub(crate) fn for_microbatches<T: Send>(
    values: &mut [T],
    n: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    for_chunks(values, (n, 1), &work);
}

/// Calls `work` for each chunk of `n`, on this thread where there are `few` or less.
fn for_chunks<T: Send>(
    values: &mut [T],
    (n, few): (usize, usize),
    work: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    if values.len() <= few * n {
        values.chunks_mut(n).enumerate().for_each(|(i, chunk)| work(i, chunk));
    } else {
        for_items(values.chunks_mut(n), work);
    }
}

/// `n` floats for each of `count` images, all of which `work` writes. It is given the image's number, and memory that a
/// group keeps from one image to the next.
pub(crate) fn of_images<T: Default>(
    count: usize,
    n: usize,
    work: impl Fn(usize, &mut T, &mut [f32]) + Sync,
) -> Recycled {
    let mut out = Recycled::unset(count * n);
    for_groups(&mut out, GROUP * n, |group, out| {
        let mut scratch = T::default();
        let images = out.chunks_exact_mut(n).enumerate();
        images.for_each(|(i, out)| work(group * GROUP + i, &mut scratch, out));
    });
    out
}

/// [`of_images`], and a byte for each of the floats.
pub(crate) fn of_images_with_argmax<T: Default>(
    count: usize,
    n: usize,
    work: impl Fn(usize, &mut T, &mut [f32], &mut [u8]) + Sync,
) -> (Recycled, Vec<u8>) {
    let (mut out, mut argmax) = (Recycled::unset(count * n), vec![0; count * n]);
    let mut groups: Vec<_> = out.chunks_mut(GROUP * n).zip(argmax.chunks_mut(GROUP * n)).collect();
    for_groups(&mut groups, 1, |group, parts| {
        let (out, argmax) = &mut parts[0];
        let mut scratch = T::default();
        let images = out.chunks_exact_mut(n).zip(argmax.chunks_exact_mut(n)).enumerate();
        images.for_each(|(i, (out, argmax))| work(group * GROUP + i, &mut scratch, out, argmax));
    });
    (out, argmax)
}

/// The sum of what `work` makes of the groups, in their order; `None` without one. As many at a time as there are threads:
/// what each makes is large.
pub(crate) fn sum_in_order<G: Send, T: Send>(
    mut groups: impl Iterator<Item = G>,
    work: impl Fn(G) -> T + Sync,
    mut add: impl FnMut(&mut T, T),
) -> Option<T> {
    let mut sum = None;
    loop {
        let some: Vec<_> = groups.by_ref().take(rayon::current_num_threads()).collect();
        if some.is_empty() {
            return sum;
        }
        for part in map_items(some, |_, group| work(group)) {
            match &mut sum {
                Some(sum) => add(sum, part),
                None => sum = Some(part),
            }
        }
    }
}

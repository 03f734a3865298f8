use std::sync::{Barrier, Mutex};
use std::thread;

use super::*;

/// Ranks that are threads: what is sent lies in memory that all of them see.
#[derive(Debug)]
struct Thread {
    rank: usize,
    size: usize,
    barrier: Arc<Barrier>,
    sum: Arc<Mutex<Vec<f32>>>,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Ranks for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn chain(&self, sum: &mut [f32], own: &[Vec<f32>]) {
        for rank in 0..self.size {
            if rank == self.rank {
                let mut all = self.sum.lock().unwrap();
                all.resize(sum.len(), 0.0);
                add(&mut all, own, 0, rank == 0);
            }
            self.barrier.wait();
        }
        sum.copy_from_slice(&self.sum.lock().unwrap());
        self.barrier.wait();
    }

    fn all_gather(&self, all: &mut [f32], counts: &[usize]) {
        let mut rest = all;
        for (rank, count) in counts.iter().enumerate() {
            let (values, more) = rest.split_at_mut(*count);
            rest = more;
            let mut bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            self.broadcast(rank, &mut bytes);
            let sent = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            values.iter_mut().zip(sent).for_each(|(value, sent)| *value = sent);
        }
    }

    fn broadcast(&self, from: usize, bytes: &mut Vec<u8>) {
        if from == self.rank {
            self.bytes.lock().unwrap().clone_from(bytes);
        }
        self.barrier.wait();
        bytes.clone_from(&self.bytes.lock().unwrap());
        self.barrier.wait();
    }

    fn abort(&self, code: u8) -> ! {
        panic!("aborted with {code}")
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

/// What `work` returns on each of `size` ranks.
pub fn on_ranks<T: Send>(size: usize, work: impl Fn(&Exchange) -> T + Sync) -> Vec<T> {
    let (barrier, sum, bytes) = (Arc::new(Barrier::new(size)), Arc::default(), Arc::default());
    let rank = |rank| Thread {
        rank,
        size,
        barrier: Arc::clone(&barrier),
        sum: Arc::clone(&sum),
        bytes: Arc::clone(&bytes),
    };
    thread::scope(|scope| {
        let start = |number| {
            let (rank, work) = (rank(number), &work);
            scope.spawn(move || work(&Exchange::of(Arc::new(rank))))
        };
        let threads: Vec<_> = (0..size).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn shares_are_all_of_it_in_order() {
    for (size, count) in [(1, 5), (2, 8), (3, 8), (4, 2), (5, 0)] {
        let shares = on_ranks(size, |exchange| exchange.share(count));
        let all: Vec<_> = shares.iter().cloned().flatten().collect();
        assert_eq!(all, (0..count).collect::<Vec<_>>());
        let sizes: Vec<_> = shares.iter().map(ExactSizeIterator::len).collect();
        assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[0] - sizes[size - 1] <= 1, "{sizes:?}");
    }
}

/// Sums of these numbers are others in another order.
#[test]
fn a_chain_is_the_sum_in_order() {
    let pieces: Vec<Vec<f32>> =
        (0..7).map(|i| vec![[1e8, 1.0, -1e8][i % 3], -0.0, 0.1 * i as f32]).collect();
    let bits = |sum: Vec<f32>| sum.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let alone = bits(Exchange::Alone.chain(&pieces, 3, vec![9.0; 5]));
    assert_eq!(alone[1], (-0.0_f32).to_bits());
    for size in 1..=9 {
        let sums =
            on_ranks(size, |exchange| exchange.chain(&pieces[exchange.share(7)], 3, Vec::new()));
        assert!(sums.into_iter().all(|sum| bits(sum) == alone), "{size}");
    }
}

#[test]
fn all_fail_with_the_lowest_rank_that_fails() {
    let ends = on_ranks(4, |exchange| {
        exchange.settled(|| match exchange.rank() {
            1 | 3 => exchange.agree(Err(Failure::new(Exit::Unavailable, "no data").into())),
            rank => exchange.agree(Ok(rank)),
        })
    });
    let texts: Vec<_> = ends.iter().map(|end| end.as_ref().unwrap_err().to_string()).collect();
    assert!(texts[0].starts_with("rank 1 cannot go on"), "{texts:?}");
    assert_eq!(texts[1], "no data");
    assert!(ends.iter().all(|end| Exit::of(end.as_ref().unwrap_err()) == Exit::Unavailable));
}

#[test]
fn the_largest_signal_is_agreed_on() {
    let signals = on_ranks(3, |exchange| {
        exchange.agree_on_signal([None, Some(15), Some(2)][exchange.rank()])
    });
    assert_eq!(signals, [Some(15); 3]);
    assert_eq!(on_ranks(2, |exchange| exchange.agree_on_signal(None)), [None; 2]);
}

#[test]
fn what_differs_is_named_with_its_rank() {
    let ends = on_ranks(3, |exchange| {
        exchange.refuse_difference("data set", &[u8::from(exchange.rank() == 2)])
    });
    for end in ends {
        let error = end.unwrap_err().to_string();
        assert!(error.starts_with("rank 2 has another data set than rank 0"), "{error}");
    }
}

//! One training shared out over ranks, bit for bit what one process computes.
//!
//! A batch is cut into microbatches 0..m, whose gradients are summed in their order,
//!
//! ```text
//! g = ((g₀ + g₁) + g₂) + … + gₘ₋₁.
//! ```
//!
//! Rank r of n has the contiguous range [`share`](Exchange::share) of them. The sum is a chain: rank r waits for
//! the sum of the ranks below it, adds its own to it one after the other, and passes it on; the last rank's is the
//! sum, and all have it. These are the additions of one process, in its order, so n changes no bit.
//! Reductions of a message-passing library add in the order of a tree, which is another one.
//!
//! A rank that cannot go on has either told the others, which then end with it ([`Exchange::agree`]), or ends them
//! ([`Exchange::settled`]). Rank 0 alone has the run's folder, and what is printed.

#[cfg(feature = "mpi")]
mod mpi;
mod settle;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use sha2::{Digest, Sha256};

use crate::error::{Exit, Failure};

/// The processes that train a run together.
pub trait Ranks: Debug + Send + Sync {
    /// The number of this one, of 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// Leaves in `sum` on all ranks rank 0's `own`, added up in their order, then those of rank 1, and so on. `sum`
    /// and all of `own` have the same length on all ranks; rank 0 has one of its own at least.
    fn chain(&self, sum: &mut [f32], own: &[Vec<f32>]);

    /// Fills `all`, which consists of `counts[r]` numbers of each rank r, with those of the others: this one's are
    /// there.
    fn all_gather(&self, all: &mut [f32], counts: &[usize]);

    /// Leaves in `bytes` on all ranks what rank `from` has there.
    fn broadcast(&self, from: usize, bytes: &mut Vec<u8>);

    /// Ends all ranks at once; `code` is the exit code.
    fn abort(&self, code: u8) -> !;

    /// What this rank has sent and waited for so far.
    fn traffic(&self) -> Traffic;
}

/// What a rank has to do with the others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Bytes that it has sent.
    pub bytes_sent: u64,
    /// Seconds in which it has waited for what others send.
    pub waiting_seconds: f64,
}

/// How the processes of a run work together.
#[derive(Clone, Debug, Default)]
pub enum Exchange {
    /// One process.
    #[default]
    Alone,
    /// Several.
    Several {
        /// This one among them.
        ranks: Arc<dyn Ranks>,
        /// Whether the error that ends this rank is one with which all of them end.
        agreed: Arc<AtomicBool>,
    },
}

impl Exchange {
    /// That of this process: with those that `mpirun` has started beside it or, without `mpirun` or the feature
    /// `mpi`, alone. Messages of all ranks but the first are silent from now on.
    ///
    /// # Errors
    /// When the MPI library cannot be used from the threads of a training.
    pub fn join() -> Result<Self> {
        #[cfg(feature = "mpi")]
        if let Some(ranks) = mpi::World::join()? {
            return Ok(Self::of(Arc::new(ranks)));
        }
        Ok(Self::Alone)
    }

    /// Of `ranks`; one of them alone has nothing to exchange.
    pub fn of(ranks: Arc<dyn Ranks>) -> Self {
        Self::Several { ranks, agreed: Arc::default() }
    }

    /// Whether there is one process.
    pub fn is_alone(&self) -> bool {
        matches!(self, Self::Alone)
    }

    /// The number of this process, of 0.
    pub fn rank(&self) -> usize {
        match self {
            Self::Alone => 0,
            Self::Several { ranks, .. } => ranks.rank(),
        }
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        match self {
            Self::Alone => 1,
            Self::Several { ranks, .. } => ranks.size(),
        }
    }

    /// Whether this process has the run's folder.
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Which of `count` things are this rank's: contiguous over the ranks, and as many for each, the first ones have
    /// one more where that does not come out. The last ranks have none where there are too few.
    pub fn share(&self, count: usize) -> Range<usize> {
        share(self.rank(), self.size(), count)
    }

    /// How many numbers of a matrix of so many `rows` each rank has, whose [`share`](Self::share) of them is its own.
    pub(crate) fn row_counts(&self, rows: usize, columns: usize) -> Vec<usize> {
        let size = self.size();
        (0..size).map(|rank| share(rank, size, rows).len() * columns).collect()
    }

    /// The `own` of all ranks, added up in their order; `len` numbers, which are written to `sum`.
    ///
    /// # Panics
    /// When one of `own` has another length, or the first rank has none.
    pub fn chain(&self, own: &[Vec<f32>], len: usize, mut sum: Vec<f32>) -> Vec<f32> {
        assert!(own.iter().all(|own| own.len() == len) && !(self.is_first() && own.is_empty()));
        sum.resize(len, 0.0);
        match self {
            Self::Alone => add(&mut sum, own, 0, true),
            Self::Several { ranks, .. } => ranks.chain(&mut sum, own),
        }
        sum
    }

    /// The `own` numbers of all ranks, in their order, of which rank r has `counts[r]`.
    pub(crate) fn all_gather(&self, own: Vec<f32>, counts: &[usize]) -> Vec<f32> {
        if self.is_alone() {
            return own;
        }
        let mut all = vec![0.0; counts.iter().sum()];
        let before: usize = counts[..self.rank()].iter().sum();
        all[before..][..own.len()].copy_from_slice(&own);
        self.all_gather_into(&mut all, counts);
        all
    }

    /// Fills `all`, which consists of `counts[r]` numbers of each rank r, with those of the others: this one's are
    /// there.
    pub(crate) fn all_gather_into(&self, all: &mut [f32], counts: &[usize]) {
        if let Self::Several { ranks, .. } = self {
            ranks.all_gather(all, counts);
        }
    }

    /// What each rank has given, in their order.
    pub(crate) fn gather(&self, own: Vec<u8>) -> Vec<Vec<u8>> {
        let Self::Several { ranks, .. } = self else { return vec![own] };
        let of = |rank| {
            let mut bytes = if rank == ranks.rank() { own.clone() } else { Vec::new() };
            ranks.broadcast(rank, &mut bytes);
            bytes
        };
        (0..ranks.size()).map(of).collect()
    }

    /// What the first rank has given; the others' is forgotten.
    pub(crate) fn of_first(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Self::Several { ranks, .. } = self {
            ranks.broadcast(0, &mut bytes);
        }
        bytes
    }

    /// The first rank's `numbers`; those of the others are forgotten.
    pub fn numbers_of_first(&self, numbers: Vec<u64>) -> Vec<u64> {
        let bytes = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        let bytes = self.of_first(bytes);
        bytes.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number)).collect()
    }

    /// The largest signal that a rank has noted: the same on all.
    pub(crate) fn agree_on_signal(&self, own: Option<i32>) -> Option<i32> {
        let all = self.gather(own.unwrap_or(0).to_le_bytes().to_vec());
        let signals = all.into_iter().filter_map(|bytes| bytes.try_into().ok());
        signals.map(i32::from_le_bytes).max().filter(|signal| *signal != 0)
    }

    /// Fails on all ranks where one has other `bytes`, which are its `what`.
    ///
    /// # Errors
    /// A [`Failure`] that names the first such rank.
    pub fn refuse_difference(&self, what: &str, bytes: &[u8]) -> Result<()> {
        if self.is_alone() {
            return Ok(());
        }
        let all = self.gather(Sha256::digest(bytes).to_vec());
        let Some(rank) = all.iter().position(|hash| *hash != all[0]) else { return Ok(()) };
        let what = format!("rank {rank} has another {what} than rank 0");
        self.alike(Err(Failure::new(Exit::Failed, what)
            .why("all ranks compute parts of the same batches")
            .help("start all of them with one program, the same flags and the same data")
            .into()))
    }

    /// What this rank has to do with the others so far; `None` where there are none.
    pub(crate) fn traffic(&self) -> Option<Traffic> {
        match self {
            Self::Alone => None,
            Self::Several { ranks, .. } => Some(ranks.traffic()),
        }
    }

    /// `result`, which is an error on all ranks if it is one here: all of them have computed the same.
    ///
    /// # Errors
    /// That of `result`.
    pub fn alike<T>(&self, result: Result<T>) -> Result<T> {
        if let Self::Several { agreed, .. } = self
            && result.is_err()
        {
            agreed.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// Which of `count` things are those of `rank` of `size`.
pub(super) fn share(rank: usize, size: usize, count: usize) -> Range<usize> {
    let start = |rank: usize| rank * (count / size) + rank.min(count % size);
    start(rank)..start(rank + 1)
}

/// Adds each of `own`, from its number `from` on, to the numbers in `sum`, in their order. Where `is_first`, the
/// first of them is not added to anything: 0 + -0 is not -0.
fn add(sum: &mut [f32], own: &[Vec<f32>], from: usize, is_first: bool) {
    let to = from + sum.len();
    let mut own = own.iter().map(|own| &own[from..to]);
    if is_first && let Some(first) = own.next() {
        sum.copy_from_slice(first);
    }
    own.for_each(|own| add_to(sum, own));
}

/// Adds `next` to `sum`, number by number.
pub(super) fn add_to(sum: &mut [f32], next: &[f32]) {
    sum.iter_mut().zip(next).for_each(|(sum, next)| *sum += next);
}

#[cfg(test)]
pub(super) mod tests;

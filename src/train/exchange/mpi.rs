//! Ranks of `mpirun`, by the MPI library of the system.
//!
//! The chain goes in chunks of `CHUNK` numbers: while rank r adds its own to one of them, rank r + 1 has the one
//! before. With b bytes, n ranks, a bandwidth B and a latency L a step takes, beside its computing,
//!
//! ```text
//! b / B + (n - 1) (chunk / B + L)    the chain
//! + b / B ⌈log₂ n⌉                   the sum, from the last rank to all
//! ```

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use mpi::Threading;
use mpi::environment::Universe;
use mpi::request::scope;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination, Root, Source};

use super::{Ranks, Traffic, add};
use crate::error::{Exit, Failure};
use crate::util::stderr::silence;

/// Numbers that are passed on at a time.
const CHUNK: usize = 1 << 16;
/// Bytes that are broadcast at a time: MPI counts in 32 bits.
const MOST_BYTES: usize = 1 << 30;
/// What starters of MPI programs tell them, each by a variable of its own. Without one a process is alone, and spares
/// itself the library.
const STARTERS: [&str; 5] =
    ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"];

/// The processes of one `mpirun`.
pub(super) struct World {
    /// Ends with the last exchange that has it.
    _universe: Universe,
    rank: usize,
    size: usize,
    bytes_sent: AtomicU64,
    waiting_nanoseconds: AtomicU64,
}

impl World {
    /// That of this process; `None` where it is alone.
    pub fn join() -> Result<Option<Self>> {
        if STARTERS.iter().all(|variable| std::env::var_os(variable).is_none()) {
            return Ok(None);
        }
        // Only the thread that trains asks for it, but that is one of a pool.
        let (universe, threading) = mpi::initialize_with_threading(Threading::Serialized)
            .context("MPI was initialised before")?;
        if threading < Threading::Serialized {
            return Err(Failure::new(Exit::Failed, "this MPI library cannot be used")
                .why("it may be called from the thread that began alone")
                .help("use one that was built for threads")
                .into());
        }
        let world = universe.world();
        let (rank, size) = (world.rank() as usize, world.size() as usize);
        if size == 1 {
            return Ok(None);
        }
        if rank > 0 {
            silence();
        }
        let (bytes_sent, waiting_nanoseconds) = Default::default();
        Ok(Some(Self { _universe: universe, rank, size, bytes_sent, waiting_nanoseconds }))
    }

    /// `work`, which is waiting for others.
    fn wait<T>(&self, work: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        let result = work();
        self.waiting_nanoseconds.fetch_add(since.elapsed().as_nanos() as u64, Ordering::Relaxed);
        result
    }

    fn sends(&self, bytes: usize) {
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Ranks for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn chain(&self, sum: &mut [f32], own: &[Vec<f32>]) {
        let world = SimpleCommunicator::world();
        let (rank, last) = (self.rank, self.size - 1);
        scope(|scope| {
            let mut sends = Vec::new();
            for (number, chunk) in sum.chunks_mut(CHUNK).enumerate() {
                if rank > 0 {
                    let before = world.process_at_rank(rank as i32 - 1);
                    self.wait(|| before.receive_into(chunk));
                }
                add(chunk, own, number * CHUNK, rank == 0);
                if rank < last {
                    self.sends(size_of_val(chunk));
                    let chunk: &[f32] = chunk;
                    let next = world.process_at_rank(rank as i32 + 1);
                    sends.push(next.immediate_send(scope, chunk));
                }
            }
            self.wait(|| sends.into_iter().for_each(|send| send.wait_without_status()));
        });
        if rank == last {
            self.sends(size_of_val(sum));
        }
        self.wait(|| world.process_at_rank(last as i32).broadcast_into(sum));
    }

    fn all_gather(&self, all: &mut [f32], counts: &[usize]) {
        let mut rest = all;
        // From each to all: MPI's gathering counts in 32 bits.
        for (rank, count) in counts.iter().enumerate() {
            let (values, more) = rest.split_at_mut(*count);
            rest = more;
            if rank == self.rank {
                self.sends(size_of_val(values));
            }
            let root = SimpleCommunicator::world();
            let root = root.process_at_rank(rank as i32);
            for piece in values.chunks_mut(MOST_BYTES / size_of::<f32>()) {
                self.wait(|| root.broadcast_into(piece));
            }
        }
    }

    fn broadcast(&self, from: usize, bytes: &mut Vec<u8>) {
        let world = SimpleCommunicator::world();
        let root = world.process_at_rank(from as i32);
        let mut length = bytes.len() as u64;
        self.wait(|| root.broadcast_into(&mut length));
        bytes.resize(length as usize, 0);
        if self.rank == from {
            self.sends(bytes.len());
        }
        for piece in bytes.chunks_mut(MOST_BYTES) {
            self.wait(|| root.broadcast_into(piece));
        }
    }

    fn abort(&self, code: u8) -> ! {
        SimpleCommunicator::world().abort(code.into())
    }

    fn traffic(&self) -> Traffic {
        let nanoseconds = self.waiting_nanoseconds.load(Ordering::Relaxed);
        Traffic {
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            waiting_seconds: nanoseconds as f64 * 1e-9,
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size)
    }
}

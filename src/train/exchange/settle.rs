//! How several ranks end: all of them, with one exit code, and one of them says why.
//!
//! What can fail on one rank alone, and is done by all at the same place, is [agreed](Exchange::agree) on: all
//! fail where one does. Any other error and any panic end the other ranks at once, in the midst of what they do; the
//! run's folder is then as after a crash, and the same command goes on from its last checkpoint.

use std::io::{Write, stderr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use anyhow::{Result, anyhow};

use super::Exchange;
use crate::error::{Exit, Failure};
use crate::util::stderr::silence;

/// The exit code of a panic.
const PANIC: u8 = 101;

impl Exchange {
    /// What `work` returns, if it succeeds or fails on all ranks alike; otherwise all of them are ended.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn settled<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let Self::Several { ranks, agreed } = self else { return work() };
        agreed.store(false, Ordering::Relaxed);
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Err(error)) if !agreed.load(Ordering::Relaxed) => {
                self.tell(&error);
                ranks.abort(Exit::of(&error).code())
            }
            Ok(result) => result,
            Err(_) => {
                self.tell(&anyhow!("a panic, whose message stands above"));
                ranks.abort(PANIC)
            }
        }
    }

    /// `result`, which ends this process; where it is an error, the first rank tells it now. To take leave of the
    /// others may take longer than `mpirun` waits after a signal.
    ///
    /// # Errors
    /// That of `result`.
    pub fn told<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result
            && self.is_first()
            && !self.is_alone()
        {
            self.tell(error);
            silence();
        }
        result
    }

    /// `result` where it is good on all ranks.
    ///
    /// # Errors
    /// On all ranks where one has failed, with its exit code: the lowest one's. That one tells its error.
    pub fn agree<T>(&self, result: Result<T>) -> Result<T> {
        if self.is_alone() {
            return result;
        }
        let own = result.as_ref().err().map_or(0, |error| Exit::of(error).code());
        let codes = self.gather(vec![own]);
        let failed = codes.iter().position(|code| *code != [0]);
        let Some(rank) = failed else { return result };
        if rank == self.rank() {
            // The first one's is told by the program that it ends.
            if let Err(error) = &result
                && !self.is_first()
            {
                self.tell(error);
            }
            return self.alike(result);
        }
        let exit = codes[rank].first().map_or(Exit::Failed, |code| Exit::from_code(*code));
        let failure = Failure::new(exit, format!("rank {rank} cannot go on"));
        self.alike(Err(failure.why("its error stands above").into()))
    }

    /// Prints the `error` of this rank alone.
    fn tell(&self, error: &anyhow::Error) {
        let rank = if self.is_first() { String::new() } else { format!("rank {}: ", self.rank()) };
        let text = format!("error: {error:#}");
        let lines: Vec<_> = text.lines().map(|line| format!("{rank}{line}\n")).collect();
        // Nobody may read it.
        let _ = stderr().write_all(lines.concat().as_bytes());
    }
}

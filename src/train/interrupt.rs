//! Ctrl-C, SIGTERM (docker, Slurm, `kill`) and SIGHUP (a terminal that is closed).
//!
//! While a run trains, the first of them asks it to write a checkpoint and end, and the second ends the
//! process at once. Before, while data are read, and after, while the test images are, there is nothing to
//! save: the first one ends the process. One that the process was started to ignore, as `nohup` does with
//! SIGHUP, stays ignored. A limit of the size of files (`ulimit -f`) ends nothing: writing fails then, as
//! on a full disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Result;
#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGXFSZ};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The signals that end a run.
#[cfg(unix)]
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Whether a signal came, and what the next one does.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
    at_once: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens from now on; until [`defer`](Self::defer) a signal ends the process at once.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> Result<Self> {
        let interrupt = Self::default();
        interrupt.at_once.store(true, Ordering::Relaxed);
        let ignored = ignored_signals();
        for signal in SIGNALS {
            if ignored >> (signal - 1) & 1 == 1 {
                continue;
            }
            // In this order: the second signal finds the flag that the first has set.
            flag::register_conditional_shutdown(signal, 128 + signal, interrupt.at_once.clone())?;
            flag::register(signal, interrupt.at_once.clone())?;
            flag::register_usize(signal, interrupt.signal.clone(), signal as usize)?;
        }
        // Without anybody listening, it ends the process.
        #[cfg(unix)]
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(interrupt)
    }

    /// From now on the first signal is only noted: [`signal`](Self::signal) tells of it.
    pub fn defer(&self) {
        self.at_once.store(false, Ordering::Relaxed);
    }

    /// From now on a signal ends the process at once.
    pub fn end_at_once(&self) {
        self.at_once.store(true, Ordering::Relaxed);
    }

    /// The number of the signal that came, if one did.
    pub fn signal(&self) -> Option<i32> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal as i32),
        }
    }
}

/// The signals that this process was started to ignore: bit n - 1 is that of signal n. Only Linux tells.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

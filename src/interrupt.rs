//! Ctrl-C and SIGTERM: the first asks the training to write a checkpoint and end, the second ends
//! the process at once. A limit of the size of files (`ulimit -f`) ends nothing: writing fails then,
//! as on a full disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Result;
#[cfg(unix)]
use signal_hook::consts::SIGXFSZ;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether a signal came.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> Result<Self> {
        let interrupt = Self::default();
        let once = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds the flag that the first has set.
            flag::register_conditional_shutdown(signal, 128 + signal, once.clone())?;
            flag::register(signal, once.clone())?;
            flag::register_usize(signal, interrupt.signal.clone(), signal as usize)?;
        }
        // Without anybody listening, it ends the process.
        #[cfg(unix)]
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(interrupt)
    }

    /// The number of the signal that came, if one did.
    pub fn signal(&self) -> Option<i32> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(signal as i32),
        }
    }
}

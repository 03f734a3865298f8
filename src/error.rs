//! What ends a command: `error: what happened`, then why, then what to do, and an exit code.
//!
//! ```
//! use dytb::{Exit, Failure};
//!
//! let failure = Failure::new(Exit::Usage, "`--batch_size 0`")
//!     .why("a step needs at least one example")
//!     .help("give a batch size of 1 or more");
//! assert_eq!(failure.exit.code(), 2);
//! ```

use std::fmt;

/// Why a command ended, as its exit code says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something failed: exit code 1.
    Failed,
    /// The command line does not make sense: exit code 2.
    Usage,
    /// The loss became NaN or infinite: exit code 3.
    Diverged,
    /// A data set is not there and cannot be had, or a device that was named: exit code 4.
    Unavailable,
    /// A run is worse than the baseline that it was compared with: exit code 5.
    Worse,
    /// A signal, after a checkpoint: exit code 128 + signal (130 for SIGINT, 143 for SIGTERM).
    Interrupted(i32),
}

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Diverged => 3,
            Exit::Unavailable => 4,
            Exit::Worse => 5,
            Exit::Interrupted(signal) => (128 + signal) as u8,
        }
    }

    /// The exit of this code, the inverse of [`code`](Self::code); [`Exit::Failed`] for a code that is none.
    pub fn from_code(code: u8) -> Self {
        match code {
            2 => Exit::Usage,
            3 => Exit::Diverged,
            4 => Exit::Unavailable,
            5 => Exit::Worse,
            129.. => Exit::Interrupted(i32::from(code) - 128),
            _ => Exit::Failed,
        }
    }

    /// The exit of the command that ended with `error`: that of the [`Failure`] in its chain, else
    /// [`Exit::Failed`].
    pub fn of(error: &anyhow::Error) -> Self {
        let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
        failure.map_or(Exit::Failed, |failure| failure.exit)
    }
}

/// An error for the user: what happened, why, what to do.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How the command ends.
    pub exit: Exit,
    what: String,
    why: Option<String>,
    help: Option<String>,
}

impl Failure {
    /// What happened; it names the file or the flag.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: None, help: None }
    }

    /// Why it happened.
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// What the user can do; it lists the choices.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for line in [&self.why, &self.help].into_iter().flatten() {
            write!(f, "\n  {}", line.replace('\n', "\n  "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_is_found_below_a_context() {
        let error = anyhow::Error::from(Failure::new(Exit::Diverged, "NaN")).context("training");
        assert_eq!(Exit::of(&error), Exit::Diverged);
        assert_eq!(Exit::of(&anyhow::anyhow!("plain")), Exit::Failed);
    }

    #[test]
    fn lines_are_indented() {
        let failure = Failure::new(Exit::Failed, "what").why("why").help("do\nthis");
        assert_eq!(failure.to_string(), "what\n  why\n  do\n  this");
    }

    #[test]
    fn signals() {
        assert_eq!(Exit::Interrupted(2).code(), 130);
        assert_eq!(Exit::Interrupted(15).code(), 143);
        for code in [1, 2, 3, 4, 5, 130, 143] {
            assert_eq!(Exit::from_code(code).code(), code);
        }
    }
}

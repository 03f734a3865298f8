//! What images a model can take.

use anyhow::Result;

use crate::error::{Exit, Failure};

/// How often, in words.
const TIMES: [&str; 6] = ["never", "once", "twice", "three times", "four times", "five times"];

/// Fails where images of `[height, width]` cannot be halved so many `times`, up to five, by the model called `name`.
///
/// # Errors
/// A [`Failure`] that says how large they have to be.
pub fn require_halvings(name: &str, [height, width]: [usize; 2], times: usize) -> Result<()> {
    let least = 1 << times;
    if height.min(width) >= least {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("{name} cannot take images of {height}x{width}"))
        .why(format!("it halves them {}: they have to be {least}x{least} or larger", TIMES[times]))
        .into())
}

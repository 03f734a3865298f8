//! The status file as an observer.

use anyhow::Result;

use crate::run::{StatusFile, StatusKind};
use crate::train::observer::{Event, Observer};

impl Observer for StatusFile<'_> {
    fn notify(&mut self, event: &Event) -> Result<()> {
        match *event {
            Event::Checkpoint { step } => self.reached(step)?,
            // A signal may end the process during the test: this is what the run is then.
            Event::BeforeTest { step } => self.leave_interrupted(step)?,
            Event::Finished { step, .. } => self.end(StatusKind::Finished, step),
            Event::Stopped { step, state } => self.end(state, step),
            _ => {}
        }
        Ok(())
    }
}

//! The bytes of the next batches, read by a thread while the model is trained on the one before.
//!
//! Only of images that are in a file: those in memory are where they are needed. The order is that of the batches, and
//! what is read ahead is bounded: [`AHEAD`] batches, each of which is freed after its step.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

use super::Examples;

/// Batches that wait, beside the one that is being read.
const AHEAD: usize = 2;

/// The bytes of a batch's images; none where they are in memory.
#[derive(Debug, Default)]
pub struct BatchBytes {
    /// `[batch, channels, height, width]`.
    bytes: Vec<u8>,
    /// Of an image, in bytes.
    size: usize,
    /// Where each example is, by its index.
    places: HashMap<usize, usize>,
}

impl BatchBytes {
    /// The bytes of the images at `indices`.
    ///
    /// # Errors
    /// Where one cannot be read, or is damaged.
    pub(super) fn read(examples: &Examples, indices: &[usize]) -> Result<Self> {
        if examples.are_in_memory() {
            return Ok(Self::default());
        }
        let size = examples.image_bytes();
        let mut bytes = Vec::with_capacity(indices.len() * size);
        for &index in indices {
            bytes.extend_from_slice(&examples.image(index)?);
        }
        let places = indices.iter().enumerate().map(|(place, index)| (*index, place)).collect();
        Ok(Self { bytes, size, places })
    }

    /// The bytes `[channels, height, width]` of the example `index`, if they were read.
    pub(super) fn image(&self, index: usize) -> Option<&[u8]> {
        let place = self.places.get(&index)?;
        Some(&self.bytes[place * self.size..][..self.size])
    }
}

/// The bytes of batches, one after the other. Its thread ends with it.
pub struct ReadAhead {
    batches: Receiver<Result<BatchBytes>>,
    /// `None` where all is in memory.
    thread: Option<JoinHandle<()>>,
}

impl ReadAhead {
    /// Of the batches at these indices of `examples`.
    pub(super) fn of(examples: &Arc<Examples>, batches: &[&[usize]]) -> Self {
        let (sender, receiver) = sync_channel(AHEAD);
        let thread = (!examples.are_in_memory()).then(|| {
            let examples = examples.clone();
            let batches: Vec<_> = batches.iter().map(|indices| indices.to_vec()).collect();
            thread::spawn(move || {
                let read = batches.iter().map(|indices| BatchBytes::read(&examples, indices));
                for bytes in read {
                    // Nobody waits for more after an error or an interruption.
                    if sender.send(bytes).is_err() {
                        break;
                    }
                }
            })
        });
        Self { batches: receiver, thread }
    }

    /// The bytes of the next batch.
    ///
    /// # Errors
    /// Where an image of it cannot be read, or is damaged.
    pub fn next_batch(&mut self) -> Result<BatchBytes> {
        match self.thread {
            Some(_) => self.batches.recv().context("no batch is left to be read")?,
            None => Ok(BatchBytes::default()),
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        // Frees the thread that waits to hand one over.
        let (_, none) = sync_channel(0);
        self.batches = none;
        // A panic of it has been told by then.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

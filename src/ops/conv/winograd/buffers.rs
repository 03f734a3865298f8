//! Memory of transformed images.

use std::sync::{Mutex, PoisonError};

/// What is used again: clearing new pages takes as long as writing what they hold.
static SPARE: Mutex<Vec<Buffers>> = Mutex::new(Vec::new());

/// What a thread needs for some images.
#[derive(Default)]
pub(super) struct Buffers {
    /// Images that came in another order.
    pub x: Vec<f32>,
    pub transformed: Transformed,
}

/// Tiles and weights in the transformed domain.
#[derive(Default)]
pub(super) struct Transformed {
    /// V, and its gradient.
    pub v: Vec<f32>,
    /// P, and its gradient.
    pub p: Vec<f32>,
    /// The gradient of U.
    pub du: Vec<f32>,
}

impl Buffers {
    /// Some, with what is still in them.
    pub fn take() -> Self {
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps them for the next.
    pub fn give_back(self) {
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }
}

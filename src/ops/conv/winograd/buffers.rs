//! Memory of transformed images.

use crate::ops::spare::Spare;

/// Those that no thread is using.
pub(super) static SPARE: Spare<Buffers> = Spare::new();

/// What a thread needs for some images.
#[derive(Default)]
pub(super) struct Buffers {
    /// Images that came in another order.
    pub x: Vec<f32>,
    pub transformed: Transformed,
}

/// Tiles and weights in the transformed domain, and what they are made of.
#[derive(Default)]
pub(super) struct Transformed {
    /// Maps of a few images before their pooling, and their gradient.
    pub maps: Vec<f32>,
    /// V, and its gradient.
    pub v: Vec<f32>,
    /// P, and its gradient.
    pub p: Vec<f32>,
    /// The gradient of U.
    pub du: Vec<f32>,
}

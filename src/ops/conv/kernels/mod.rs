//! The inner loops of a convolution, generic over the vector unit. Each kernel checks the sizes of its
//! slices first, then works on pointers.
#![allow(unsafe_code)]
// Loops over the indices of arrays in registers say what the processor does.
#![allow(clippy::needless_range_loop)]

mod narrow;
mod outer;
mod sparse;
mod wide;

pub(in crate::ops) use {
    narrow::Narrow,
    outer::Outer,
    sparse::{SparseSums, Steps},
    wide::Wide,
};

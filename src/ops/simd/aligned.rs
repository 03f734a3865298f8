//! Numbers from the beginning of a cache line on: a vector that lies across two lines takes two reads.

use std::ops::{Deref, DerefMut};

use super::MAX_LANES;

/// Numbers of which the first begins a cache line.
#[derive(Default)]
pub(crate) struct Aligned {
    values: Vec<f32>,
    from: usize,
    len: usize,
}

impl Aligned {
    /// `n` zeros.
    pub(crate) fn zeros(n: usize) -> Self {
        let mut zeros = Self::default();
        zeros.become_zeros(n);
        zeros
    }

    /// Becomes `n` zeros, in the memory that it has, if that is enough.
    pub(crate) fn become_zeros(&mut self, n: usize) {
        self.values.clear();
        self.values.resize(n + MAX_LANES, 0.0);
        self.from = self.values.as_ptr().align_offset(MAX_LANES * size_of::<f32>()).min(MAX_LANES);
        self.len = n;
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[self.from..][..self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.from..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_begins_a_cache_line() {
        let mut numbers = Aligned::default();
        assert!(numbers.is_empty());
        for n in [1, 5, 1000, 17] {
            numbers.become_zeros(n);
            assert_eq!(numbers.as_ptr() as usize % 64, 0);
            assert_eq!(numbers.to_vec(), vec![0.0; n]);
            numbers.fill(1.0);
        }
    }
}

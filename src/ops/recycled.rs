//! Tensors in memory that has been used: what a microbatch leaves is what the next one takes.
//!
//! New memory is cleared by the system, page by page, and zeros are written once more by whoever asks for them. Both take
//! as long as some kernels: a fifth of ResNet20's steps (`benches/peer.rs`, two cores of a Zen 4), where each operation
//! writes all that it returns. Memory that nothing has asked for in the last few hundred requests is given back.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use burn::tensor::{AllocationProperty, Bytes};

/// Fewer numbers than these are left to the allocator.
const FEWEST: usize = 1 << 12;
/// Requests from one look at what lies idle to the next, and as many after which it is given back.
const PATIENCE: u64 = 512;

static POOL: Mutex<Option<Pool>> = Mutex::new(None);

/// Memory that no tensor uses.
#[derive(Default)]
struct Pool {
    requests: u64,
    /// By length: the request before which it was given back, and the numbers.
    idle: HashMap<usize, Vec<(u64, Vec<f32>)>>,
}

impl Pool {
    fn take(&mut self, n: usize) -> Option<Vec<f32>> {
        self.requests += 1;
        if self.requests.is_multiple_of(PATIENCE) {
            for numbers in self.idle.values_mut() {
                numbers.retain(|(since, _)| self.requests - since < PATIENCE);
            }
            self.idle.retain(|_, numbers| !numbers.is_empty());
        }
        // The last one that came back is likelier to be in the cache.
        self.idle.get_mut(&n)?.pop().map(|(_, numbers)| numbers)
    }

    fn give_back(&mut self, numbers: Vec<f32>) {
        self.idle.entry(numbers.len()).or_default().push((self.requests, numbers));
    }
}

/// Does this to the pool.
fn with_pool<T>(work: impl FnOnce(&mut Pool) -> T) -> T {
    work(POOL.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Numbers whose memory is used again when they are dropped, also as the [bytes](Self::into_bytes) of a tensor.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Recycled(Vec<f32>);

impl Recycled {
    /// `n` numbers of any value: the caller writes all of them.
    pub(crate) fn unset(n: usize) -> Self {
        let used = if n < FEWEST { None } else { with_pool(|pool| pool.take(n)) };
        let mut numbers = used.unwrap_or_else(|| vec![0.0; n]);
        // Where the checks are on, what was not written is seen.
        if cfg!(debug_assertions) {
            // All bits set are a NaN.
            bytemuck::cast_slice_mut::<f32, u8>(&mut numbers).fill(0xff);
        }
        Self(numbers)
    }

    /// A copy of `numbers`.
    pub(crate) fn copy_of(numbers: &[f32]) -> Self {
        let mut copy = Self::unset(numbers.len());
        copy.copy_from_slice(numbers);
        copy
    }

    /// The same numbers one after the other.
    pub(crate) fn concat(parts: &[&[f32]]) -> Self {
        let mut all = Self::unset(parts.iter().map(|part| part.len()).sum());
        let mut rest = &mut all[..];
        for part in parts {
            let own;
            (own, rest) = rest.split_at_mut(part.len());
            own.copy_from_slice(part);
        }
        all
    }

    /// `n` zeros.
    pub(crate) fn zeros(n: usize) -> Self {
        let mut numbers = Self::unset(n);
        numbers.fill(0.0);
        numbers
    }

    /// The memory of a tensor, which burn copies before it changes it in place.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_shared(bytes::Bytes::from_owner(self), AllocationProperty::Native)
    }
}

impl From<Vec<f32>> for Recycled {
    fn from(numbers: Vec<f32>) -> Self {
        Self(numbers)
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        if self.0.len() >= FEWEST {
            let numbers = std::mem::take(&mut self.0);
            with_pool(|pool| pool.give_back(numbers));
        }
    }
}

impl AsRef<[u8]> for Recycled {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl Deref for Recycled {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0
    }
}

impl DerefMut for Recycled {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_given_back_in_the_end() {
        let mut pool = Pool::default();
        assert!(pool.take(5000).is_none());
        pool.give_back(vec![1.0; 5000]);
        pool.give_back(vec![2.0; 5000]);
        assert!(pool.take(4999).is_none());
        assert_eq!(pool.take(5000), Some(vec![2.0; 5000]));
        // One is left, which nothing asks for.
        for _ in 0..2 * PATIENCE {
            assert!(pool.take(7).is_none());
        }
        assert!(pool.idle.is_empty());
    }

    #[test]
    fn a_tensor_has_the_numbers() {
        let mut numbers = Recycled::unset(FEWEST);
        numbers.iter_mut().enumerate().for_each(|(i, number)| *number = i as f32);
        let bytes = numbers.into_bytes();
        let values: &[f32] = bytemuck::cast_slice(&bytes);
        assert_eq!(values, Vec::from_iter((0..FEWEST).map(|i| i as f32)));
    }
}

//! What images are in.

use std::borrow::Cow;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};

use super::layout::Row;
use super::memory::Lease;
use super::stored::StoredImages;
use crate::data::DecodeImage;

/// What images are in.
pub(in crate::data) enum ImageSource {
    /// One buffer.
    Memory(MemoryImages),
    /// A file of the store.
    Stored(StoredImages),
    /// What decodes them; nobody has yet.
    OnDemand(OnDemand),
}

/// Images in memory.
pub(in crate::data) struct MemoryImages {
    /// `[images, channels, height, width]`.
    pub bytes: Vec<u8>,
    /// Bytes of an image.
    pub size: usize,
    /// What was counted for them.
    pub(super) lease: OnceLock<Lease>,
}

/// Images that are decoded when they are asked for.
pub(in crate::data) struct OnDemand {
    pub decoder: Box<dyn DecodeImage>,
    /// Of what they are decoded from.
    pub fingerprint: String,
    /// Bytes of an image.
    pub size: usize,
}

impl ImageSource {
    /// The images `bytes`, of `size` bytes each.
    pub fn in_memory(bytes: Vec<u8>, size: usize) -> Self {
        Self::Memory(MemoryImages { bytes, size, lease: OnceLock::new() })
    }

    /// The bytes of the image `index`.
    pub fn image(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        match self {
            Self::Memory(images) => Ok(Cow::Borrowed(images.image(index))),
            Self::Stored(images) => Ok(Cow::Owned(images.image(index)?)),
            Self::OnDemand(images) => {
                let decoded = images.decode(index);
                let decoded = decoded.map_err(|why| anyhow!("image {index} cannot be read: {why}"));
                Ok(Cow::Owned(decoded?))
            }
        }
    }

    /// The CRC-32 of the bytes of the image `index`.
    pub fn checksum(&self, index: usize) -> Result<u32> {
        match self {
            Self::Stored(images) => Ok(images.checksum(index)),
            _ => Ok(Row::of(&self.image(index)?).crc),
        }
    }
}

impl MemoryImages {
    /// The bytes of the image `index`.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.bytes[index * self.size..][..self.size]
    }
}

impl OnDemand {
    /// The bytes of the image `index`, or why there are none.
    pub fn decode(&self, index: usize) -> Result<Vec<u8>, String> {
        let image = self.decoder.decode(index)?;
        match image.len() == self.size {
            true => Ok(image),
            false => Err(format!("it has {} bytes instead of {}", image.len(), self.size)),
        }
    }
}

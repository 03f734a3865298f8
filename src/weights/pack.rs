//! Weights from burn's pack format, which holds them under our names and in our layout.

use anyhow::{Context, Result, ensure};
use burn::tensor::Bytes;
use burn_pack::Reader;

use super::{Values, Weights};

impl Weights {
    /// The parameters and statistics in `bytes`, which
    /// `Network::to_bytes` made.
    ///
    /// # Errors
    /// When `bytes` are damaged.
    pub fn from_pack(bytes: Vec<u8>) -> Result<Self> {
        let limit = bytes.len();
        let reader = Reader::from_bytes(Bytes::from_bytes_vec(bytes))
            .context("the parameters are damaged")?;
        let (mut weights, mut size) = (Self::default(), 0);
        for tensor in reader.into_tensors()? {
            let (name, dtype, shape, _, bytes) = tensor.into_parts()?;
            // Any number of tensors may say that they are the same bytes.
            size += bytes.len();
            ensure!(size <= limit, "its tensors are more than its size");
            let values = Values::from_bytes(&name, dtype, shape.to_vec(), bytes.to_vec())?;
            weights.insert(name, values)?;
        }
        Ok(weights)
    }
}

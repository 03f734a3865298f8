//! The ids in a model's bytes: those of burn's running statistics are random, and would make other bytes of
//! the same model in each process.

use anyhow::Result;
use burn::tensor::Bytes;
use burn_pack::{Reader, Tensor, Writer};

use crate::Parameter;

/// Ids from here on are random; [`Init`](crate::Init) counts from 1.
const RANDOM: u64 = 1 << 32;

/// `bytes`, in burn's pack format, with the place of a statistic among the `parameters` in place of an id
/// that is random.
///
/// # Errors
/// When `bytes` are damaged.
pub(crate) fn without_random_ids(bytes: Vec<u8>, parameters: &[Parameter]) -> Result<Vec<u8>> {
    let is_random = |own: &Parameter| !own.trained && own.id.val() >= RANDOM;
    if !parameters.iter().any(is_random) {
        return Ok(bytes);
    }
    let reader = Reader::from_bytes(Bytes::from_bytes_vec(bytes))?;
    let (metadata, scalars) = (reader.metadata().clone(), reader.scalars().clone());
    let mut tensors = Vec::new();
    for tensor in reader.into_tensors()? {
        let (name, dtype, shape, id, bytes) = tensor.into_parts()?;
        let place = parameters.iter().position(|own| own.name == name && is_random(own));
        let id = id.map(|id| place.map_or(id, |place| RANDOM - 1 - place as u64));
        tensors.push(Tensor::new(name, dtype, shape, id, bytes));
    }
    let mut writer = Writer::new(tensors);
    for (key, value) in &scalars {
        writer = writer.with_scalar(key, *value);
    }
    for (key, value) in &metadata {
        writer = writer.with_metadata(key, value);
    }
    Ok(writer.into_bytes()?.to_vec())
}

//! burn's pack format, written once more so that the same content has the same bytes in every process: burn
//! has hash tables' order in an optimizer's slots, and random ids of running statistics in a model.

use std::collections::BTreeMap;

use anyhow::Result;
use burn::tensor::{Bytes, DType};
use burn_pack::{Reader, Scalar, Shape, Tensor, Writer};

use crate::nn::Parameter;

/// Ids from here on are random; [`Initializer`](crate::nn::Initializer) counts from 1.
const FIRST_RANDOM_ID: u64 = 1 << 32;

/// A tensor of a pack.
pub(crate) struct Packed {
    pub name: String,
    pub dtype: DType,
    pub shape: Shape,
    /// The id of its parameter.
    pub id: Option<u64>,
    pub bytes: Bytes,
}

/// What is in a pack.
pub(crate) struct Pack {
    pub tensors: Vec<Packed>,
    pub scalars: BTreeMap<String, Scalar>,
    pub metadata: BTreeMap<String, String>,
}

/// `pack` with what `change` makes of its content.
///
/// # Errors
/// When it is damaged.
pub(crate) fn repack(pack: Bytes, change: impl FnOnce(&mut Pack)) -> Result<Vec<u8>> {
    let reader = Reader::from_bytes(pack)?;
    let (metadata, scalars) = (reader.metadata().clone(), reader.scalars().clone());
    let mut pack = Pack { tensors: Vec::new(), scalars, metadata };
    for tensor in reader.into_tensors()? {
        let (name, dtype, shape, id, bytes) = tensor.into_parts()?;
        pack.tensors.push(Packed { name, dtype, shape, id, bytes });
    }
    change(&mut pack);
    let Pack { tensors, scalars, metadata } = pack;
    let tensors = tensors
        .into_iter()
        .map(|Packed { name, dtype, shape, id, bytes }| Tensor::new(name, dtype, shape, id, bytes));
    let mut writer = Writer::new(tensors.collect());
    for (key, value) in &scalars {
        writer = writer.with_scalar(key, *value);
    }
    for (key, value) in &metadata {
        writer = writer.with_metadata(key, value);
    }
    Ok(into_vec(writer.into_bytes()?))
}

/// The numbers of `bytes`, which are gigabytes of a large model: not copied where they need not be.
pub(crate) fn into_vec(bytes: Bytes) -> Vec<u8> {
    bytes.try_into_vec::<u8>().unwrap_or_else(|bytes| bytes.to_vec())
}

/// A model's `pack` with the place of a statistic among the `parameters` in place of an id that is random.
///
/// # Errors
/// When it is damaged.
pub(crate) fn without_random_ids(pack: Vec<u8>, parameters: &[Parameter]) -> Result<Vec<u8>> {
    let is_random = |own: &Parameter| !own.trained && own.id.val() >= FIRST_RANDOM_ID;
    if !parameters.iter().any(is_random) {
        return Ok(pack);
    }
    repack(Bytes::from_bytes_vec(pack), |pack| {
        for tensor in &mut pack.tensors {
            let of_tensor = |own: &Parameter| own.name == tensor.name && is_random(own);
            if let Some(place) = parameters.iter().position(of_tensor) {
                tensor.id = tensor.id.map(|_| FIRST_RANDOM_ID - 1 - place as u64);
            }
        }
    })
}

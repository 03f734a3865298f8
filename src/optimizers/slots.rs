//! An optimizer's slots as bytes, in burn's pack format: the same slots, the same bytes.
//!
//! burn writes the parameters in the order of a hash table, another one in each process; here they
//! are in the order of their names, so that two equal runs have equal checkpoints.

use anyhow::{Context, Result, ensure};
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::tensor::Bytes;
use burn_pack::{Reader, Tensor, Writer};

/// The slots of `optimizer`.
///
/// # Errors
/// When they cannot be read back from the device.
pub fn to_bytes(optimizer: &ModuleOptimizer) -> Result<Vec<u8>> {
    let reader = Reader::from_bytes(optimizer.into_bytes()?)?;
    let (metadata, scalars) = (reader.metadata().clone(), reader.scalars().clone());
    let mut named: Vec<(String, Tensor)> = Vec::new();
    for tensor in reader.into_tensors()? {
        let (name, dtype, shape, parameter, bytes) = tensor.into_parts()?;
        named.push((name.clone(), Tensor::new(name, dtype, shape, parameter, bytes)));
    }
    named.sort_by(|(one, _), (other, _)| one.cmp(other));

    let mut writer = Writer::new(named.into_iter().map(|(_, tensor)| tensor).collect());
    for (key, value) in &scalars {
        writer = writer.with_scalar(key, *value);
    }
    for (key, value) in &metadata {
        writer = writer.with_metadata(key, value);
    }
    Ok(writer.into_bytes()?.to_vec())
}

/// `optimizer` with the slots in `bytes`.
///
/// # Errors
/// When `bytes` are damaged or are another optimizer's.
pub fn restore(optimizer: &ModuleOptimizer, bytes: Vec<u8>) -> Result<ModuleOptimizer> {
    let record = OptimizerRecord::from_bytes(Bytes::from_bytes_vec(bytes))
        .context("the optimizer's slots are damaged")?;
    let slots = record.len();
    let restored = optimizer.clone().load_record(record);
    // burn begins anew, silently, what it cannot restore.
    let found = restored.to_record().len();
    ensure!(found == slots, "{found} of {slots} slots are the optimizer's");
    Ok(restored)
}

//! An optimizer's slots as bytes, in burn's pack format: the same slots, the same bytes.
//!
//! burn writes the parameters in the order of a hash table, another one in each process; here they
//! are in the order of their names, so that two equal runs have equal checkpoints.

use anyhow::{Context, Result, ensure};
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::tensor::{Bytes, DType};
use burn_pack::{Reader, Tensor, Writer};

use crate::Parameter;

/// The number in which burn keeps how many dimensions a parameter has.
const RANK: &str = "__rank";
/// The most steps that can be counted on from.
pub(crate) const MOST_STEPS: u64 = i64::MAX as u64 / 2;

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

/// `optimizer` with the slots in `bytes`, which are those of these `parameters`.
///
/// # Errors
/// When `bytes` are damaged or are another optimizer's, or another model's.
pub fn restore(
    optimizer: &ModuleOptimizer,
    bytes: Vec<u8>,
    parameters: &[Parameter],
) -> Result<ModuleOptimizer> {
    check(&bytes, parameters).context("the optimizer's slots are damaged")?;
    let record = OptimizerRecord::from_bytes(Bytes::from_bytes_vec(bytes))
        .context("the optimizer's slots are damaged")?;
    let slots = record.len();
    let restored = optimizer.clone().load_record(record);
    // burn begins anew, silently, what it cannot restore.
    let found = restored.to_record().len();
    ensure!(found == slots, "{found} of {slots} slots are the optimizer's");
    Ok(restored)
}

/// Fails where a slot has not the name and the shape of a parameter, or a number is none that counts
/// steps: burn believes what it reads, and panics at the next step.
fn check(bytes: &[u8], parameters: &[Parameter]) -> Result<()> {
    let of = |name: &str| {
        let (id, field) = name.split_once('.')?;
        let parameter = parameters.iter().find(|own| own.id.val().to_string() == id)?;
        Some((parameter, field.to_owned()))
    };
    let reader = Reader::from_bytes(Bytes::from_bytes_vec(bytes.to_vec()))?;
    for (name, value) in reader.scalars() {
        let (parameter, field) = of(name).with_context(|| format!("what is `{name}`?"))?;
        let value = u64::try_from(*value).ok();
        let right = match field.as_str() {
            RANK => value == Some(parameter.shape.len() as u64),
            _ => value.is_some_and(|steps| steps <= MOST_STEPS),
        };
        ensure!(right, "`{name}` is {value:?}");
    }
    for tensor in reader.into_tensors()? {
        let (name, dtype, shape, id, bytes) = tensor.into_parts()?;
        let (parameter, _) = of(&name).with_context(|| format!("what is `{name}`?"))?;
        let size = parameter.shape.iter().product::<usize>() * DType::F32.size();
        let right = id == Some(parameter.id.val())
            && dtype == DType::F32
            && shape[..] == parameter.shape
            && bytes.len() == size;
        ensure!(right, "`{name}` is {dtype:?} {shape:?}");
    }
    Ok(())
}

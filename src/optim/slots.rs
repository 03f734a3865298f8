//! An optimizer's slots as bytes, in burn's pack format: the same slots, the same bytes.
//!
//! burn writes the parameters in the order of a hash table, another one in each process; here they
//! are in the order of their names, so that two equal runs have equal checkpoints.

use anyhow::{Context, Result, ensure};
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::tensor::{Bytes, DType};
use burn_pack::Reader;

use crate::nn::Parameter;
use crate::nn::larger;
use crate::nn::pack::{Pack, repack};

/// The number in which burn keeps how many dimensions a parameter has.
pub(super) const RANK: &str = "__rank";
/// The most steps that can be counted on from.
pub(crate) const MOST_STEPS: u64 = i64::MAX as u64 / 2;

/// The slots of `optimizer`.
///
/// # Errors
/// When they cannot be read back from the device.
pub fn to_bytes(optimizer: &ModuleOptimizer) -> Result<Vec<u8>> {
    Ok(to_bytes_and_largest(optimizer, |_| ())?.0)
}

/// The slots of `optimizer` with what `change` adds to them, and the largest absolute value in them; NaN if one is NaN.
///
/// # Errors
/// When they cannot be read back from the device.
pub(crate) fn to_bytes_and_largest(
    optimizer: &ModuleOptimizer,
    change: impl FnOnce(&mut Pack),
) -> Result<(Vec<u8>, f32)> {
    let mut most = 0.0;
    let bytes = repack(optimizer.into_bytes()?, |pack| {
        change(pack);
        let tensors = &mut pack.tensors;
        for tensor in tensors.iter().filter(|tensor| tensor.dtype == DType::F32) {
            let values = tensor.bytes.chunks_exact(4);
            let values =
                values.map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
            most = values.fold(most, larger);
        }
        tensors.sort_by(|one, other| one.name.cmp(&other.name));
    })?;
    Ok((bytes, most))
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

#[cfg(test)]
mod tests {
    use burn::module::{Module, Param};
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Tensor};
    use serde_json::Map;

    use super::super::{ArgDefault as Given, Arguments, OPTIMIZERS};
    use super::*;
    use crate::nn::Network;

    #[derive(Module, Debug)]
    struct Two {
        vector: Param<Tensor<1>>,
        matrix: Param<Tensor<2>>,
    }

    /// After a gradient that is not finite, of whatever optimizer, something that a checkpoint saves is not
    /// either, be it the parameters or the slots, and it is seen: also steps later, where the parameters
    /// of a rule that looks at signs alone go on as if nothing had been.
    #[test]
    fn what_is_not_finite_is_seen() {
        let device = Device::flex();
        for entry in OPTIMIZERS {
            for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let own = entry.arguments.iter().filter(|own| own.default == Given::Required);
                let mut given = Map::from_iter(own.map(|own| (own.name.to_owned(), 0.9.into())));
                given.insert("learning_rate".into(), 0.01.into());
                let mut optimizer = (entry.build)(&Arguments::new(entry, given).unwrap());
                let with_grad = |tensor: Tensor<1>| Tensor::from_inner(tensor).require_grad();
                let vector = Param::from_tensor(with_grad(Tensor::ones([4], &device)));
                let ones: Tensor<2> = Tensor::ones([2, 3], &device);
                let matrix = Param::from_tensor(Tensor::from_inner(ones).require_grad());
                let mut two = Two { vector, matrix };
                let mut step = |two: Two, value: f32| {
                    let mut gradients = GradientsParams::new();
                    let vector = Tensor::<1>::from_floats([0.5, value, -0.5, 0.1], &device);
                    let matrix =
                        Tensor::<2>::from_floats([[0.5, 0.1, value], [1.0, 0.2, 0.3]], &device);
                    gradients.register(two.vector.id, vector);
                    gradients.register(two.matrix.id, matrix);
                    optimizer.step(0.01, two, gradients)
                };
                two = step(two, 0.5);
                let seen = |two: &Two, optimizer: &ModuleOptimizer| {
                    larger(two.largest(), to_bytes_and_largest(optimizer, |_| ()).unwrap().1)
                };
                two = step(two, wrong);
                two = step(two, 0.5);
                let largest = seen(&two, &optimizer);
                assert!(!largest.is_finite(), "{} after {wrong}: {largest}", entry.name);
            }
        }
    }
}

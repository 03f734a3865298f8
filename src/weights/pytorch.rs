//! Weights from a file of PyTorch's `torch.save`.
//!
//! Of the pickle in it only tensors are read, and nothing of it is run, whatever classes it names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use burn::tensor::DType;
use pytorch_reader::PytorchReader;

use super::names::{NUM_BATCHES, from_pytorch};
use super::{Values, Weights};

/// Where a training script keeps the model among other things.
const BELOW: [&str; 2] = ["state_dict.", "model_state_dict."];
/// A view may have more values than are stored: so many times the file's size is the most that is
/// read.
const EXPANSION: u64 = 4;

impl Weights {
    /// The tensors of the file `path`: those below `state_dict` or `model_state_dict`, if it has some
    /// there, else all.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or holds other numbers than floating-point ones.
    pub fn from_pytorch(path: &Path) -> Result<Self> {
        let limit = fs::metadata(path)?.len().saturating_mul(EXPANSION);
        // Its messages hold those of their causes, which would be told twice.
        let reader = PytorchReader::new(path).map_err(|error| anyhow!("{error}"))?;
        let tensors = reader.into_tensors();
        let below =
            BELOW.into_iter().find(|below| tensors.keys().any(|key| key.starts_with(below)));
        let mut theirs = BTreeMap::new();
        let mut size = 0_u64;
        for (key, tensor) in tensors {
            let Some(name) = key.strip_prefix(below.unwrap_or("")) else { continue };
            if name.ends_with(NUM_BATCHES) {
                continue;
            }
            size = size.saturating_add(tensor.byte_len() as u64);
            ensure!(size <= limit, "its tensors are more than {EXPANSION} times its size");
            let (dtype, shape) = (dtype(tensor.dtype()), tensor.shape().to_vec());
            let bytes = tensor.read()?;
            theirs.insert(name.to_owned(), Values::from_bytes(name, dtype, shape, bytes)?);
        }
        from_pytorch(theirs)
    }
}

fn dtype(dtype: pytorch_reader::DType) -> DType {
    use pytorch_reader::DType as Theirs;
    match dtype {
        Theirs::F64 => DType::F64,
        Theirs::F32 => DType::F32,
        Theirs::F16 => DType::F16,
        Theirs::BF16 => DType::BF16,
        Theirs::I64 => DType::I64,
        Theirs::I32 => DType::I32,
        Theirs::I16 => DType::I16,
        Theirs::I8 => DType::I8,
        Theirs::U64 => DType::U64,
        Theirs::U32 => DType::U32,
        Theirs::U16 => DType::U16,
        Theirs::U8 | Theirs::Bool => DType::U8,
    }
}

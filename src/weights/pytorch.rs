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
use super::weight_file::is_read;
use super::{Found, Values, Weights};

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
    /// When it cannot be read, is damaged, or holds nothing but other numbers than floating-point ones.
    pub fn from_pytorch(path: &Path) -> Result<Self> {
        Ok(Found::in_pytorch(path)?.weights)
    }
}

impl Found {
    /// What is in the file `path`.
    pub(super) fn in_pytorch(path: &Path) -> Result<Self> {
        let limit = fs::metadata(path)?.len().saturating_mul(EXPANSION);
        // Its messages hold those of their causes, which would be told twice.
        let reader = PytorchReader::new(path).map_err(|error| anyhow!("{error}"))?;
        let tensors = reader.into_tensors();
        let below = |below: &&str| tensors.keys().any(|key| key.starts_with(below));
        let below = BELOW.into_iter().find(below).unwrap_or_default().to_owned();
        let mut found = Self { below, ..Self::default() };
        let (mut theirs, mut size) = (BTreeMap::new(), 0_u64);
        for (key, tensor) in tensors {
            let Some(name) = key.strip_prefix(&found.below) else {
                let group = key.split('.').next().unwrap_or_default();
                *found.aside.entry(group.to_owned()).or_default() += 1;
                continue;
            };
            if name.ends_with(NUM_BATCHES) {
                continue;
            }
            let dtype = dtype(tensor.dtype());
            if !is_read(dtype) {
                found.skip(name, format!("{:?}", tensor.dtype()));
                continue;
            }
            size = size.saturating_add(tensor.byte_len() as u64);
            ensure!(size <= limit, "its tensors are more than {EXPANSION} times its size");
            let values = Values::from_bytes(name, dtype, tensor.shape().to_vec(), tensor.read()?)?;
            theirs.insert(name.to_owned(), values);
        }
        found.weights = from_pytorch(theirs)?;
        found.not_in_vain()
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

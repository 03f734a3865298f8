//! What was found in a file of weights: tensors that are read, and what was not.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs};

use anyhow::{Result, anyhow};
use burn::tensor::DType;

use super::Weights;
use super::file_kind::{FileKind, kind_of};

/// The weights of a file, and what else it has.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What was read.
    pub weights: Weights,
    /// The key that the tensors are below, with a dot at its end; empty where they are not.
    pub below: String,
    /// How many tensors there are below each of the other keys.
    pub aside: BTreeMap<String, usize>,
    /// The tensors that hold no floating-point numbers, and what they hold.
    pub skipped: Vec<String>,
}

impl Found {
    /// The weights in the file of PyTorch or the safetensors file at `path`; `None` if it is a
    /// checkpoint of this program.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is something else.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        match kind_of(path)? {
            FileKind::Checkpoint => Ok(None),
            FileKind::Safetensors => Self::in_safetensors(&fs::read(path)?).map(Some),
            FileKind::PyTorch => Self::in_pytorch(path).map(Some),
            other => Err(anyhow!("it is {}", other.describe())),
        }
    }

    /// Notes that the tensor `name` is not read.
    pub(super) fn skip(&mut self, name: &str, holds: impl fmt::Display) {
        self.skipped.push(format!("`{name}` holds {holds}"));
    }

    /// The same.
    ///
    /// # Errors
    /// When there are tensors, and none could be read.
    pub(super) fn not_in_vain(mut self) -> Result<Self> {
        self.skipped.sort();
        match self.skipped.first() {
            Some(first) if self.weights.is_empty() => {
                let others = match self.skipped.len() - 1 {
                    0 => String::new(),
                    more => format!(", and {more} more are of such kinds"),
                };
                Err(anyhow!("{first}; what is read is F32, F64, F16 and BF16{others}"))
            }
            _ => Ok(self),
        }
    }
}

/// Whether numbers of `dtype` are weights.
pub(super) fn is_read(dtype: DType) -> bool {
    matches!(dtype, DType::F64 | DType::F32 | DType::F16 | DType::BF16)
}

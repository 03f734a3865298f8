//! The rows of large matrices, each updated as soon as its gradient is computed.
//!
//! ```text
//! for each block of rows r of W:    g ← dW[r]    (W[r], slots[r]) ← rule(W[r], g, slots[r])
//! ```
//!
//! The gradient of a block stays in the cache: that of the whole matrix would be written to memory, and read back from
//! there, as often as the matrix itself. Rules that are [`Elementwise`] can be applied so; the numbers are those of
//! burn's `ModuleOptimizer`, to the last bit, and so are the bytes of the slots in a checkpoint. A rank of a run may
//! have the slots of a part of the rows alone.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;

use anyhow::Result;
use burn::module::ParamId;
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::tensor::{Bytes, DType};
use burn_pack::{Scalar, Shape};
use rayon::prelude::*;

use super::Step;
use super::slots::RANK;
use crate::nn::Parameter;
use crate::nn::pack::{Pack, Packed, repack};

/// A rule for numbers that are wherever the caller has them.
pub trait RowRule: Debug + Send + Sync {
    /// What the slots begin as.
    fn initial(&self) -> Vec<f32>;

    /// The numbers and their slots after this step, in their places; on this thread.
    ///
    /// # Panics
    /// When a slot or the gradient has another length than the parameter.
    fn update(&self, step: Step, parameter: &mut [f32], gradient: &[f32], slots: &mut [&mut [f32]]);
}

/// An optimizer of matrices, by the ids of their parameters.
#[derive(Debug)]
pub struct RowOptimizer {
    rule: Box<dyn RowRule>,
    matrices: BTreeMap<u64, Matrix>,
}

/// Rows of a matrix that take a step.
pub struct Rows<'a> {
    /// Of the matrix.
    pub id: ParamId,
    /// `[rows, columns]`, all of it.
    pub matrix: &'a mut [f32],
    /// Numbers in a row.
    pub columns: usize,
    /// Those that take it.
    pub own: Range<usize>,
    /// How many a thread takes at a time.
    pub block: usize,
    /// λ: the gradient begins as λ times the matrix.
    pub penalty: f64,
}

/// What is kept of a matrix.
#[derive(Debug)]
struct Matrix {
    /// Steps taken.
    steps: u64,
    /// The rows whose slots are here.
    rows: Range<usize>,
    /// `[rows, columns]` each.
    slots: Vec<Vec<f32>>,
}

impl RowOptimizer {
    /// One that has taken no step.
    pub fn new(rule: Box<dyn RowRule>) -> Self {
        Self { rule, matrices: BTreeMap::new() }
    }

    /// The same rule before its first step.
    pub fn without_slots(self) -> Self {
        Self::new(self.rule)
    }

    /// Whether it has taken a step of the matrix `id`.
    pub fn has(&self, id: ParamId) -> bool {
        self.matrices.contains_key(&id.val())
    }

    /// One step of `rows` down the gradient of their loss, which `gradient` adds for the rows from a number on to what it
    /// is given: zeros, or the penalty's.
    ///
    /// # Panics
    /// When it has taken steps of other rows.
    pub fn step(
        &mut self,
        rows: Rows,
        learning_rate: f64,
        gradient: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let Rows { id, matrix, columns, own, block, penalty } = rows;
        let values = &mut matrix[own.start * columns..own.end * columns];
        let begin = || Matrix {
            steps: 0,
            rows: own.clone(),
            slots: self.rule.initial().iter().map(|value| vec![*value; values.len()]).collect(),
        };
        let matrix = self.matrices.entry(id.val()).or_insert_with(begin);
        matrix.keep(&own, columns);
        matrix.steps += 1;
        let step = Step { learning_rate, number: matrix.steps };
        let size = block * columns;
        let mut slots: Vec<_> = matrix.slots.iter_mut().map(|slot| slot.chunks_mut(size)).collect();
        let mut next = || slots.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>();
        let blocks: Vec<_> = values.chunks_mut(size).map(|values| (values, next())).collect();
        let rule = &self.rule;
        let blocks = blocks.into_par_iter().enumerate();
        blocks.for_each_init(Vec::new, |sums, (number, (values, mut slots))| {
            sums.clear();
            match penalty > 0.0 {
                true => sums.extend(values.iter().map(|value| value * penalty as f32)),
                false => sums.resize(values.len(), 0.0),
            }
            gradient(own.start + number * block, sums);
            rule.update(step, values, sums, &mut slots);
        });
    }

    /// Takes the slots of the matrix `id` from `optimizer`, if it has any; `parameters` has its shape.
    ///
    /// # Errors
    /// When what burn makes of its slots is not what it reads.
    pub fn take_from(
        &mut self,
        optimizer: &mut ModuleOptimizer,
        id: ParamId,
        parameters: &[Parameter],
    ) -> Result<()> {
        let mut taken = None;
        let record = optimizer.into_bytes()?;
        let rest = repack(record, |pack| taken = Matrix::take_from(pack, id.val(), parameters))?;
        if let Some(matrix) = taken {
            self.matrices.insert(id.val(), matrix);
            let rest = OptimizerRecord::from_bytes(Bytes::from_bytes_vec(rest))?;
            *optimizer = optimizer.clone().load_record(rest);
        }
        Ok(())
    }

    /// Adds to the `pack` of a `ModuleOptimizer`'s slots those of its matrices, which are among the `parameters`: what
    /// burn would have there. `whole` makes all rows of those here.
    pub(crate) fn add_to(
        &self,
        pack: &mut Pack,
        parameters: &[Parameter],
        whole: impl Fn(&Parameter, &[f32]) -> Vec<f32>,
    ) {
        for (id, matrix) in &self.matrices {
            let own = parameters.iter().find(|own| own.id.val() == *id);
            let own = own.expect("a matrix that was updated is a parameter");
            for (number, slot) in matrix.slots.iter().enumerate() {
                let whole = whole(own, slot);
                pack.tensors.push(Packed {
                    name: format!("{id}.slot{number}"),
                    dtype: DType::F32,
                    shape: Shape::from(own.shape.clone()),
                    id: Some(*id),
                    bytes: Bytes::from_elems(whole),
                });
            }
            pack.scalars.insert(format!("{id}.step"), Scalar::from(matrix.steps));
            pack.scalars.insert(format!("{id}.{RANK}"), Scalar::from(own.shape.len()));
            pack.metadata.insert(id.to_string(), own.name.clone());
        }
    }
}

impl Matrix {
    /// Forgets all rows but the `own` ones.
    fn keep(&mut self, own: &Range<usize>, columns: usize) {
        if self.rows == *own {
            return;
        }
        assert!(self.rows.start <= own.start && own.end <= self.rows.end, "slots of these rows");
        let from = (own.start - self.rows.start) * columns;
        let slots = self.slots.iter().map(|slot| slot[from..][..own.len() * columns].to_vec());
        self.slots = slots.collect();
        self.rows = own.clone();
    }

    /// What the `pack` of a `ModuleOptimizer`'s slots has of the matrix `id`.
    fn take_from(pack: &mut Pack, id: u64, parameters: &[Parameter]) -> Option<Self> {
        let steps = pack.scalars.remove(&format!("{id}.step"))?.try_into().ok()?;
        pack.scalars.remove(&format!("{id}.{RANK}"));
        pack.metadata.remove(&id.to_string());
        let tensors = std::mem::take(&mut pack.tensors);
        let (mut own, others) = tensors.into_iter().partition::<Vec<_>, _>(|t| t.id == Some(id));
        pack.tensors = others;
        own.sort_by_key(|tensor| tensor.name.clone());
        let floats = |bytes: &[u8]| {
            bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        };
        let slots = own.iter().map(|tensor| floats(&tensor.bytes)).collect();
        let rows = parameters.iter().find(|own| own.id.val() == id)?.shape[0];
        Some(Self { steps, rows: 0..rows, slots })
    }
}

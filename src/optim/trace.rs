//! A rule as a list of operations: what it does with numbers is written down instead of done.
//!
//! [`Elementwise::update`](super::Elementwise::update) of [`Traced`] numbers gives the [`Program`] that a GPU's kernel is
//! compiled from, and the scalars of this step, which are its arguments. A rule is written once, for tensors, for the
//! vector units of the CPU and for GPUs.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Sub};
use std::rc::Rc;

use cubecl::prelude::*;

use super::numbers::{Numbers, whole_power};

/// An operation on numbers that came before it: what a rule begins with, and then the result of each operation. The
/// last operand of one with a scalar is the scalar's place among the scalars.
#[derive(CubeType, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// x + y.
    Add(usize, usize),
    /// x - y.
    Sub(usize, usize),
    /// x y.
    Mul(usize, usize),
    /// x / y.
    Div(usize, usize),
    /// x + s.
    AddScalar(usize, usize),
    /// x - s.
    SubScalar(usize, usize),
    /// x s.
    MulScalar(usize, usize),
    /// x / s.
    DivScalar(usize, usize),
    /// √x.
    Sqrt(usize),
    /// |x|.
    Abs(usize),
    /// -1, 0 or 1; 0 of NaN.
    Sign(usize),
    /// 1 / x.
    Recip(usize),
    /// x to the power of s.
    Power(usize, usize),
    /// x, or s where that is more; NaN stays.
    AtLeast(usize, usize),
    /// 0 where the second is s or less, else the first.
    ZeroWhereAtMost(usize, usize, usize),
    /// s.
    Fill(usize),
}

/// The operations of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Program {
    /// In their order.
    pub operations: Vec<Operation>,
    /// Which numbers the new parameter and the new slots are.
    pub results: Vec<usize>,
}

/// What has been done so far.
#[derive(Debug, Default)]
struct Trace {
    operations: Vec<Operation>,
    scalars: Vec<f32>,
    inputs: usize,
}

/// A number of a rule that is written down.
#[derive(Clone, Debug)]
pub struct Traced {
    place: usize,
    trace: Rc<RefCell<Trace>>,
}

/// The program and the scalars of `rule`, which has `inputs` numbers to begin with and returns its results.
pub fn trace<R: IntoIterator<Item = Traced>>(
    inputs: usize,
    rule: impl FnOnce(Vec<Traced>) -> R,
) -> (Program, Vec<f32>) {
    let trace = Rc::new(RefCell::new(Trace { inputs, ..Trace::default() }));
    let begin = (0..inputs).map(|place| Traced { place, trace: trace.clone() }).collect();
    let results = rule(begin).into_iter().map(|result| result.place).collect();
    let Trace { operations, scalars, .. } = trace.take();
    (Program { operations, results }, scalars)
}

impl Traced {
    fn then(self, operation: Operation) -> Self {
        let place = {
            let mut trace = self.trace.borrow_mut();
            trace.operations.push(operation);
            trace.inputs + trace.operations.len() - 1
        };
        Self { place, trace: self.trace }
    }

    /// The place of this scalar.
    fn scalar(&self, value: f64) -> usize {
        let scalars = &mut self.trace.borrow_mut().scalars;
        scalars.push(value as f32);
        scalars.len() - 1
    }
}

/// An operation of two, and of one and a scalar.
macro_rules! operation {
    ($operation:ident, $name:ident, $scalar:ident) => {
        impl $operation for Traced {
            type Output = Self;
            fn $name(self, other: Self) -> Self {
                let operation = Operation::$operation(self.place, other.place);
                self.then(operation)
            }
        }

        impl $operation<f64> for Traced {
            type Output = Self;
            fn $name(self, factor: f64) -> Self {
                let operation = Operation::$scalar(self.place, self.scalar(factor));
                self.then(operation)
            }
        }
    };
}
operation!(Add, add, AddScalar);
operation!(Sub, sub, SubScalar);
operation!(Mul, mul, MulScalar);
operation!(Div, div, DivScalar);

impl Numbers for Traced {
    fn square(self) -> Self {
        self.clone() * self
    }
    fn sqrt(self) -> Self {
        let operation = Operation::Sqrt(self.place);
        self.then(operation)
    }
    fn abs(self) -> Self {
        let operation = Operation::Abs(self.place);
        self.then(operation)
    }
    fn sign(self) -> Self {
        let operation = Operation::Sign(self.place);
        self.then(operation)
    }
    fn recip(self) -> Self {
        let operation = Operation::Recip(self.place);
        self.then(operation)
    }
    fn power(self, exponent: f64) -> Self {
        if let Some(power) = whole_power(self.clone(), exponent) {
            return power;
        }
        let operation = Operation::Power(self.place, self.scalar(exponent));
        self.then(operation)
    }
    fn at_least(self, least: f64) -> Self {
        let operation = Operation::AtLeast(self.place, self.scalar(least));
        self.then(operation)
    }
    fn zero_where_at_most(self, test: Self, bound: f64) -> Self {
        let operation = Operation::ZeroWhereAtMost(self.place, test.place, self.scalar(bound));
        self.then(operation)
    }
    fn like(&self, value: f64) -> Self {
        let operation = Operation::Fill(self.scalar(value));
        self.clone().then(operation)
    }
}

//! A forward pass as the operations that it consists of: what an export writes.
//!
//! In a pass of evaluation that is traced each layer of [`nn::layers`](crate::nn::layers) notes what it did and to
//! what, and hands on, in the place of its output, a tensor of the same shape whose numbers are tokens: no two are
//! alike, and each says which output it is, and its place there. So the next layer's input tells by its numbers where
//! it comes from. What a model does between two layers with burn's operations is seen by what became of the tokens:
//!
//! - nothing: it is that output;
//! - they were put into another shape or order: `maps.flatten(1, 3)`, `permute`, `reshape` become nodes;
//! - they were computed with, or come from nowhere: the trace does not know what was done, and says so.
//!
//! Of two traces with batches of different sizes the dimensions that differ are those of the batch ([`Graph`]).

mod graph;
mod moves;
mod node;
mod tokens;

pub use graph::Graph;
pub use node::{Node, NodeKind};

use burn::tensor::{Device, Tensor, TensorData};

use crate::nn::{ForwardContext, Network, Parameter};
use crate::util::tensor::floats;
use moves::{Move, moves};
use tokens::{TOKENS, number, token};

/// What a traced pass has done so far.
pub(crate) struct Trace {
    parameters: Vec<Parameter>,
    nodes: Vec<Node>,
    /// The images, then the output of each node.
    values: Vec<Value>,
    /// The number of the next token.
    next: u32,
    /// Why the pass cannot be written, if that is so: the first reason.
    gap: Option<Gap>,
}

/// A tensor of tokens: the numbers of these count from `first`.
struct Value {
    first: u32,
    shape: Vec<usize>,
}

/// Why a trace is none of the whole pass.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Gap {
    /// It does not know what was done.
    Unknown {
        /// What was done last that is known; `None` where nothing was.
        after: Option<String>,
        /// The shape of the tensor that came of what is not known.
        shape: Vec<usize>,
    },
    /// A layer of this kind has weights that the network does not: they have no names.
    NoField(&'static str),
}

impl Trace {
    /// Of a pass through `network`.
    pub fn new(network: &dyn Network) -> Self {
        let parameters = network.parameters();
        // Not from 0, whose token is the least number of all: near a zero.
        Self { parameters, nodes: Vec::new(), values: Vec::new(), next: 1, gap: None }
    }

    /// Images of this `shape` to begin with.
    pub fn images(&mut self, shape: [usize; 4], device: &Device) -> Tensor<4> {
        self.tokens(shape, device)
    }

    /// The nodes, and which value `output` is.
    ///
    /// # Errors
    /// Where the trace does not know what was done: why.
    pub fn finish<const D: usize>(
        mut self,
        output: Tensor<D>,
    ) -> Result<(Vec<Node>, usize), String> {
        let output = self.input(&output);
        match &self.gap {
            None => Ok((self.nodes, output)),
            Some(gap) => Err(self.why(gap)),
        }
    }

    /// What there is to say of a `gap`: the layers that have noted nothing, or the place.
    fn why(&self, gap: &Gap) -> String {
        let unknown = self.parameters.iter().filter(|own| !self.knows(own));
        let mut layers: Vec<_> =
            unknown.map(|own| format!("`{}` ({})", own.layer_and_field().0, own.module)).collect();
        layers.dedup();
        if !layers.is_empty() {
            return format!(
                "it has layers that are none of dytb::nn::layers: {}",
                layers.join(", ")
            );
        }
        let (after, shape) = match gap {
            Gap::Unknown { after, shape } => (after, shape),
            Gap::NoField(kind) => {
                return format!(
                    "it has a {kind} that is no field of its own: its weights have no names"
                );
            }
        };
        let place = after
            .as_ref()
            .map_or("before its first layer".to_owned(), |node| format!("after {node}"));
        format!(
            "{place} it makes a tensor {:?} by something else than a layer of dytb::nn::layers",
            shape
        )
    }

    /// A new value of this `shape`.
    fn tokens<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
        let count = shape.iter().product::<usize>();
        let end = u32::try_from(count).ok().and_then(|count| self.next.checked_add(count));
        let end = end
            .filter(|end| *end <= TOKENS)
            .expect("its images or its batch are too large: a trace tells 4e9 numbers apart");
        self.values.push(Value { first: self.next, shape: shape.to_vec() });
        let numbers: Vec<f32> = (self.next..end).map(token).collect();
        self.next = end;
        Tensor::from_data(TensorData::new(numbers, shape), device)
    }

    /// The value that `x` is, which may be one that was moved.
    fn input<const D: usize>(&mut self, x: &Tensor<D>) -> usize {
        match self.find(&floats(x.clone()), &x.dims()) {
            Some((value, moves)) => moves.into_iter().fold(value, |value, step| {
                let (kind, shape) = self.moved(value, step);
                self.nodes.push(Node::new(kind, [value]));
                // Its tokens are those of the value that was moved.
                self.values.push(Value { first: TOKENS, shape });
                self.values.len() - 1
            }),
            None => {
                let after = self.nodes.last().map(described);
                self.gap.get_or_insert(Gap::Unknown { after, shape: x.dims().to_vec() });
                0
            }
        }
    }

    /// The value whose tokens are `numbers`, and how it was moved to `shape`.
    fn find(&self, numbers: &[f32], shape: &[usize]) -> Option<(usize, Vec<Move>)> {
        let first = number(*numbers.first()?)?;
        let at = self.values.iter().position(|value| value.first == first)?;
        let Value { first, shape: from } = &self.values[at];
        let places: Option<Vec<usize>> =
            numbers.iter().map(|x| number(*x)?.checked_sub(*first).map(|at| at as usize)).collect();
        Some((at, moves(&places?, from, shape)?))
    }

    /// The node of a `step`, and the shape that it makes of that `value`.
    fn moved(&self, value: usize, step: Move) -> (NodeKind, Vec<usize>) {
        match step {
            Move::Reshape(to) => (NodeKind::Reshape(to.iter().copied().map(Some).collect()), to),
            Move::Transpose(order) => {
                let from = &self.values[value].shape;
                let shape = order.iter().map(|&axis| from[axis]).collect();
                (NodeKind::Transpose(order), shape)
            }
        }
    }

    /// Adds `node`, and returns tokens in the place of its `output`.
    fn push<const D: usize>(&mut self, node: Node, output: &Tensor<D>) -> Tensor<D> {
        let own = node.of.and_then(|id| self.parameters.iter().find(|own| own.id == id));
        if node.of.is_some() && own.is_none() {
            // Its weights would have the names of any other such layer's.
            self.gap.get_or_insert(Gap::NoField(node.kind.name()));
        }
        self.nodes.push(node.named(own));
        self.tokens(output.dims(), &output.device())
    }

    /// Whether one of the nodes is of the layer of `own`.
    fn knows(&self, own: &Parameter) -> bool {
        self.nodes.iter().any(|node| node.of.is_some() && node.layer == own.layer_and_field().0)
    }
}

/// A node for the user: `conv1.conv (Conv)`.
fn described(node: &Node) -> String {
    match node.layer.as_str() {
        "" => node.kind.name().to_owned(),
        layer => format!("`{layer}` ({})", node.kind.name()),
    }
}

impl ForwardContext<'_> {
    /// Of a pass that is traced the value that `x` is, an input of the next node; else 0.
    pub(crate) fn input<const D: usize>(&mut self, x: &Tensor<D>) -> usize {
        self.trace.as_mut().map_or(0, |trace| trace.input(x))
    }

    /// `output`, which `node` has made; in a pass that is traced the node is noted, and tokens stand for its output.
    pub(crate) fn made<const D: usize>(
        &mut self,
        output: Tensor<D>,
        node: impl FnOnce() -> Node,
    ) -> Tensor<D> {
        match &mut self.trace {
            Some(trace) => trace.push(node(), &output),
            None => output,
        }
    }
}

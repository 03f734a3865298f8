//! What a network computes, for batches of any size.

use anyhow::Result;
use burn::tensor::{Device, Tensor};

use super::{Node, NodeKind, Trace};
use crate::error::{Exit, Failure};
use crate::nn::{ForwardContext, Network};
use crate::util::panics::quietly;

/// Sizes of the batches of two traces: what is the same in both is no matter of the batch. Of a value of one number an
/// image there are so many tokens that no operation leaves all of them as they are.
const BATCHES: [usize; 2] = [16, 17];

/// The operations that make a network's output of its images, in the order in which they are done.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The operations. Each takes values that are there before it.
    pub nodes: Vec<Node>,
    /// The value that is the network's output: 0 is the images, n + 1 what node n has made.
    pub output: usize,
    /// `[channels, height, width]` of the images.
    pub images: [usize; 3],
    /// The dimensions of the output behind the batch.
    pub made: Vec<usize>,
}

impl Graph {
    /// What `forward` does with images of `shape` `[channels, height, width]`: the forward pass of evaluation of the
    /// `network`, which is called `name` and is on `device`, the CPU.
    ///
    /// # Errors
    /// [`Exit::Failed`] where it does something that is no operation of [`nn::layers`](crate::nn::layers), or something
    /// else with a batch of another size.
    pub(crate) fn trace<const D: usize>(
        (name, network): (&str, &dyn Network),
        [channels, height, width]: [usize; 3],
        device: &Device,
        forward: impl Fn(Tensor<4>, &mut ForwardContext) -> Tensor<D>,
    ) -> Result<Self> {
        let refused = |why: String| {
            let what = format!("{name} cannot be written as ONNX");
            let help = "make its forward pass of the layers and functions of dytb::nn::layers \
                        (docs/extending.md); `reshape`, `flatten` and `permute` are understood\n\
                        its weights alone can be written: --format safetensors";
            Failure::new(Exit::Failed, what).why(why).help(help)
        };
        let pass = |batch| -> Result<_> {
            let traced = quietly(|| {
                let mut trace = Trace::new(network);
                let images = trace.images([batch, channels, height, width], device);
                let output = forward(images, &mut ForwardContext::tracing(&mut trace));
                let made = output.dims()[1..].to_vec();
                trace.finish(output).map(|(nodes, output)| (nodes, output, made))
            });
            traced.and_then(|traced| traced).map_err(|why| refused(why).into())
        };
        let [one, other] = BATCHES.map(pass);
        let ((nodes, output, made), other) = (one?, other?);
        let is_same = other.0.len() == nodes.len() && (output, &made) == (other.1, &other.2);
        let nodes = nodes.into_iter().zip(other.0).map(|(node, other)| merged(node, other));
        let nodes: Option<Vec<Node>> = nodes.collect();
        let Some(nodes) = nodes.filter(|_| is_same) else {
            let why = "it does something else with a batch of another size".to_owned();
            return Err(refused(why).into());
        };
        let images = [channels, height, width];
        Ok(Self { nodes, output, images, made }.without_unused())
    }

    /// The same without what the output does not come of.
    fn without_unused(self) -> Self {
        let mut used = vec![false; self.nodes.len() + 1];
        used[self.output] = true;
        for (at, node) in self.nodes.iter().enumerate().rev() {
            if used[at + 1] {
                node.inputs.iter().for_each(|&input| used[input] = true);
            }
        }
        used[0] = true;
        let place = |value: usize| used[..value].iter().filter(|used| **used).count();
        let output = place(self.output);
        let kept = self.nodes.into_iter().enumerate().filter(|(at, _)| used[at + 1]);
        let nodes = kept.map(|(_, node)| {
            let inputs = node.inputs.iter().map(|&input| place(input)).collect();
            Node { inputs, ..node }
        });
        Self { nodes: nodes.collect(), output, ..self }
    }
}

/// A node of the two traces, without the size of the batch; `None` where they have not done the same.
fn merged(mut one: Node, mut other: Node) -> Option<Node> {
    if let (NodeKind::Reshape(shape), NodeKind::Reshape(others)) = (&mut one.kind, &mut other.kind)
    {
        for (length, other) in shape.iter_mut().zip(others).filter(|(one, other)| one != other) {
            (*length, *other) = (None, None);
        }
        // More than one dimension that grows with the batch does not say how.
        if shape.iter().filter(|length| length.is_none()).count() > 1 {
            return None;
        }
    }
    (one == other).then_some(one)
}

//! How a tensor became another one of the same numbers: by reshaping and by permuting its dimensions.
//!
//! Along each dimension of the result the place in the source grows in strides: those of `[b, c, h, w]` permuted to
//! `[b, h, w, c]` and flattened to `[b h w, c]` are, of the first dimension, 1 for w and h together and c h w for b, of
//! the second h w. Sorted by stride these pieces are the dimensions of the source: a reshape to them, a permutation
//! and a reshape to the result are all there is.

/// One step on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// To these dimensions, the order of the numbers stays.
    Reshape(Vec<usize>),
    /// Dimension i of the result is dimension `[i]` of the source.
    Transpose(Vec<usize>),
}

/// A piece of a dimension: how many places it has, and how far apart they are in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    length: usize,
    stride: usize,
}

/// How the tensor of the dimensions `from` became one of dimensions `to` whose number i, counted row by row, was its
/// number `places[i]`. `None` where that is no permutation of dimensions.
pub(super) fn moves(places: &[usize], from: &[usize], to: &[usize]) -> Option<Vec<Move>> {
    if places.len() != from.iter().product::<usize>() || places.first() != Some(&0) {
        return None;
    }
    let mut pieces = Vec::new();
    for (axis, &length) in to.iter().enumerate() {
        let step: usize = to[axis + 1..].iter().product();
        pieces.extend(split(|at| places[at * step], length)?);
    }
    let mut sorted = pieces.clone();
    sorted.sort_by_key(|piece| std::cmp::Reverse(piece.stride));
    let lengths: Vec<usize> = sorted.iter().map(|piece| piece.length).collect();
    let is_whole = |at: usize| sorted[at].stride == lengths[at + 1..].iter().product::<usize>();
    if !(0..sorted.len()).all(is_whole) || !are_places(&pieces, places) {
        return None;
    }
    let place = |piece: &Piece| sorted.iter().position(|other| other == piece);
    let order: Vec<usize> = pieces.iter().filter_map(place).collect();
    let permuted: Vec<usize> = pieces.iter().map(|piece| piece.length).collect();
    let is_permuted = order.iter().enumerate().any(|(at, axis)| at != *axis);
    if !is_permuted {
        return Some((from != to).then(|| Move::Reshape(to.to_vec())).into_iter().collect());
    }
    let first = (lengths != from).then_some(Move::Reshape(lengths));
    let last = (permuted != to).then(|| Move::Reshape(to.to_vec()));
    Some(first.into_iter().chain([Move::Transpose(order)]).chain(last).collect())
}

/// The pieces of a dimension of this `length`, whose place i is `place(i)` from the first: the outermost first.
/// `None` where the place does not grow in strides.
fn split(place: impl Fn(usize) -> usize, length: usize) -> Option<Vec<Piece>> {
    let (mut pieces, mut done) = (Vec::new(), 1);
    while done < length {
        let stride = place(done);
        let left = length / done;
        let run = (1..left).take_while(|&at| place(at * done) == at * stride).count() + 1;
        if !left.is_multiple_of(run) {
            return None;
        }
        pieces.push(Piece { length: run, stride });
        done *= run;
    }
    pieces.reverse();
    Some(pieces)
}

/// Whether `places` are those of `pieces`, all of them.
fn are_places(pieces: &[Piece], places: &[usize]) -> bool {
    let mut made = vec![0];
    for piece in pieces {
        let grown =
            made.iter().flat_map(|&at| (0..piece.length).map(move |n| at + n * piece.stride));
        made = grown.collect();
    }
    made == places
}

#[cfg(test)]
mod tests {
    use super::*;
    use Move::{Reshape, Transpose};

    /// The places of `[b, c, h, w]` in the order `[b, h, w, c]`.
    fn channels_last([b, c, h, w]: [usize; 4]) -> Vec<usize> {
        let mut places = Vec::new();
        for image in 0..b {
            for pixel in 0..h * w {
                places.extend((0..c).map(|channel| (image * c + channel) * h * w + pixel));
            }
        }
        places
    }

    #[test]
    fn reshaped() {
        let places: Vec<_> = (0..24).collect();
        assert_eq!(moves(&places, &[2, 3, 4], &[2, 3, 4]), Some(vec![]));
        assert_eq!(moves(&places, &[2, 3, 4], &[2, 12]), Some(vec![Reshape(vec![2, 12])]));
        assert_eq!(moves(&places, &[2, 12], &[2, 3, 4, 1]), Some(vec![Reshape(vec![2, 3, 4, 1])]));
    }

    #[test]
    fn permuted() {
        let from = [2, 3, 4, 5];
        let places = channels_last(from);
        let turned = Transpose(vec![0, 2, 3, 1]);
        assert_eq!(moves(&places, &from, &[2, 4, 5, 3]), Some(vec![turned]));
        let flat = vec![Reshape(vec![2, 3, 20]), Transpose(vec![0, 2, 1]), Reshape(vec![40, 3])];
        assert_eq!(moves(&places, &from, &[40, 3]), Some(flat));
        // The pixels of one map of two images: what is 1 is no dimension.
        let alone = channels_last([2, 1, 4, 5]);
        assert_eq!(moves(&alone, &[2, 1, 4, 5], &[40, 1]), Some(vec![Reshape(vec![40, 1])]));
    }

    #[test]
    fn neither() {
        assert_eq!(moves(&[0, 2, 1, 3, 5, 4], &[6], &[6]), None);
        assert_eq!(moves(&[5, 4, 3, 2, 1, 0], &[6], &[6]), None);
        assert_eq!(moves(&[0, 1, 2], &[6], &[3]), None);
        assert_eq!(moves(&[0, 0, 1, 1, 2, 2], &[6], &[3, 2]), None);
        assert_eq!(moves(&[0, 1, 2, 2, 1, 0], &[6], &[2, 3]), None);
    }
}

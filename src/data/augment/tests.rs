//! Each operation with fixed numbers against torchvision (`tests/golden/augment.py`), and what all have in common.

use serde_json::Value;

use super::affine::{Affine, IDENTITY, rotate, warp};
use super::image::Image;
use super::rand_augment::{self, KINDS};
use super::*;

/// torchvision's images, mixes and losses.
pub(crate) fn golden() -> Value {
    unpacked(include_bytes!("../../../tests/golden/augment.json.gz"))
}

/// The numbers in a file of tests/golden.
pub(crate) fn unpacked(packed: &[u8]) -> Value {
    serde_json::from_reader(flate2::read::GzDecoder::new(packed)).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    value.as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8).collect()
}

/// Changes `image` as the program was asked to.
fn change(image: &mut Image, operation: &str, numbers: &[f64]) {
    let whole = |at: usize| numbers[at] as usize;
    match operation {
        "crop" => crop::crop(image, whole(0), [whole(1), whole(2)]),
        "flip" => flip::flip(image),
        "rotate" => rotate(image, numbers[0]),
        "shift" => warp(image, Affine { shift: [numbers[0], numbers[1]], ..IDENTITY }),
        "scale" => warp(image, Affine { scale: numbers[0], ..IDENTITY }),
        "cutout" => cutout::cutout(image, whole(0), [whole(1), whole(2)]),
        "erase" => erase::erase(image, [whole(0), whole(1)], [whole(2), whole(3)]),
        "brightness" => colour::brightness(image, numbers[0] as f32),
        "contrast" => colour::contrast(image, numbers[0] as f32),
        "saturation" => colour::saturation(image, numbers[0] as f32),
        _ => {
            let kind = KINDS.into_iter().find(|kind| format!("rand {kind:?}") == operation);
            rand_augment::apply(image, kind.unwrap(), numbers[0] as u32, numbers[1]);
        }
    }
}

#[test]
fn each_operation_is_torchvisions() {
    let golden = golden();
    let inputs = golden["inputs"].as_array().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for case in golden["cases"].as_array().unwrap() {
        let input = &inputs[case["input"].as_u64().unwrap() as usize];
        let shape: [usize; 3] = serde_json::from_value(input["shape"].clone()).unwrap();
        let mut got = bytes(&input["bytes"]);
        let operation = case["operation"].as_str().unwrap();
        let numbers: Vec<f64> = serde_json::from_value(case["numbers"].clone()).unwrap();
        change(&mut Image::new(&mut got, shape), operation, &numbers);
        let wanted = bytes(&case["output"]);
        let farthest = got.iter().zip(&wanted).map(|(got, wanted)| got.abs_diff(*wanted)).max();
        assert!(farthest <= Some(1), "{operation} {numbers:?} {shape:?}: {farthest:?} levels away");
        seen.insert(operation.to_owned());
    }
    for kind in KINDS {
        assert!(seen.contains(&format!("rand {kind:?}")), "{kind:?}");
    }
}

fn list(text: &str) -> Augmentation {
    text.parse().unwrap()
}

/// Everything that there is.
const ALL: &str =
    "crop:4,flip,rotate:15,shift:2,scale:0.9..1.1,cutout:8,jitter:0.2,erase:0.25,rand:2,9";

#[test]
fn an_example_is_that_of_its_seed_epoch_and_index() {
    for shape in [[1, 8, 8], [3, 32, 28], [4, 9, 12]] {
        let original: Vec<u8> =
            (0..shape.iter().product::<usize>()).map(|at| (at * 37 % 251) as u8).collect();
        let of = |text: &str, seed: u64, epoch: u64, index: usize| {
            let mut bytes = original.clone();
            list(text).of_epoch(seed, epoch).unwrap().apply(index, &mut bytes, shape);
            bytes
        };
        assert_eq!(of(ALL, 1, 2, 3), of(ALL, 1, 2, 3));
        for (seed, epoch, index) in [(2, 2, 3), (1, 3, 3), (1, 2, 4)] {
            assert_ne!(of(ALL, 1, 2, 3), of(ALL, seed, epoch, index));
        }
        // What each changes by itself, it changes in some of twenty examples.
        for operation in ALL.replace("rand:2,9", "rand:2;9").split(',') {
            let operation = operation.replace(';', ",");
            assert!((0..20).any(|index| of(&operation, 1, 0, index) != original), "{operation}");
        }
    }
}

/// The coin of the versions that had nothing but the flip.
#[test]
fn a_flip_is_the_coin_of_its_index() {
    let flip = Augmentation::flip();
    let indices: Vec<_> = (0..10_000).collect();
    let flips = flip.of_epoch(3, 5).unwrap().flips(&indices).unwrap();
    let heads = flips.iter().filter(|flip| **flip).count();
    assert!((4_800..5_200).contains(&heads), "{heads}");
    let coin = |index: u64| split_mix64(split_mix64(3, 5), index) & 1 == 1;
    assert!((0..100).all(|index| flips[index] == coin(index as u64)));
    assert_ne!(flips, flip.of_epoch(3, 6).unwrap().flips(&indices).unwrap());
    for (index, is_flipped) in flips.into_iter().take(50).enumerate() {
        let mut bytes = [1, 2, 3];
        flip.of_epoch(3, 5).unwrap().apply(index, &mut bytes, [1, 1, 3]);
        assert_eq!(bytes, if is_flipped { [3, 2, 1] } else { [1, 2, 3] });
    }
    assert!(list("crop:1,flip").of_epoch(3, 5).unwrap().flips(&indices).is_none());
    assert!(list("none").of_epoch(3, 5).is_none());
}

/// Nothing overflows at the ends of what may be asked for, however small an image is.
#[test]
fn small_images_and_large_numbers() {
    let largest = "crop:65536,flip,rotate:180,shift:65536,scale:0.1..10,cutout:65536,jitter:1,erase:1,rand:14,30";
    for shape in [[1, 1, 1], [3, 1, 5], [4, 2, 2], [3, 3, 3]] {
        for index in 0..200 {
            let mut bytes = vec![255; shape.iter().product()];
            list(largest).of_epoch(1, 0).unwrap().apply(index, &mut bytes, shape);
        }
    }
}

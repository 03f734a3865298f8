//! What augmentation costs: a batch of 128 images of 32x32x3 gathered on one thread, as it is and with each operation,
//! beside a whole step of LeNet.
//!
//! ```sh
//! cargo bench --bench augment
//! ```

mod timing;

use burn::tensor::Device;
use dytb::data::{Augmentation, Batch, DataLoader};
use dytb::models::MODELS;
use dytb::train::{AnyModel, StepConfig, loss_and_gradients};
use dytb::{Examples, Initializer};
use timing::{is_asked_for, median};

// As the programs have it.
#[global_allocator]
static ALLOCATOR: dytb::commands::MiMalloc = dytb::commands::MiMalloc;

const SHAPE: [usize; 3] = [3, 32, 32];
const BATCH: usize = 128;

/// What is measured.
const LISTS: [&str; 11] = [
    "none",
    "crop:4,flip",
    "crop:4",
    "flip",
    "rotate:15",
    "shift:2",
    "scale:0.9..1.1",
    "cutout:8",
    "jitter:0.2",
    "erase:0.25",
    "rand:2,9",
];

fn loader(device: &Device) -> DataLoader {
    let examples = 4096;
    let size: usize = SHAPE.iter().product();
    let pixels = (0..examples * size).map(|i| (i * 7919 % 251) as u8).collect();
    let labels = (0..examples as u32).map(|index| index % 10).collect();
    DataLoader::new(Examples::new(SHAPE, pixels, labels).unwrap(), device)
}

/// 17 has no divisor in common with the number of images.
fn indices(loader: &DataLoader) -> Vec<usize> {
    (0..BATCH).map(|i| i * 17 % loader.len()).collect()
}

/// The images of a batch on one thread; a step shares them out over all of them.
fn gather(list: &str) -> f64 {
    let loader = loader(&Device::flex());
    let (list, indices): (Augmentation, _) = (list.parse().unwrap(), indices(&loader));
    median(|| Batch::augmented(&indices, list.of_epoch(1, 0)), |batch| loader.images(batch))
}

/// A step of LeNet without the optimizer, on all threads.
fn lenet(list: &str) -> f64 {
    let device = Device::flex().autodiff();
    let loader = loader(&device);
    let (_, model) = MODELS.iter().find(|(name, _)| *name == "LeNet").unwrap();
    let model = AnyModel::new(*model, SHAPE, 10, &mut Initializer::new(1, &device)).unwrap();
    let (list, indices): (Augmentation, _) = (list.parse().unwrap(), indices(&loader));
    let config = StepConfig { l2_penalty: 0.0, seed: 1 };
    median(
        || Batch::augmented(&indices, list.of_epoch(1, 0)),
        |batch| loss_and_gradients(&model, &loader, batch, config).output.loss,
    )
}

/// A row, if it is asked for.
fn print(what: &str, list: &str, seconds: fn(&str) -> f64) {
    if is_asked_for(&format!("{what} {list}")) {
        println!("| {what} | {list} | {:.2} |", seconds(list) * 1e3);
    }
}

fn main() {
    // On a thread of the pool, as the trainer does.
    rayon::scope(|_| {
        println!("| a batch of {BATCH} | --augment | ms |\n|---|---|---|");
        LISTS.into_iter().for_each(|list| print("gather", list, gather));
        ["none", "crop:4,flip"].into_iter().for_each(|list| print("step of LeNet", list, lenet));
    });
}

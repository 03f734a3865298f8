//! Images a second of a model (SingleLayerCAE unless `--model` says otherwise) with Adam, measured as the other frameworks' scripts measure
//! theirs, one line of JSON: `benches/peers.py` runs them side by side.
//!
//! Inside the clock: a shuffled batch gathered from 16,384 resident images of bytes, scaled to
//! [-1, 1], forward, backward, Adam; with `--infer` forward and error. Median, least and most of
//! three repeats, after six steps of warming up. A GPU has done all steps of a repeat when its clock stops.
//!
//! ```sh
//! cargo bench --bench peer -- --shape 28x28x1 --batch 128 --steps 50
//! ```

use dytb::data::Batch;
use std::time::Instant;

use burn::tensor::Device;
use clap::Parser;
use dytb::data::DataLoader;
use dytb::device::DeviceName;
use dytb::models::MODELS;
use dytb::ops::SimdLevel;
use dytb::optim;
use dytb::optim::Arguments;
use dytb::train::AnyModel;
use dytb::train::{StepConfig, Updater, loss_and_predictions};
use dytb::{Examples, Initializer};
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

// As the programs have it.
#[global_allocator]
static ALLOCATOR: dytb::commands::MiMalloc = dytb::commands::MiMalloc;

const IMAGES: usize = 16_384;
const CLASSES: usize = 10;
const WARM_UP: usize = 6;
const REPEATS: usize = 3;

#[derive(Parser)]
struct Args {
    /// A file of models/
    #[arg(long, default_value = "SingleLayerCAE")]
    model: String,
    /// Height x width x channels
    #[arg(long, default_value = "28x28x1")]
    shape: String,
    #[arg(long, default_value_t = 128)]
    batch: usize,
    /// Steps a repeat
    #[arg(long, default_value_t = 50)]
    steps: usize,
    /// Forward and error only
    #[arg(long)]
    infer: bool,
    /// cpu, or a GPU, as cuda:0
    #[arg(long, default_value = "cpu")]
    device: DeviceName,
    /// Of the vector units that this processor has: Plain, Avx2, Avx512, Neon [default: the widest]
    #[arg(long, value_parser = simd_level)]
    simd: Option<SimdLevel>,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// The level of this name.
fn simd_level(name: &str) -> Result<SimdLevel, String> {
    let levels = SimdLevel::available();
    let level = levels.iter().find(|level| format!("{level:?}") == name);
    level.copied().ok_or_else(|| format!("this processor has {levels:?}"))
}

impl Args {
    /// `[channels, height, width]`.
    fn shape(&self) -> [usize; 3] {
        let sizes: Vec<_> = self.shape.split('x').map(|size| size.parse().unwrap()).collect();
        let [height, width, channels] = sizes[..] else { panic!("`--shape 28x28x1`") };
        [channels, height, width]
    }

    fn model(&self, device: &Device) -> AnyModel {
        let (_, model) = MODELS.iter().find(|(name, _)| *name == self.model).expect("a model");
        AnyModel::new(*model, self.shape(), CLASSES, &mut Initializer::new(1, device)).unwrap()
    }
}

fn main() {
    let args = Args::parse();
    if let Some(level) = args.simd {
        level.prefer().expect("nothing has run yet");
    }
    // As the trainer does.
    let (mut rates, parameters) =
        rayon::scope(|_| if args.infer { infer(&args) } else { train(&args) });
    rates.sort_by(f64::total_cmp);
    let json = serde_json::json!({
        "peer": "dytb", "version": env!("CARGO_PKG_VERSION"), "variant": args.device.to_string(),
        "model": args.model, "parameters": parameters, "mode": if args.infer { "infer" } else { "train" },
        "shape": args.shape, "batch": args.batch,
        "threads": rayon::current_num_threads(), "steps": args.steps,
        "images_per_s": rates[REPEATS / 2].round(),
        "images_per_s_min": rates[0].round(), "images_per_s_max": rates[REPEATS - 1].round(),
        "peak_rss_mb": peak_memory(),
    });
    println!("{json}");
}

fn loader(shape: [usize; 3], device: &Device, images: usize) -> DataLoader {
    let mut pixels = vec![0; images * shape.iter().product::<usize>()];
    ChaCha8Rng::seed_from_u64(0).fill_bytes(&mut pixels);
    let labels = (0..images).map(|image| (image % CLASSES) as u32).collect();
    DataLoader::new(Examples::new(shape, pixels, labels).unwrap(), device)
}

/// Images a second of each repeat, and how many numbers are learnt.
fn train(args: &Args) -> (Vec<f64>, usize) {
    let device = args.device.find().expect("a device").autodiff();
    let loader = loader(args.shape(), &device, IMAGES);
    let adam = optim::find("AdamOptimizer").unwrap();
    let arguments = serde_json::from_str(r#"{"learning_rate": 1e-5}"#).unwrap();
    let mut updater = Updater::new(adam, &Arguments::new(adam, arguments).unwrap(), None);
    let mut model = args.model(&device);

    let mut order: Vec<_> = (0..loader.len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
    let mut batches = order.chunks_exact(args.batch).cycle();
    let mut steps = |steps| {
        for indices in batches.by_ref().take(steps) {
            let config = StepConfig { l2_penalty: 0.0, seed: 1 };
            updater.train(&mut model, &loader, Batch::plain(indices), config, 1e-5).unwrap();
        }
        device.sync().expect("the device works");
    };
    let parameters = trained(&args.model(&device));
    steps(WARM_UP);
    (repeats(args.steps * args.batch, || steps(args.steps)), parameters)
}

/// As [`train`].
fn infer(args: &Args) -> (Vec<f64>, usize) {
    let device = args.device.find().expect("a device");
    let images = args.steps * args.batch;
    let loader = loader(args.shape(), &device, images.min(IMAGES) / args.batch * args.batch);
    let model = args.model(&device);
    loss_and_predictions(&model, &loader, args.batch).unwrap();
    let times = images.div_ceil(loader.len());
    let rates = repeats(times * loader.len(), || {
        for _ in 0..times {
            loss_and_predictions(&model, &loader, args.batch).unwrap();
        }
    });
    (rates, trained(&model))
}

/// How many numbers the model learns.
fn trained(model: &AnyModel) -> usize {
    let parameters = model.network().parameters().into_iter().filter(|own| own.trained);
    parameters.map(|own| own.shape.iter().product::<usize>()).sum()
}

/// `images` a second, each time that `work` is done.
fn repeats(images: usize, mut work: impl FnMut()) -> Vec<f64> {
    let mut once = || {
        let start = Instant::now();
        work();
        images as f64 / start.elapsed().as_secs_f64()
    };
    (0..REPEATS).map(|_| once()).collect()
}

/// The most memory that the process had, in MB (2^20 bytes), as Linux counts it; 0 elsewhere.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    (kilobytes.unwrap_or(0.0) / 102.4).round() / 10.0
}

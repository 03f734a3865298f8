//! How the ranks of a run begin: what they have in common, what is refused, and where they all stand.
//!
//! Rank 0 has the run's folder. It alone [initializes](super::initialize) the run; the others are given the checkpoint
//! that it would write now, and go on from that.

use std::path::Path;

use anyhow::Result;

use super::build::build_model;
use super::exchange::Exchange;
use super::initialize::{Beginning, initialize};
use super::{Learner, TrainOptions};
use crate::device::is_cpu;
use crate::error::{Exit, Failure};
use crate::nn::Initializer;
use crate::run::{Checkpoint, DataSummary, RunConfig};

/// Fails on all ranks where one runs another program, trains another run or measures other things.
pub(super) fn refuse_differences(config: &RunConfig, options: &TrainOptions) -> Result<()> {
    let exchange = &options.exchange;
    if exchange.is_alone() {
        return Ok(());
    }
    let program = std::env::current_exe().and_then(std::fs::read);
    let program = exchange.agree(program.map_err(Into::into))?;
    exchange.refuse_difference("program", &program)?;
    let json = serde_json::to_vec(config).map_err(Into::into);
    exchange.refuse_difference("configuration", &exchange.agree(json)?)?;
    let TrainOptions { metrics, stop_after, .. } = options;
    let flags = format!("{metrics:?} {stop_after:?}");
    exchange.refuse_difference("--metrics or --stop_after", flags.as_bytes())?;
    exchange.agree(refuse_gpus(options))
}

/// Fails where a rank would compute on a GPU, or on several devices.
fn refuse_gpus(options: &TrainOptions) -> Result<()> {
    if options.train_devices.len() > 1 {
        return Err(Failure::new(Exit::Failed, "several ranks, each on several devices")
            .why("a rank computes on the processors that it may run on")
            .help("--device cpu; without mpirun one process trains on several devices")
            .into());
    }
    if options.train_devices.iter().all(is_cpu) && is_cpu(&options.eval_device) {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, "several ranks on a GPU")
        .why("a GPU takes a batch whole, and the ranks share out its parts")
        .help("--device cpu trains on the processors of all ranks; without mpirun one process trains on the GPU")
        .into())
}

/// Fails on all ranks where one has other `data`, or, there or on several devices, where the model of `config` cannot be
/// given a part of a batch.
pub(super) fn refuse_unshared(
    config: &RunConfig,
    options: &TrainOptions,
    data: &DataSummary,
) -> Result<()> {
    let exchange = &options.exchange;
    if exchange.is_alone() {
        let is_one = options.train_devices.len() == 1;
        return if is_one { Ok(()) } else { refuse_whole_batches(config, options, data) };
    }
    let json = serde_json::to_vec(data).map_err(Into::into);
    exchange.refuse_difference("data set", &exchange.agree(json)?)?;
    exchange.agree(refuse_whole_batches(config, options, data))
}

/// Fails where a step of the model of `config` is no sum over microbatches.
fn refuse_whole_batches(
    config: &RunConfig,
    options: &TrainOptions,
    data: &DataSummary,
) -> Result<()> {
    let name = &config.model;
    let mut init = Initializer::new(config.seed, &options.train_devices[0].clone().autodiff());
    let model =
        build_model((name, &config.model_args), data.shape, data.class_names.len(), &mut init)?;
    let requirements = model.requirements();
    let why = if config.objective().is_of_whole_batches() {
        "--sparsity kl is of the mean activities over the batch as a whole"
    } else if requirements.seeded_device {
        "a layer of burn's draws from the device's generator, image by image"
    } else if requirements.full_batch {
        "a layer computes over the batch as a whole, as batch normalisation does its statistics"
    } else {
        return Ok(());
    };
    let (by, help) = match options.exchange.is_alone() {
        true => (format!("{} devices", options.train_devices.len()), "name one device"),
        false => (
            format!("{} ranks", options.exchange.size()),
            "train it without mpirun: one process uses all processors of a machine",
        ),
    };
    let what = format!("{name} cannot be trained by {by}");
    Err(Failure::new(Exit::Failed, what).why(why).help(help).into())
}

/// The run `config` on `data` where it stands, on all ranks; its folder, at `path`, is the first one's.
pub(super) fn begin(
    config: &RunConfig,
    options: &TrainOptions,
    path: &Path,
    data: &DataSummary,
) -> Result<Beginning> {
    let exchange = &options.exchange;
    let first = || initialize(config, options, path, data);
    let first = exchange.agree(exchange.is_first().then(first).transpose())?;
    if exchange.is_alone()
        && let Some(beginning) = first
    {
        return Ok(beginning);
    }
    let checkpoint = first.as_ref().map(|first| {
        let parameters = first.learner.parameters()?;
        Ok(first.learner.checkpoint(parameters, &first.state, &Exchange::Alone)?.0)
    });
    let checkpoint = checkpoint_of_first(exchange, checkpoint.transpose())?;
    let beginning = match first {
        Some(beginning) => Ok(beginning),
        None => follow(config, options, path, data, checkpoint),
    };
    exchange.agree(beginning)
}

/// A rank without the run's folder, where the first one stands at `checkpoint`.
fn follow(
    config: &RunConfig,
    options: &TrainOptions,
    path: &Path,
    data: &DataSummary,
    checkpoint: Checkpoint,
) -> Result<Beginning> {
    let mut learner = Learner::new(config, data, &options.train_devices[0], &options.eval_device)?;
    let state = learner.resume(checkpoint, path, config, data)?;
    Ok(Beginning { folder: None, learner, state })
}

/// The first rank's `checkpoint`; the others have none.
///
/// # Errors
/// On all ranks, when that is an error.
pub(super) fn checkpoint_of_first(
    exchange: &Exchange,
    checkpoint: Result<Option<Checkpoint>>,
) -> Result<Checkpoint> {
    let checkpoint = match exchange.agree(checkpoint)? {
        Some(checkpoint) if exchange.is_alone() => return Ok(checkpoint),
        checkpoint => checkpoint,
    };
    let bytes = checkpoint.as_ref().map_or(Ok(Vec::new()), Checkpoint::to_bytes);
    let bytes = exchange.of_first(exchange.agree(bytes)?);
    match checkpoint {
        Some(checkpoint) => Ok(checkpoint),
        None => Checkpoint::from_bytes(&bytes),
    }
}

//! The program `dytb`: its commands.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use super::evaluate::Evaluate;
use super::sweep::Sweep;
use super::train::TrainArgs;
use super::{Compare, Data, Embed, Export, LatentArgs, Predict, Reconstruct, output, values};
use crate::models::MODELS;
use crate::util::atomic_file::write_atomically;

/// Dynamic Training Bench: train small image models, compare the runs, see what the models do.
///
/// `dytb train --model LeNet --dataset Digits` trains; `tensorboard --logdir log` watches; `dytb compare` tells
/// the runs apart.
#[derive(Parser, Clone, Debug)]
#[command(name = "dytb", version, propagate_version = true)]
pub struct Dytb {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    Train(Box<Train>),
    Evaluate(Box<Evaluate>),
    Sweep(Box<Sweep>),
    Compare(Compare),
    Reconstruct(Box<Reconstruct>),
    Predict(Predict),
    Embed(Box<Embed>),
    Latent(Box<LatentArgs>),
    Export(Export),
    Data(Box<Data>),
    Completions(Completions),
    Man(Man),
}

/// Train a model of models/ on a data set of inputs/.
///
/// The same command run again continues from the run's last checkpoint. An autoencoder's error is half the
/// mean squared error over all pixels, which are in [-1, 1].
#[derive(Parser, Clone, Debug)]
struct Train {
    /// Model to train, one of models/
    #[arg(long, alias = "arch", value_parser = values::names(MODELS), value_name = "NAME", required_unless_present = "config")]
    model: Option<String>,
    #[command(flatten)]
    args: TrainArgs,
}

/// Print a completion script for a shell.
///
/// bash: `dytb completions bash > ~/.local/share/bash-completion/completions/dytb`
#[derive(Parser, Clone, Debug)]
struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Write the man pages, one for each command.
#[derive(Parser, Clone, Debug)]
struct Man {
    /// Folder to write to, as ~/.local/share/man/man1
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Dytb {
    /// Runs the command.
    ///
    /// # Errors
    /// Those of the command.
    pub fn run(&self) -> Result<()> {
        match &self.command {
            Command::Train(train) => train.args.train(None, train.model.as_deref()),
            Command::Evaluate(evaluate) => evaluate.run(),
            Command::Sweep(sweep) => sweep.run(),
            Command::Compare(compare) => compare.run(),
            Command::Reconstruct(reconstruct) => reconstruct.run(),
            Command::Predict(predict) => predict.run(),
            Command::Embed(embed) => embed.run(),
            Command::Latent(latent) => latent.run(),
            Command::Export(export) => export.run(),
            Command::Data(data) => data.run(),
            Command::Completions(Completions { shell }) => completions(*shell),
            Command::Man(man) => man.write(),
        }
    }
}

fn completions(shell: Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Dytb::command(), "dytb", &mut script);
    output::print(String::from_utf8(script)?.trim_end())
}

impl Man {
    fn write(&self) -> Result<()> {
        let folder = &self.folder;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        let mut program = Dytb::command().disable_help_subcommand(true);
        program.build();
        let commands = program.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
        let pages = [program.clone()].into_iter().chain(commands);
        for command in pages {
            let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
            let mut page = Vec::new();
            clap_mangen::Man::new(command).title(&name).render(&mut page)?;
            let path = folder.join(format!("{name}.1"));
            write_atomically(&path, &page)?;
            output::print(&format!("written: {}", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// clap's own check of all flags: no name twice, no conflict with what is not there.
    #[test]
    fn the_flags_of_all_commands_fit_together() {
        Dytb::command().debug_assert();
    }
}

//! The command line of `latent`.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use super::neighbours::{self, Among};
use super::pairs::{self, Choice};
use super::pictures::{self, Sight};
use super::report::Report;
use crate::commands::run_args::{RunArgs, SplitArgs, SplitName};
use crate::commands::{SourceArgs, output, values};
use crate::data::Split;
use crate::device::DeviceName;
use crate::error::{Exit, Failure};
use crate::inputs::INPUTS;
use crate::run::RunFolder;
use crate::train::Explorer;
use crate::util::atomic_file::write_atomically;
use crate::util::stderr::message;

/// Draw what is in the code of a trained autoencoder.
///
/// Of models with a code of a few numbers, as ConvAE, VAE and VQVAE. interpolation.png has images between two,
/// traversal.png what each number of the code does, samples.png images of codes that are drawn, neighbours.png the
/// images whose codes are the nearest (with their distances in neighbours.csv).
#[derive(Parser, Clone, Debug)]
#[command(name = "latent", version)]
pub struct LatentArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Numbers of the images that interpolations begin with (0 is the first of the split), separated by commas; the
    /// first one is also the traversal's [default: eight that --seed draws]
    #[arg(long, value_delimiter = ',', value_parser = values::index, allow_negative_numbers = true, requires = "to", value_name = "N,...")]
    from: Option<Vec<usize>>,
    /// Numbers of the images that they end with, as many
    #[arg(long, value_delimiter = ',', value_parser = values::index, allow_negative_numbers = true, requires = "from", value_name = "N,...")]
    to: Option<Vec<usize>>,
    /// Images from one to the other, both included
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u8).range(2..=33), allow_negative_numbers = true, value_name = "N")]
    steps: u8,
    /// Part of the data set whose images are searched for the nearest codes [default: that of --split]
    #[arg(long, value_enum, value_name = "NAME")]
    among: Option<SplitName>,
    /// Seed of the choice of images and of the samples
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Data set of the images: a file of inputs/ [default: the one that it was trained on]
    #[arg(long, value_parser = values::names(INPUTS), value_name = "NAME")]
    dataset: Option<String>,
    #[command(flatten)]
    split: SplitArgs,
    /// Folder that the files are written to [default: latent in the run's folder]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Device that computes: /gpu:N, /cpu:0, cuda:N, wgpu:N or cpu [default: /gpu:0 where there is one]
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceName>,
    #[command(flatten)]
    source: SourceArgs,
    /// Print the choice of images, the neighbours and the files as JSON
    #[arg(long)]
    json: bool,
}

impl LatentArgs {
    /// Writes the pictures, and prints which images they show and how far neighbours are.
    ///
    /// # Errors
    /// When there is no such checkpoint, its model has no code, the images cannot be had, or a file cannot be written.
    pub fn run(&self) -> Result<()> {
        let device = DeviceName::resolve_or_best(self.device)?;
        let explorer = Explorer::open(&self.run.path(), &device)?;
        let split = self.split.split();
        let source = self.source.source();
        let album = explorer.split(self.dataset.as_deref(), split, &source)?;
        let choice = match (&self.from, &self.to) {
            (Some(from), Some(to)) => Choice::Numbers { from, to },
            _ => Choice::Seed(self.seed),
        };
        let pairs = pairs::choose(&choice, &album)?;
        let folder = self.folder(&explorer);
        // Before the work: it may be a file, or where nothing can be written.
        fs::create_dir_all(&folder).map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot make the folder `{}`", folder.display()))
                .why(error.to_string())
                .help("name another folder: --output DIR")
        })?;
        let codes = explorer.codes(&album.examples)?;

        let sight = Sight { explorer: &explorer, album: &album, codes: &codes, split };
        let steps = usize::from(self.steps);
        let mut files =
            vec![("interpolation.png", pictures::interpolation(&sight, &pairs, steps)?)];
        let first = pairs.first().map_or(0, |(from, _)| *from);
        let traversal = pictures::traversal(&sight, first, steps)?;
        let left_out = traversal.is_none().then(|| pictures::why_no_traversal(&explorer));
        files.extend(traversal.map(|picture| ("traversal.png", picture)));
        files.push(("samples.png", pictures::samples(&sight, self.seed)?));
        let among = self.among(&explorer, split, &sight)?;
        let found = neighbours::find(&sight, &among, &pairs);
        files.push(("neighbours.png", neighbours::draw(&sight, &among, &found)?));
        files.push(("neighbours.csv", neighbours::csv(&sight, &among, &found).into_bytes()));

        let mut written = Vec::new();
        for (name, bytes) in files {
            let path = folder.join(name);
            write_atomically(&path, &bytes)?;
            written.push(path);
        }
        if let Some(why) = left_out {
            message(&format!("note: traversal.png is left out: {why}"));
        }
        let report = Report { sight: &sight, pairs: &pairs, among: &among, found: &found };
        output::print(&match self.json {
            true => report.as_json(&written),
            false => report.as_text(&written),
        })
    }

    /// The images that are searched, where they are not those that are looked at.
    fn among(&self, explorer: &Explorer, split: Split, sight: &Sight) -> Result<Among> {
        let wanted = self.among.map_or(split, Split::from);
        if wanted == split {
            let (album, codes) = (sight.album.clone(), sight.codes.clone());
            return Ok(Among { album, codes, split, is_own: true });
        }
        let album = explorer.split(self.dataset.as_deref(), wanted, &self.source.source())?;
        let codes = explorer.codes(&album.examples)?;
        Ok(Among { album, codes, split: wanted, is_own: false })
    }

    /// The folder of the files.
    fn folder(&self, explorer: &Explorer) -> PathBuf {
        if let Some(folder) = &self.output {
            return folder.clone();
        }
        let named = Some(self.run.path());
        let run = named.filter(|path| RunFolder::is_run(path));
        let run = run.or_else(|| explorer.run().filter(|path| RunFolder::is_run(path)));
        run.unwrap_or_default().join("latent")
    }
}

//! The metadata of a run for TensorBoard, written when it begins: its command and configuration as
//! a text, a row of the HParams table, charts with training and validation together, and the graph of
//! its model.

use anyhow::Result;
use serde_json::{Map, Value};
use tensorboard_proto::event::Event_oneof_what as What;

use crate::nn::Kind;
use crate::nn::Operation;
use crate::run::RunConfig;
use crate::tensorboard::plugin_summaries::{custom_scalars, session_end, session_start, text};
use crate::tensorboard::{EventWriter, graph, now};

/// What is known of a run when it begins.
pub(super) struct RunMetadata<'a> {
    /// The command line that trains it.
    pub command: &'a str,
    /// Its configuration.
    pub config: &'a RunConfig,
    /// What its model is trained for.
    pub kind: Kind,
    /// `[channels, height, width]` of its images.
    pub shape: [usize; 3],
    /// What its model does in a forward pass.
    pub operations: &'a [Operation],
}

impl RunMetadata<'_> {
    /// Writes all of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, writer: &mut EventWriter) -> Result<()> {
        let flags = self.config.flags();
        let text_card = markdown(self.command, &flags);
        writer.write(0, What::summary(text("run", &text_card)?))?;
        writer
            .write(0, What::summary(custom_scalars("training and validation", self.charts())?))?;
        // Runs of several seeds and folds are one row, which the table averages.
        let parameters = flags.iter().map(|(name, value)| (name.as_str(), value));
        let parameters = parameters.filter(|(name, _)| !["seed", "fold"].contains(name));
        let group = self.config.group_id();
        writer.write(0, What::summary(session_start(parameters, &group, now())?))?;
        let optimizer = &self.config.optimizer;
        let graph = graph(self.kind, self.shape, self.operations, optimizer)?;
        writer.write(0, What::graph_def(graph))?;
        Ok(writer.flush()?)
    }

    /// Titles and tags; a chart shows a tag of all the runs that are chosen.
    fn charts(&self) -> &'static [(&'static str, &'static [&'static str])] {
        match self.kind {
            Kind::Autoencoder => {
                &[("error", &["^error$"]), ("learning rate", &["^learning_rate$"])]
            }
            Kind::Classifier => &[
                ("accuracy", &["^accuracy$"]),
                ("loss", &["^loss$"]),
                ("learning rate", &["^learning_rate$"]),
            ],
        }
    }
}

/// Says that the run has ended, and whether well.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_end(writer: &mut EventWriter, success: bool) -> Result<()> {
    writer.write(0, What::summary(session_end(success, now())?))?;
    Ok(writer.flush()?)
}

/// A command and a table of flags.
fn markdown(command: &str, flags: &Map<String, Value>) -> String {
    let mut text = format!("    {command}\n\n| | |\n|---|---|\n");
    for (name, value) in flags {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text += &format!("| {name} | {} |\n", value.replace('|', "\\|"));
    }
    text
}

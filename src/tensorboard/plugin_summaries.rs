//! Summaries for TensorBoard's tabs other than those of numbers, pictures and histograms: Text,
//! Custom Scalars and HParams. Each is a tensor whose metadata name the plugin that reads it.
//!
//! Sources: `tensorboard/plugins/text/summary_v2.py`, `custom_scalar/summary.py` and
//! `hparams/summary_v2.py`, `hparams/metadata.py`.

use std::collections::HashMap;

use protobuf::well_known_types::Value as Parameter;
use protobuf::{Message, ProtobufError, RepeatedField};
use serde_json::Value;
use tensorboard_proto::api::Status;
use tensorboard_proto::layout::{
    Category, Chart, Layout, MarginChartContent, MarginChartContent_Series, MultilineChartContent,
};
use tensorboard_proto::plugin_hparams::{HParamsPluginData, SessionEndInfo, SessionStartInfo};
use tensorboard_proto::plugin_text::TextPluginData;
use tensorboard_proto::summary::{
    Summary, Summary_Value, SummaryMetadata, SummaryMetadata_PluginData,
};
use tensorboard_proto::tensor::TensorProto;
use tensorboard_proto::tensor_shape::TensorShapeProto;
use tensorboard_proto::types::DataType;

/// A text in Markdown.
///
/// # Errors
/// When it cannot be encoded.
pub fn text(tag: &str, markdown: &str) -> Result<Summary, ProtobufError> {
    let data = TextPluginData::new().write_to_bytes()?;
    Ok(summary(tag, "text", data, strings(markdown.as_bytes())))
}

/// Charts of several curves each: `(title, regular expressions of tags)`, under the heading
/// `category`. A chart has a curve for each run and tag.
///
/// # Errors
/// When they cannot be encoded.
pub fn custom_scalars(
    category: &str,
    charts: &[(&str, &[&str])],
) -> Result<Summary, ProtobufError> {
    let charts = charts.iter().map(|(title, tags)| {
        let mut curves = MultilineChartContent::new();
        curves.set_tag(tags.iter().map(|&tag| tag.to_owned()).collect());
        let mut chart = Chart::new();
        chart.set_title((*title).to_owned());
        chart.set_multiline(curves);
        chart
    });
    layout(category, charts.collect())
}

/// Charts of one curve each with a margin around it: `(title, tags of the value and of its lower and upper
/// bound)`, under the heading `category`.
///
/// # Errors
/// When they cannot be encoded.
pub fn margin_charts(
    category: &str,
    charts: &[(&str, [&str; 3])],
) -> Result<Summary, ProtobufError> {
    let charts = charts.iter().map(|(title, [value, lower, upper])| {
        let mut series = MarginChartContent_Series::new();
        series.set_value((*value).to_owned());
        series.set_lower((*lower).to_owned());
        series.set_upper((*upper).to_owned());
        let mut content = MarginChartContent::new();
        content.mut_series().push(series);
        let mut chart = Chart::new();
        chart.set_title((*title).to_owned());
        chart.set_margin(content);
        chart
    });
    layout(category, charts.collect())
}

/// `charts` under the heading `category`.
fn layout(category: &str, charts: RepeatedField<Chart>) -> Result<Summary, ProtobufError> {
    let mut heading = Category::new();
    heading.set_title(category.to_owned());
    heading.set_chart(charts);
    let mut layout = Layout::new();
    layout.mut_category().push(heading);
    let layout = strings(&layout.write_to_bytes()?);
    Ok(summary("custom_scalars__config__", "custom_scalars", Vec::new(), layout))
}

/// A row of the HParams table: numbers, texts and truth values by name, the group of rows that the table
/// averages, and when the run began, in seconds since 1970. The table finds the metrics by itself: they are the scalars of the same folder
/// and of those in it.
///
/// # Errors
/// When it cannot be encoded.
pub fn session_start<'a>(
    parameters: impl IntoIterator<Item = (&'a str, &'a Value)>,
    group: &str,
    start: f64,
) -> Result<Summary, ProtobufError> {
    let parameters =
        parameters.into_iter().map(|(name, value)| (name.to_owned(), parameter(value)));
    let mut session = SessionStartInfo::new();
    session.set_hparams(parameters.collect::<HashMap<_, _>>());
    session.set_group_name(group.to_owned());
    session.set_start_time_secs(start);
    let mut data = HParamsPluginData::new();
    data.set_session_start_info(session);
    hparams("_hparams_/session_start_info", &data)
}

/// Says that the run of the row ended, and whether well, in seconds since 1970.
///
/// # Errors
/// When it cannot be encoded.
pub fn session_end(success: bool, end: f64) -> Result<Summary, ProtobufError> {
    let mut session = SessionEndInfo::new();
    session.set_status(if success { Status::STATUS_SUCCESS } else { Status::STATUS_FAILURE });
    session.set_end_time_secs(end);
    let mut data = HParamsPluginData::new();
    data.set_session_end_info(session);
    hparams("_hparams_/session_end_info", &data)
}

fn hparams(tag: &str, data: &HParamsPluginData) -> Result<Summary, ProtobufError> {
    // TensorBoard wants a value beside the metadata, whatever it is.
    let mut nothing = TensorProto::new();
    nothing.set_dtype(DataType::DT_FLOAT);
    nothing.set_tensor_shape(TensorShapeProto::new());
    nothing.set_float_val(vec![0.0]);
    Ok(summary(tag, "hparams", data.write_to_bytes()?, nothing))
}

/// A number, a truth value, or else a text; null is the text "none".
fn parameter(value: &Value) -> Parameter {
    let mut parameter = Parameter::new();
    match value {
        Value::Bool(value) => parameter.set_bool_value(*value),
        Value::Number(value) => parameter.set_number_value(value.as_f64().unwrap_or(f64::NAN)),
        Value::String(value) => parameter.set_string_value(value.clone()),
        Value::Null => parameter.set_string_value("none".into()),
        other => parameter.set_string_value(other.to_string()),
    }
    parameter
}

/// A tensor of one string.
fn strings(bytes: &[u8]) -> TensorProto {
    let mut tensor = TensorProto::new();
    tensor.set_dtype(DataType::DT_STRING);
    tensor.set_tensor_shape(TensorShapeProto::new());
    tensor.set_string_val(RepeatedField::from_vec(vec![bytes.to_vec()]));
    tensor
}

fn summary(tag: &str, plugin: &str, content: Vec<u8>, tensor: TensorProto) -> Summary {
    let mut data = SummaryMetadata_PluginData::new();
    data.set_plugin_name(plugin.to_owned());
    data.set_content(content);
    let mut metadata = SummaryMetadata::new();
    metadata.set_plugin_data(data);
    let mut value = Summary_Value::new();
    value.set_tag(tag.to_owned());
    value.set_metadata(metadata);
    value.set_tensor(tensor);
    let mut summary = Summary::new();
    summary.mut_value().push(value);
    summary
}

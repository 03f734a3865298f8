//! Models by name, built for images of some shape.

use anyhow::Result;

use super::AnyModel;
use crate::error::{Exit, Failure};
use crate::nn::{Initializer, Kind, ModelArguments, Operation};
use crate::registry;

/// The model `name` with these arguments, for images of `shape` `[channels, height, width]` and `classes` classes.
///
/// # Errors
/// When there is none of that name, it has not these arguments, the images do not suit it, or it is a classifier of one class.
pub fn build_model(
    (name, arguments): (&str, &ModelArguments),
    shape: [usize; 3],
    classes: usize,
    init: &mut Initializer,
) -> Result<AnyModel> {
    let model = registry::model(name)?;
    // A file may say anything of them.
    let arguments = ModelArguments::of(name, model.arguments(), &arguments.as_given())?;
    if model.kind() == Kind::Classifier && classes < 2 {
        // It would be right in all cases, and have learnt nothing.
        return Err(Failure::new(
            Exit::Usage,
            format!("{name} tells classes apart, and there is only one"),
        )
        .why("a classifier needs two classes or more")
        .help(
            "name more of them with `--classes`, or a data set with more; pictures of your own \
                     need a folder for each class (`--dataset ImageFolder`)",
        )
        .into());
    }
    AnyModel::with_arguments(model, &arguments, shape, classes, init)
}

/// [`build_model`] for evaluation, on a device without autodiff, and what its layers do with an image.
///
/// # Errors
/// As [`build_model`], and when its output has not the shape that it should have.
pub fn build_probed_model(
    (name, arguments): (&str, &ModelArguments),
    shape: [usize; 3],
    classes: usize,
    init: &mut Initializer,
) -> Result<(AnyModel, Vec<Operation>)> {
    let device = init.device().clone();
    let mut model = build_model((name, arguments), shape, classes, init)?;
    let operations = model.probe(name, shape, classes, &device)?;
    Ok((model, operations))
}

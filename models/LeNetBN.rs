//! [`LeNet`] with batch normalisation before each ReLU.
//!
//! Source: Dynamic Training Bench's `models/LeNetBN.py`.

use dytb::Model;
use dytb::models::LeNet;
use dytb::nn::layers::Regularizer;

/// [`LeNet`], normalised.
pub type LeNetBN = LeNet;

/// `--model LeNetBN`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    Ok(Box::new(LeNetBN::new(shape, classes, Regularizer::BatchNorm, init)?))
});

//! [`LeNet`] with inverted dropout; neurons are kept with probability 0.7 after the first
//! convolution, 0.6 after the second, 0.5 after the hidden layer.
//!
//! Source: Dynamic Training Bench's `models/LeNetDropout.py`.

use dytb::Model;
use dytb::models::LeNet;
use dytb::nn::layers::{Dropout, Regularizer};

/// [`LeNet`] that drops neurons.
pub type LeNetDropout = LeNet;

/// `--model LeNetDropout`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    let dropout = Regularizer::Dropout(Dropout::Inverted);
    Ok(Box::new(LeNetDropout::new(shape, classes, dropout, init)?))
});

//! [`LeNet`] with the paper's dropout, which scales in evaluation; neurons are kept with probability
//! 0.7 after the first convolution, 0.6 after the second, 0.5 after the hidden layer.
//!
//! Source: Dynamic Training Bench's `models/LeNetDirectDropout.py`.

use dytb::Model;
use dytb::models::LeNet;
use dytb::nn::layers::{Dropout, Regularizer};

/// [`LeNet`] that drops neurons.
pub type LeNetDirectDropout = LeNet;

/// `--model LeNetDirectDropout`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    let dropout = Regularizer::Dropout(Dropout::Direct);
    Ok(Box::new(LeNetDirectDropout::new(shape, classes, dropout, init)?))
});

//! [`LeNet`] with dropout scaled in evaluation by how probable the expected number of kept neurons
//! is; neurons are kept with probability 0.7 after the first convolution, 0.6 after the second, 0.5
//! after the hidden layer.
//!
//! Source: Dynamic Training Bench's `models/LeNetDirectBinomialDropout.py`.

use dytb::Model;
use dytb::models::LeNet;
use dytb::nn::layers::{Dropout, Regularizer};

/// [`LeNet`] that drops neurons.
pub type LeNetDirectBinomialDropout = LeNet;

/// `--model LeNetDirectBinomialDropout`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    let dropout = Regularizer::Dropout(Dropout::DirectBinomial);
    Ok(Box::new(LeNetDirectBinomialDropout::new(shape, classes, dropout, init)?))
});

//! [`LeNet`] with dropout scaled by how probable the number of kept neurons was; neurons are kept
//! with probability 0.7 after the first convolution, 0.6 after the second, 0.5 after the hidden
//! layer.
//!
//! Source: Dynamic Training Bench's `models/LeNetBinomialDropout.py`.

use dytb::Model;
use dytb::models::LeNet;
use dytb::nn::layers::{Dropout, Regularizer};

/// [`LeNet`] that drops neurons.
pub type LeNetBinomialDropout = LeNet;

/// `--model LeNetBinomialDropout`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    let dropout = Regularizer::Dropout(Dropout::Binomial);
    Ok(Box::new(LeNetBinomialDropout::new(shape, classes, dropout, init)?))
});

//! [`VGG`] with dropout scaled in evaluation by how probable the expected number of kept neurons is;
//! neurons are kept with probability 0.7 after the first convolution, 0.6 after the others, 0.5
//! after the hidden layer.
//!
//! Source: Dynamic Training Bench's `models/VGGDirectBinomialDropout.py`.

use dytb::Model;
use dytb::models::VGG;
use dytb::nn::layers::{Dropout, Regularizer};

/// [`VGG`] that drops neurons.
pub type VGGDirectBinomialDropout = VGG;

/// `--model VGGDirectBinomialDropout`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    let dropout = Regularizer::Dropout(Dropout::DirectBinomial);
    Ok(Box::new(VGGDirectBinomialDropout::new(shape, classes, dropout, init)?))
});

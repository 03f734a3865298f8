//! [`VGG`] with dropout scaled by how probable the number of kept neurons was; neurons are kept with
//! probability 0.7 after the first convolution, 0.6 after the others, 0.5 after the hidden layer.
//!
//! Source: Dynamic Training Bench's `models/VGGBinomialDropout.py`.

use dytb::Model;
use dytb::models::VGG;
use dytb::nn::layers::{Dropout, Regularizer};

/// [`VGG`] that drops neurons.
pub type VGGBinomialDropout = VGG;

/// `--model VGGBinomialDropout`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    let dropout = Regularizer::Dropout(Dropout::Binomial);
    Ok(Box::new(VGGBinomialDropout::new(shape, classes, dropout, init)?))
});

//! [`VGG`] with the paper's dropout, which scales in evaluation; neurons are kept with probability
//! 0.7 after the first convolution, 0.6 after the others, 0.5 after the hidden layer.
//!
//! Source: Dynamic Training Bench's `models/VGGDirectDropout.py`.

use dytb::Model;
use dytb::models::VGG;
use dytb::nn::layers::{Dropout, Regularizer};

/// [`VGG`] that drops neurons.
pub type VGGDirectDropout = VGG;

/// `--model VGGDirectDropout`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    let dropout = Regularizer::Dropout(Dropout::Direct);
    Ok(Box::new(VGGDirectDropout::new(shape, classes, dropout, init)?))
});

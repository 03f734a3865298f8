//! [`VGG`] with batch normalisation before each ReLU.
//!
//! Source: Dynamic Training Bench's `models/VGGBN.py`.

use dytb::Model;
use dytb::models::VGG;
use dytb::nn::layers::Regularizer;

/// [`VGG`], normalised.
pub type VGGBN = VGG;

/// `--model VGGBN`
pub const MODEL: Model = Model::Classifier(|shape, classes, init| {
    Ok(Box::new(VGGBN::new(shape, classes, Regularizer::BatchNorm, init)?))
});

//! The layers that models are made of. Each initialises itself as TensorFlow's counterpart in
//! Dynamic Training Bench did, penalises its own weights and shows itself in TensorBoard, so that
//! a file of `models/` holds nothing but the model.

mod conv;

pub use conv::{Conv, ConvConfig};

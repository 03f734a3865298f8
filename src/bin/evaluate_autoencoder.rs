//! The error of a trained autoencoder: `dytb evaluate` for autoencoders.

dytb::program!(EvaluateAutoencoder);

//! Trains one of the autoencoders of `models/` on one of the data sets of `inputs/`: `dytb train` for autoencoders.

dytb::program!(TrainAutoencoder);

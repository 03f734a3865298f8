//! Trains one of the classifiers of `models/` on one of the data sets of `inputs/`: `dytb train` for classifiers.

dytb::program!(TrainClassifier);

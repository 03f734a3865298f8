//! The accuracy of a trained classifier: `dytb evaluate` for classifiers.

dytb::program!(EvaluateClassifier);

"""What `src/metrics/representation.rs` is held against: scikit-learn's classifiers on vectors that tell classes more
or less, fitted on the rows at even places and asked about the others.

    python representation.py        # writes representation.json.gz
"""

import gzip
import json

import numpy as np
import sklearn
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier


def case(name, vectors, labels):
    x, y = vectors.astype(np.float32).astype(np.float64), labels
    neighbours = KNeighborsClassifier(5, algorithm="brute").fit(x[::2], y[::2])
    probe = RidgeClassifier(alpha=1.0, solver="svd").fit(x[::2], y[::2])
    return {
        "name": name,
        "values": x.shape[1],
        "vectors": x.flatten().tolist(),
        "labels": y.tolist(),
        "neighbours": neighbours.score(x[1::2], y[1::2]),
        "probe": probe.score(x[1::2], y[1::2]),
    }


def main():
    rng = np.random.default_rng(3)

    def drawn(name, count, values, classes, spread, missing=None):
        labels = rng.integers(0, classes, count)
        if missing is not None:
            labels[labels == missing] = 0
        centres = rng.normal(0, 1, (classes, values))
        return case(name, np.round(centres[labels] + rng.normal(0, spread, (count, values)), 3), labels)

    cases = [
        drawn("fewer values than vectors", 121, 4, 3, 1.0),
        drawn("more values than vectors", 60, 90, 4, 4.0),
        drawn("two classes", 81, 5, 2, 1.5),
        drawn("a class that does not occur", 100, 6, 4, 1.5, missing=2),
        drawn("nothing told", 100, 3, 3, 1000.0),
    ]
    golden = {"source": f"scikit-learn {sklearn.__version__}", "cases": cases}
    with open("representation.json.gz", "wb") as file:
        file.write(gzip.compress(json.dumps(golden).encode(), 9, mtime=0))


if __name__ == "__main__":
    main()

"""What `src/metrics/ranking.rs` is held against: scikit-learn and NumPy on scores with and without ties.

    python ranking.py        # writes ranking.json.gz
"""

import gzip
import json

import numpy as np
import sklearn
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve


def case(name, scores, odd):
    scores, odd = np.asarray(scores, dtype=np.float64), np.asarray(odd, dtype=bool)
    precision, recall, thresholds = precision_recall_curve(odd, scores)
    with np.errstate(invalid="ignore"):
        f1 = np.nan_to_num(2 * precision * recall / (precision + recall))
    wrong, right, _ = roc_curve(odd, scores, drop_intermediate=False)
    return {
        "name": name,
        "scores": scores.tolist(),
        "odd": odd.tolist(),
        "auroc": roc_auc_score(odd, scores),
        "average_precision": average_precision_score(odd, scores),
        "best_f1": f1.max(),
        "best_f1_at": thresholds[np.flatnonzero(f1[:-1] >= f1.max() - 1e-12).max()],
        "roc": np.stack([wrong, right], axis=1).tolist(),
        "quantiles": [[q, np.quantile(scores, q, method="inverted_cdf")] for q in (0.01, 0.5, 0.9, 0.95, 1.0)],
    }


def main():
    rng = np.random.default_rng(7)
    odd = rng.random(400) < 0.3
    normal = rng.gamma(2.0, 0.01, 400)
    apart = normal + odd * rng.gamma(2.0, 0.01, 400)
    cases = [
        case("apart", apart, odd),
        case("ties", np.round(apart, 2), odd),
        case("few ties", np.round(apart, 3), odd),
        case("constant", np.full(50, 0.25), np.arange(50) < 20),
        case("labels shuffled", apart, rng.permutation(odd)),
        case("one odd", apart[:30], np.arange(30) == 11),
        case("one normal", apart[:30], np.arange(30) != 11),
        case("perfect", np.arange(20.0), np.arange(20) >= 12),
        case("the wrong way round", -np.arange(20.0), np.arange(20) >= 12),
        case("zeros of both signs", [0.0, -0.0, 0.0, -0.0, 1.0], [True, False, False, True, True]),
        case("huge and tiny", [1e-300, 1e300, 5e-324, 1.0, 1e300], [False, True, False, True, False]),
    ]
    golden = {"source": f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}", "cases": cases}
    with open("ranking.json.gz", "wb") as file:
        file.write(gzip.compress(json.dumps(golden).encode(), 9, mtime=0))


if __name__ == "__main__":
    main()

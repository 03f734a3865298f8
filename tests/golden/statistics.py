"""The values of statistics.json.gz, as SciPy, statsmodels and NumPy print them.

    pip install numpy scipy statsmodels
    python tests/golden/statistics.py       # writes statistics.json.gz beside this file

Each entry has its inputs, the expected numbers and in `source` program, version and function. Inputs are
rounded before use, so that the file and the programs have the same 64 bits.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import scipy
import statsmodels
from scipy.stats import binomtest, permutation_test, spearmanr
from statsmodels.stats.multitest import multipletests

NUMPY = f"numpy {np.__version__}"
SCIPY = f"scipy {scipy.__version__}"
STATSMODELS = f"statsmodels {statsmodels.__version__}"


def summary(values):
    return {"values": values, "mean": float(np.mean(values)), "standard_deviation": float(np.std(values, ddof=1)),
            "median": float(np.median(values)), "least": float(np.min(values)), "most": float(np.max(values)),
            "source": f"{NUMPY} mean, std ddof=1, median, min, max"}


def sign_flip(differences):
    test = permutation_test((np.array(differences),), np.sum, permutation_type="samples",
                            alternative="two-sided", n_resamples=np.inf)
    assert len(test.null_distribution) == 2 ** len(differences)  # All of them: exact.
    return {"differences": differences, "p": float(test.pvalue),
            "source": f"{SCIPY} permutation_test permutation_type=samples, alternative=two-sided, exact"}


def mcnemar(first, second):
    return {"only_first_right": first, "only_second_right": second,
            "p": float(binomtest(first, first + second, 0.5).pvalue), "source": f"{SCIPY} binomtest p=0.5"}


def holm(p):
    return {"p": p, "adjusted": multipletests(p, method="holm")[1].tolist(),
            "source": f"{STATSMODELS} multipletests method=holm"}


def spearman(x, y):
    return {"x": x, "y": y, "rho": float(spearmanr(x, y).statistic), "source": f"{SCIPY} spearmanr"}


def main():
    rng = np.random.default_rng(30)

    def normal(n, mean=0.0, digits=4):
        return rng.normal(mean, 1, n).round(digits).tolist()

    golden = {
        "source": f"{SCIPY}, {STATSMODELS}, {NUMPY}; tests/golden/statistics.py",
        "summaries": [summary(values) for values in (
            normal(2), normal(5, 0.9), normal(10, 100), normal(33), [0.25, 0.5, 0.5, 0.25], [-3.0, 1e-8, 7e5])],
        "sign_flips": [sign_flip(differences) for differences in (
            # Integers and halves where there are ties: no program's tolerance decides.
            *(normal(n, mean) for n in (2, 3, 5, 8, 12) for mean in (0.0, 0.5, 1.5)),
            [1.0, 1.0], [1.0, -1.0, 1.0], [0.5, 0.0, -0.5, 1.0, 2.0], [0.0, 0.0, 0.0, 1.0, 1.5],
            [3.0, 1.0, -2.0, 1.0, 4.0, 0.0, 2.0, -1.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [2.0, 2.0, 1.0, -1.0, 3.0, 0.0, 0.0, 5.0, -2.0, 1.0, 4.0, 1.0])],
        "mcnemars": [mcnemar(*counts) for counts in (
            (0, 1), (0, 5), (1, 0), (3, 3), (2, 9), (10, 25), (47, 30), (120, 181), (501, 640), (5000, 5300),
            (1, 200), (30, 900), (100_000, 101_000), (500_000, 501_500), (1_000_000, 1_000_001),
            (1_000_000, 995_000), (1_000_000, 970_000))],
        "holms": [holm(p) for p in (
            [0.04], [0.01, 0.04, 0.03, 0.005], [0.5, 0.5, 0.02], [0.02, 0.02, 0.02], [1.0, 0.6, 0.4, 0.0],
            rng.uniform(0, 0.1, 12).round(4).tolist())],
        "spearmans": [spearman(x, y) for x, y in (
            (normal(2), normal(2)), (normal(20), normal(20)), (normal(40, digits=0), normal(40, digits=0)),
            ([1.0, 1.0, 2.0, 3.0, 3.0, 3.0], [0.5, 0.25, 0.25, 1.0, 0.5, 2.0]),
            ([1e-4, 1e-3, 1e-2, 1e-1], [0.31, 0.72, 0.72, 0.1]))],
    }
    text = json.dumps(golden, separators=(",", ":")) + "\n"
    path = Path(__file__).with_name("statistics.json.gz")
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())


if __name__ == "__main__":
    main()

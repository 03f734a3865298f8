"""The values of metrics.json.gz, as scikit-learn, scikit-image and torchmetrics print them.

    pip install numpy scikit-learn scikit-image torch torchmetrics
    python tests/golden/metrics.py          # writes metrics.json.gz beside this file

Each expected value is {"value": ..., "source": program, version and function}. Inputs are rounded
before use, so that the file and the programs have the same 32 bits.
"""

import gzip
import json
import warnings
from pathlib import Path

import numpy as np
import scipy
import skimage.metrics
import sklearn
import torch
import torchmetrics
from scipy.special import softmax
from sklearn.metrics import (confusion_matrix, precision_recall_fscore_support, roc_auc_score,
                             top_k_accuracy_score)
from torchmetrics.functional.classification import multiclass_auroc, multiclass_calibration_error
from torchmetrics.functional.image import (peak_signal_noise_ratio,
                                           structural_similarity_index_measure)

SKLEARN = f"scikit-learn {sklearn.__version__}"
SKIMAGE = f"scikit-image {skimage.__version__}"
TORCHMETRICS = f"torchmetrics {torchmetrics.__version__} on torch {torch.__version__}"
NUMPY = f"numpy {np.__version__}"
SCIPY = f"scipy {scipy.__version__}"


def expect(value, source):
    return {"value": np.asarray(value, dtype=np.float64).tolist(), "source": source}


def plain(values):
    """float32 as the shortest decimal that reads back the same."""
    return [float(str(value)) for value in np.asarray(values, np.float32).ravel()]


def class_case(name, classes, examples, rng, digits=None, absent=()):
    labels = rng.choice([c for c in range(classes) if c not in absent], examples)
    logits = rng.normal(0, 1.5, (examples, classes)).astype(np.float32)
    logits[np.arange(examples), labels] += 1.2
    double = softmax(logits.astype(np.float64), axis=1)
    p32 = double.astype(np.float32) if digits is None else double.round(digits).astype(np.float32)
    p = p32.astype(np.float64)
    predictions = p.argmax(1)
    everyone = list(range(classes))
    case = {"name": name, "classes": classes, "labels": labels.tolist(), "probabilities": plain(p32)}
    if digits is None:
        case["logits"] = plain(logits)
        case["softmax"] = expect(double.ravel(), f"{SCIPY} softmax")

    case["top_k"] = {}
    for k in (1, 3, 5):
        if classes == 2 and k == 1:  # It wants one column, and takes class 1 where that is above 1/2.
            case["top_k"][k] = expect(top_k_accuracy_score(labels, p[:, 1], k=k),
                                      f"{SKLEARN} top_k_accuracy_score of class 1")
        elif k < classes:  # Of equal ones it takes the higher index: of reversed columns, the lower one.
            case["top_k"][k] = expect(
                top_k_accuracy_score(classes - 1 - labels, p[:, ::-1], k=k, labels=everyone),
                f"{SKLEARN} top_k_accuracy_score of reversed columns")

    case["confusion"] = confusion_matrix(labels, predictions, labels=everyone).ravel().tolist()
    scores = precision_recall_fscore_support(labels, predictions, average="macro", zero_division=0)
    case["macro"] = expect(scores[:3], f"{SKLEARN} precision_recall_fscore_support average=macro")

    both = [c for c in everyone if 0 < (labels == c).sum() < examples]
    areas = [roc_auc_score(labels == c, p[:, c]) for c in both]
    case["auroc"] = []
    if both:
        case["auroc"].append(expect(np.mean(areas), f"{SKLEARN} roc_auc_score, mean of each class's"))
    if len(both) == classes > 2 and digits is None:
        case["auroc"].append(expect(
            roc_auc_score(labels, p, multi_class="ovr", average="macro"),
            f"{SKLEARN} roc_auc_score multi_class=ovr average=macro"))
    if len(both) == classes:  # It counts a class without examples as 0.
        case["auroc"].append(expect(
            multiclass_auroc(torch.tensor(p32), torch.tensor(labels), classes, average="macro"),
            f"{TORCHMETRICS} multiclass_auroc average=macro"))

    case["calibration_error"] = {bins: calibration_error(p32, labels, bins) for bins in (10, 15)}
    return case


def calibration_error(p32, labels, bins):
    error = multiclass_calibration_error(torch.tensor(p32), torch.tensor(labels), p32.shape[1], n_bins=bins,
                                         norm="l1")
    return expect(error, f"{TORCHMETRICS} multiclass_calibration_error norm=l1")


def boundary_case(bins):
    """Confidences on the bins' boundaries and just below: right ones on them, wrong ones below.

    torch rounds the boundaries after a fused multiply-add where the CPU has one (since 2013)."""
    confidences = torch.linspace(0, 1, bins + 1).numpy()[bins // 2 + 1:]
    confidences = np.concatenate([confidences, np.nextafter(confidences, np.float32(0))])
    labels = np.repeat([0, 1], len(confidences) // 2)
    p32 = np.stack([confidences, np.zeros_like(confidences)], axis=1)
    return {"name": f"boundaries of {bins} bins", "classes": 2, "labels": labels.tolist(),
            "probabilities": plain(p32), "calibration_error": {bins: calibration_error(p32, labels, bins)}}


def direct_ssim(x, y, side):
    """Window by window, with weights in two dimensions and variances about the mean."""
    distance = np.arange(side) - side // 2
    weights = np.exp(-(distance[:, None] ** 2 + distance[None, :] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for a, b in zip(x, y):
        for top in range(a.shape[0] - side + 1):
            for left in range(a.shape[1] - side + 1):
                u, v = (i[top:top + side, left:left + side] for i in (a, b))
                mu, mv = (weights * u).sum(), (weights * v).sum()
                uu, vv = (weights * (u - mu) ** 2).sum(), (weights * (v - mv) ** 2).sum()
                uv = (weights * (u - mu) * (v - mv)).sum()
                values.append((2 * mu * mv + 0.02**2) * (2 * uv + 0.06**2)
                              / ((mu**2 + mv**2 + 0.02**2) * (uu + vv + 0.06**2)))
    return np.mean(values)


def image_case(name, shape, rng, noise=0.2):
    channels, height, width = shape
    row, column = np.mgrid[:height, :width]
    x = np.stack([np.sin(0.3 * (c + 1) * row + 0.5 * c) * np.cos(0.25 * column - c) for c in range(channels)])
    x = np.clip(x + rng.normal(0, 0.1, shape), -1, 1).round(3).astype(np.float32)
    y = x if noise == 0 else np.clip(0.8 * x + rng.normal(0, noise, shape), -1, 1).round(3).astype(np.float32)
    case = {"name": name, "shape": list(shape), "image": plain(x), "reconstruction": plain(y)}
    x, y = x.astype(np.float64), y.astype(np.float64)
    both = [torch.tensor(i)[None].float() for i in (y, x)]
    case["mse"] = expect(np.mean((x - y) ** 2), f"{NUMPY} mean((x - y)**2)")
    case["mae"] = expect(np.mean(np.abs(x - y)), f"{NUMPY} mean(abs(x - y))")
    if noise:
        case["psnr"] = [
            expect(skimage.metrics.peak_signal_noise_ratio(x, y, data_range=2),
                   f"{SKIMAGE} peak_signal_noise_ratio data_range=2"),
            expect(peak_signal_noise_ratio(*both, data_range=2.0),
                   f"{TORCHMETRICS} peak_signal_noise_ratio data_range=2")]
    side = min(11, height, width)
    side -= 1 - side % 2
    case["ssim"] = [expect(direct_ssim(x, y, side), f"{NUMPY} windows of {side}x{side} one by one")]
    if side == 11:
        # Its own mean takes in windows over the edge, on mirrored pixels: those inside are the middle.
        _, full = structural_similarity_index_measure(*both, data_range=2.0, return_full_image=True)
        case["ssim"] += [
            expect(skimage.metrics.structural_similarity(x, y, gaussian_weights=True, sigma=1.5, data_range=2,
                                                         use_sample_covariance=False, channel_axis=0),
                   f"{SKIMAGE} structural_similarity gaussian_weights, sigma=1.5, population covariance"),
            expect(full[..., 5:-5, 5:-5].mean(),
                   f"{TORCHMETRICS} structural_similarity_index_measure data_range=2, full image [5:-5, 5:-5]")]
    return case


def main():
    warnings.filterwarnings("ignore")  # Of classes without examples.
    rng = np.random.default_rng(20)
    golden = {
        "source": f"{SKLEARN}, {SKIMAGE}, {TORCHMETRICS}, {SCIPY}, {NUMPY}; tests/golden/metrics.py",
        "classes": [
            class_case("10 classes", 10, 300, rng),
            class_case("10 classes with ties", 10, 300, rng, digits=2),
            class_case("10 classes with many ties", 10, 300, rng, digits=1),
            class_case("2 classes", 2, 100, rng),
            class_case("7 classes, one without examples", 7, 200, rng, absent=(4,)),
            class_case("one example", 10, 1, rng),
        ],
        "boundaries": [boundary_case(bins) for bins in (10, 15, 24)],
        "images": [
            image_case("grey", (1, 28, 28), rng),
            image_case("coloured", (3, 32, 32), rng),
            image_case("smaller than a window", (1, 8, 8), rng),
            image_case("wide", (3, 16, 40), rng, noise=0.5),
            image_case("the same", (1, 28, 28), rng, noise=0),
        ],
    }
    text = json.dumps(golden, separators=(",", ":")) + "\n"
    path = Path(__file__).with_name("metrics.json.gz")
    with path.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(text.encode())


if __name__ == "__main__":
    main()

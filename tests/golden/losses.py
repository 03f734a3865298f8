"""The numbers of losses.json.gz, as PyTorch and scikit-image make them.

    pip install numpy torch scikit-image
    python -P tests/golden/losses.py       # writes losses.json.gz beside this file

Losses of reconstructions and their gradients, in float64 of pixels that are float32. The error, l1 and bce are
PyTorch's MSELoss (halved), L1Loss and BCELoss; the value of ssim is scikit-image's structural_similarity, image by image
and channel by channel, its gradient that of the same formula in PyTorch, whose value has to be scikit-image's.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import skimage
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity


def window():
    distance = torch.arange(11, dtype=torch.float64) - 5
    weights = torch.exp(-0.5 * (distance / 1.5) ** 2)
    weights = weights / weights.sum()
    return torch.outer(weights, weights)[None, None]


def ssim(made, images):
    _, _, height, width = made.shape
    made, images = half(made), half(images)
    mean = lambda values: F.conv2d(values.reshape(-1, 1, height, width), window())
    x, y = mean(images), mean(made)
    covariance = mean(images * made) - x * y
    variances = mean(images**2) + mean(made**2) - x**2 - y**2
    c1, c2 = 0.01**2, 0.03**2
    return ((2 * x * y + c1) * (2 * covariance + c2) / ((x**2 + y**2 + c1) * (variances + c2))).mean()


def scikit_image(made, images):
    made, images = half(made), half(images)
    pairs = zip(made.detach().numpy().reshape(-1, *made.shape[2:]), images.numpy().reshape(-1, *images.shape[2:]))
    values = [
        structural_similarity(x, y, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        for y, x in pairs
    ]
    return float(np.mean(values))


def half(pixels):
    return (pixels + 1) / 2


LOSSES = {
    "mse": lambda made, images: F.mse_loss(made, images) / 2,
    "l1": lambda made, images: F.l1_loss(made, images),
    "bce": lambda made, images: F.binary_cross_entropy(half(made), half(images)),
    "ssim": lambda made, images: 1 - ssim(made, images),
    "mse+ssim": lambda made, images: F.mse_loss(made, images) / 2 + 1 - ssim(made, images),
}


def cases():
    generator = np.random.default_rng(21)
    for shape in [(2, 1, 14, 13), (1, 3, 11, 16)]:
        draw = lambda: np.tanh(generator.normal(0, 1, shape)).astype(np.float32)
        noise, images = draw(), draw()
        # Black, white and what is nearly so, as in pictures of digits.
        images[:, :, :4] = -1
        images[:, :, 4, :5] = 1
        made = (0.7 * images + 0.3 * noise).astype(np.float32)
        for name, loss in LOSSES.items():
            x = torch.tensor(images, dtype=torch.float64)
            y = torch.tensor(made, dtype=torch.float64, requires_grad=True)
            value = loss(y, x)
            value.backward()
            if name == "ssim":
                assert abs(1 - value.item() - scikit_image(y, x)) < 1e-12
            yield {
                "loss": name, "shape": shape, "images": images.flatten().tolist(), "made": made.flatten().tolist(),
                "value": value.item(), "gradient": y.grad.flatten().tolist(),
            }


found = {"made_by": f"torch {torch.__version__}, scikit-image {skimage.__version__}", "cases": list(cases())}
with gzip.GzipFile(Path(__file__).with_name("losses.json.gz"), "wb", 9, mtime=0) as file:
    file.write(json.dumps(found).encode())

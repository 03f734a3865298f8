"""The numbers of sparsity.json.gz, as PyTorch makes them.

    pip install numpy torch
    python -P tests/golden/sparsity.py     # writes sparsity.json.gz beside this file

Penalties of codes and their gradients, in float64 of codes that are float32. l1 is PyTorch's L1Loss from 0; kl is
torch.distributions.kl_divergence of Bernoulli distributions, of the wanted activity and of the mean one of each unit,
added over the units; Ng's weight is divided by the values of an image.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.distributions import Bernoulli, kl_divergence

VALUES = 48


def l1(code, _, weight):
    return F.l1_loss(code, torch.zeros_like(code)) * weight


def kl(code, bounds, activity, weight):
    low, high = bounds
    activity = torch.tensor(activity, dtype=torch.float64)
    means = (code - low).div(high - low).transpose(0, 1).flatten(1).mean(1)
    return kl_divergence(Bernoulli(activity), Bernoulli(means)).sum() * weight / VALUES


def cases():
    generator = np.random.default_rng(22)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    identity = lambda x: x
    for shape in [(6, 5), (4, 3, 5, 2)]:
        draw = lambda activation: activation(generator.normal(-0.5, 1.5, shape)).astype(np.float32)
        for text, bounds, code, penalty in [
            ("l1:0.01", None, draw(identity), lambda h, b: l1(h, b, 0.01)),
            ("l1:2", [-1, 1], draw(np.tanh), lambda h, b: l1(h, b, 2)),
            ("kl:0.05", [-1, 1], draw(np.tanh), lambda h, b: kl(h, b, 0.05, 3)),
            ("kl:0.3,10", [0, 1], draw(sigmoid), lambda h, b: kl(h, b, 0.3, 10)),
        ]:
            h = torch.tensor(code, dtype=torch.float64, requires_grad=True)
            value = penalty(h, bounds)
            value.backward()
            yield {
                "sparsity": text, "bounds": bounds, "values": VALUES, "shape": shape, "code": code.flatten().tolist(),
                "penalty": value.item(), "gradient": h.grad.flatten().tolist(),
            }


found = {"made_by": f"torch {torch.__version__}", "cases": list(cases())}
with gzip.GzipFile(Path(__file__).with_name("sparsity.json.gz"), "wb", 9, mtime=0) as file:
    file.write(json.dumps(found).encode())

"""Writes the files of PyTorch that tests/it/transfer.rs reads, beside itself.

Needs torch; what is committed was written by 2.15.0.
"""

import json
import os
import pathlib

import torch
from torch import nn

HERE = pathlib.Path(__file__).parent


class Encoder(nn.Module):
    """SingleLayerCAEClassifier for images of 1x8x8 in ten classes."""

    def __init__(self):
        super().__init__()
        self.encode = nn.Conv2d(1, 32, 3, padding=2)
        self.softmax_linear = nn.Linear(32 * 5 * 5, 10)

    def forward(self, images):
        maps = nn.functional.max_pool2d(torch.tanh(self.encode(images)), 2)
        return self.softmax_linear(maps.flatten(1))


class Command:
    """Runs a command where it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch ran",)


torch.manual_seed(1)
model = Encoder()
torch.save(
    {"epoch": 3, "model_state_dict": model.state_dict()}, HERE / "SingleLayerCAEClassifier.pt"
)

# The same bytes as in the test.
pixels = torch.tensor([n * 37 % 256 for n in range(3 * 64)], dtype=torch.float32)
images = ((pixels / 255 - 0.5) * 2).reshape(3, 1, 8, 8)
losses = nn.functional.cross_entropy(model(images), torch.tensor([0, 1, 2]), reduction="none")
(HERE / "losses.json").write_text(json.dumps(losses.tolist()) + "\n")

torch.save({"encode.bias": torch.zeros(32), "command": Command()}, HERE / "command.pt")
torch.save({"encode.bias": torch.zeros(1).expand(1 << 28)}, HERE / "expanded.pt")
torch.save({"encode.bias": torch.zeros(32, dtype=torch.int64)}, HERE / "integers.pt")
half = {"encode.bias": torch.full([32], 1.5, dtype=torch.bfloat16)}
half["norm.num_batches_tracked"] = torch.tensor(7)
torch.save(half, HERE / "bfloat16.pt")

#!/usr/bin/env python3
"""LeNet and VGG here and in PyTorch, side by side in one run: one table with ratios.

    python3 -m venv peers && peers/bin/pip install torch numpy
    peers/bin/python benches/classifiers.py [--rounds 3]

PyTorch's network has the same layers, batches (gathered from resident bytes, scaled to [-1, 1]) and
optimizer (Adam, fused), eager, with channels last where that is faster; the rate counts the whole
step. The order is shuffled in each round and the median taken, so that whatever else the machine
does falls on all alike.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time

CASES = [("LeNet", "28x28x1", 128, 20), ("LeNet", "28x28x1", 1024, 4), ("LeNetBN", "28x28x1", 128, 20),
         ("VGG", "32x32x3", 128, 2), ("VGGBN", "32x32x3", 128, 2)]
CLASSES = 10
VGG = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]
# With glibc's own settings PyTorch spends half of its time in page faults.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_MMAP_THRESHOLD_": "2000000000"}


def network(name, channels, side):
    from torch import nn

    norm = name.endswith("BN")
    layers, height = [], side

    def block(layer, normalise):
        layers.append(layer)
        if norm:
            layers.append(normalise)
        layers.append(nn.ReLU())

    if name.startswith("LeNet"):
        maps, kernel, hidden = [32, "M", 64, "M"], 5, 1024
    else:
        maps, kernel, hidden = VGG, 3, 512
    for to in maps:
        if to == "M":
            layers.append(nn.MaxPool2d(2))
            height //= 2
            continue
        block(nn.Conv2d(channels, to, kernel, padding="same"), nn.BatchNorm2d(to))
        channels = to
    layers.append(nn.Flatten())
    block(nn.Linear(channels * height * height, hidden), nn.BatchNorm1d(hidden))
    layers.append(nn.Linear(hidden, CLASSES))
    return nn.Sequential(*layers)


def torch_rate(name, shape, batch, steps, channels_last):
    import numpy as np
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    height, width, channels = (int(n) for n in shape.split("x"))
    order = torch.channels_last if channels_last else torch.contiguous_format
    model = network(name, channels, height).to(memory_format=order)
    images = np.random.default_rng(0).integers(0, 256, (4096, height, width, channels), np.uint8)
    data = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=order)
    labels = torch.arange(4096) % CLASSES
    adam = torch.optim.Adam(model.parameters(), lr=1e-5, fused=True)

    def step():
        index = torch.randint(0, 4096, (batch,))
        x = data[index].to(torch.float32).div_(127.5).sub_(1.0).contiguous(memory_format=order)
        adam.zero_grad(set_to_none=True)
        F.cross_entropy(model(x), labels[index]).backward()
        adam.step()

    step()
    rates = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(steps):
            step()
        rates.append(batch * steps / (time.perf_counter() - start))
    print(json.dumps({"images_per_s": statistics.median(rates)}))


def measure(command):
    run = subprocess.run(command, env=os.environ | MALLOC, capture_output=True, text=True)
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    if not lines:
        sys.exit(f"{' '.join(command)}:\n{run.stderr}")
    return json.loads(lines[-1])["images_per_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", help="only the cases of these models, as LeNet,VGG")
    parser.add_argument("--torch", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch:
        name, shape, batch, steps, order = args.torch
        return torch_rate(name, shape, int(batch), int(steps), order == "last")
    print("| model | images | batch | dytb, images/s | PyTorch | ratio |\n|---|---|---|---|---|---|")
    for name, shape, batch, steps in CASES:
        if args.cases and name not in args.cases.split(","):
            continue
        case = [name, shape, str(batch), str(steps)]
        ours = ["cargo", "bench", "--quiet", "--bench", "peer", "--", "--model", name, "--shape",
                shape, "--batch", str(batch), "--steps", str(steps)]
        torch = {f"torch {order}": [sys.executable, __file__, "--torch", *case, order]
                 for order in ("first", "last")}
        rates = {}
        for _ in range(args.rounds):
            runs = list(({"dytb": ours} | torch).items())
            random.shuffle(runs)
            for runner, command in runs:
                rates.setdefault(runner, []).append(measure(command))
        rates = {runner: statistics.median(row) for runner, row in rates.items()}
        best = max(rates[runner] for runner in torch)
        print(f"| {name} | {shape} | {batch} | {rates['dytb']:,.0f} | {best:,.0f} "
              f"| {rates['dytb'] / best:.2f} |", flush=True)


if __name__ == "__main__":
    main()

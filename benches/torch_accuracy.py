"""A classifier of torch_models.py trained on the files of CIFAR-10, to be held beside `dytb train --dataset Cifar10`.

    python3 torch_accuracy.py --model ResNet20 --data_dir cifar-10-batches-bin --seed 1 [--init he] [--epochs 10]

Adam 1e-3, batch 128, pixels in [-1, 1], half of the images flipped. Prints the accuracy on the test file after each epoch, and
the mean of those of the second half of the epochs.
"""

import argparse
import os

import numpy
import torch
from torch import nn

import torch_models

SIDE = 32
BATCH = 128


def images_and_labels(folder, names):
    size = 1 + 3 * SIDE * SIDE
    files = [numpy.fromfile(os.path.join(folder, name), numpy.uint8).reshape(-1, size) for name in names]
    rows = torch.from_numpy(numpy.concatenate(files))
    return rows[:, 1:].reshape(-1, 3, SIDE, SIDE), rows[:, 0].long()


def scaled(images):
    return images.float().div_(127.5).sub_(1.0).contiguous(memory_format=torch.channels_last)


def he(module):
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)


def train(net, adam, images, labels):
    net.train()
    for batch in torch.randperm(len(images)).split(BATCH):
        x, flipped = scaled(images[batch]), torch.rand(len(batch)) < 0.5
        x[flipped] = x[flipped].flip(3)
        adam.zero_grad(set_to_none=True)
        net.loss(x, labels[batch]).backward()
        adam.step()


@torch.no_grad()
def accuracy(net, images, labels):
    net.eval()
    parts = zip(images.split(BATCH), labels.split(BATCH))
    return sum((net.layers(scaled(x)).argmax(1) == y).sum().item() for x, y in parts) / len(images)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="ResNet20")
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--init", choices=["he", "torch"], default="he")
    parser.add_argument("--epochs", type=int, default=10)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    of_training = images_and_labels(args.data_dir, [f"data_batch_{number}.bin" for number in range(1, 6)])
    of_test = images_and_labels(args.data_dir, ["test_batch.bin"])
    net = torch_models.model(args.model, 3, SIDE).to(memory_format=torch.channels_last)
    if args.init == "he":
        net.apply(he)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    found = []
    for epoch in range(args.epochs):
        train(net, adam, *of_training)
        found.append(accuracy(net, *of_test))
        print(f"epoch {epoch + 1}: {found[-1]:.4f}", flush=True)
    late = found[len(found) // 2:]
    print(f"mean of the last {len(late)}: {sum(late) / len(late):.4f}")


if __name__ == "__main__":
    main()

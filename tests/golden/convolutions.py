"""The numbers of convolutions.json.gz, as PyTorch makes them.

    pip install numpy torch
    python -P tests/golden/convolutions.py       # writes convolutions.json.gz beside this file

Strided, dilated, transposed and depthwise convolutions with bias and activation, average pooling, and a residual block
with batch normalisation inside: outputs and gradients, in float32, of inputs with four decimals. Images
[batch, channels, height, width].
"""

import gzip
import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

generator = np.random.default_rng(21)
ACTIVATIONS = {"identity": lambda x: x, "relu": torch.relu, "tanh": torch.tanh}


def noise(*shape):
    return torch.tensor(generator.uniform(-1, 1, shape).round(4), dtype=torch.float32, requires_grad=True)


def rounded(tensor):
    return np.asarray(tensor.detach(), dtype=np.float64).round(7).tolist()


def case(output, **inputs):
    """The inputs, the output, a gradient of it, and the gradients of the inputs."""
    upstream = noise(*output.shape)
    gradients = torch.autograd.grad(output, list(inputs.values()), upstream.detach())
    return {
        **{name: rounded(value) for name, value in inputs.items()}, "output": rounded(output),
        "upstream": rounded(upstream), "gradients": {name: rounded(value) for name, value in zip(inputs, gradients)}}


def convolutions():
    found = []
    for batch, channels, size, kernel, stride, dilation, zeros, activation in [
        (3, (1, 5), (9, 7), (3, 3), 2, 1, 1, "relu"), (2, (3, 17), (8, 8), (4, 4), 2, 1, 1, "tanh"),
        (2, (5, 4), (10, 9), (5, 3), 3, 1, 0, "identity"), (2, (4, 3), (9, 11), (3, 3), 1, 2, 2, "relu"),
        (2, (3, 6), (11, 10), (3, 2), 2, 3, 2, "identity"), (10, (7, 9), (4, 3), (1, 1), 1, 1, 0, "relu"),
        (2, (6, 5), (5, 5), (1, 1), 2, 1, 0, "identity")]:
        x, w, b = noise(batch, channels[0], *size), noise(channels[1], channels[0], *kernel), noise(channels[1])
        y = functional.conv2d(x, w, b, stride=stride, padding=zeros, dilation=dilation)
        found.append({"stride": stride, "dilation": dilation, "zeros": zeros, "activation": activation,
                      **case(ACTIVATIONS[activation](y), x=x, w=w, b=b)})
    return found


def transposed():
    found = []
    for batch, channels, size, kernel, stride, zeros, more, activation in [
        (3, (5, 1), (4, 3), (4, 4), 2, 1, 0, "tanh"), (2, (17, 3), (5, 4), (3, 3), 2, 1, 1, "relu"),
        (2, (4, 6), (3, 3), (2, 2), 2, 0, 0, "identity"), (2, (3, 4), (4, 5), (3, 2), 3, 0, 2, "relu"),
        (10, (4, 5), (4, 4), (3, 3), 1, 1, 0, "identity")]:
        x, w, b = noise(batch, channels[0], *size), noise(channels[0], channels[1], *kernel), noise(channels[1])
        y = functional.conv_transpose2d(x, w, b, stride=stride, padding=zeros, output_padding=more)
        found.append({"stride": stride, "zeros": zeros, "activation": activation,
                      **case(ACTIVATIONS[activation](y), x=x, w=w, b=b)})
    return found


def depthwise():
    found = []
    for batch, channels, size, kernel, stride, dilation, zeros, activation in [
        (3, 5, (7, 6), (3, 3), 1, 1, 1, "relu"), (2, 40, (5, 5), (3, 3), 2, 1, 1, "identity"),
        (2, 3, (9, 8), (5, 5), 1, 1, 2, "tanh"), (2, 33, (7, 7), (3, 2), 1, 2, 1, "identity")]:
        x, w, b = noise(batch, channels, *size), noise(channels, 1, *kernel), noise(channels)
        y = functional.conv2d(x, w, b, stride=stride, padding=zeros, dilation=dilation, groups=channels)
        found.append({"stride": stride, "dilation": dilation, "zeros": zeros, "activation": activation,
                      **case(ACTIVATIONS[activation](y), x=x, w=w, b=b)})
    return found


def pooling():
    found = []
    for size, window, stride in [((6, 4), 2, 2), ((7, 8), 3, 2), ((5, 5), 5, 1)]:
        x = noise(3, 4, *size)
        found.append({"window": window, "stride": stride, **case(functional.avg_pool2d(x, window, stride), x=x)})
    x = noise(3, 5, 4, 3)
    return {"windows": found, "whole": case(x.mean(dim=(2, 3)), x=x)}


def block():
    """relu(x + norm(conv(relu(norm(conv(x)))))), in training, without biases."""
    x, w1, w2 = noise(4, 6, 5, 5), noise(6, 6, 3, 3), noise(6, 6, 3, 3)
    g1, b1, g2, b2 = noise(6), noise(6), noise(6), noise(6)
    norm = lambda x, g, b: functional.batch_norm(x, None, None, g, b, training=True, eps=1e-5)
    inner = torch.relu(norm(functional.conv2d(x, w1, padding=1), g1, b1))
    y = torch.relu(x + norm(functional.conv2d(inner, w2, padding=1), g2, b2))
    return case(y, x=x, w1=w1, g1=g1, b1=b1, w2=w2, g2=g2, b2=b2)


def main():
    numbers = {"source": f"PyTorch {torch.__version__}", "conv": convolutions(), "transposed": transposed(),
               "depthwise": depthwise(), "pooling": pooling(), "block": block()}
    text = json.dumps(numbers, separators=(",", ":")).encode()
    Path(__file__).with_name("convolutions.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))


if __name__ == "__main__":
    main()

"""What SingleLayerCAE makes of images: reconstruct.py MODEL IMAGES, two safetensors files.

Prints the model's metadata and the reconstructions as JSON. Only numpy, so that the file is read by
another program than wrote it and its layout is PyTorch's: y[o] = sum over i, r, c of x[i] w[o, i, r, c].
"""

import json
import sys

import numpy as np
from safetensors import safe_open


def read(path):
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()


def convolve(images, weight, bias):
    rows, columns = (size - 2 for size in images.shape[2:])
    sums = bias[None, :, None, None]
    for r in range(3):
        for c in range(3):
            part = images[:, :, r : r + rows, c : c + columns]
            sums = sums + np.einsum("bihw,oi->bohw", part, weight[:, :, r, c])
    return np.tanh(sums)


model, metadata = read(sys.argv[1])
images = read(sys.argv[2])[0]["images"].astype(np.float64)
padded = np.pad(images, [(0, 0), (0, 0), (2, 2), (2, 2)])
maps = convolve(padded, model["encode.weight"], model["encode.bias"])
outputs = convolve(maps, model["decode.weight"], model["decode.bias"])
json.dump({"metadata": metadata, "outputs": outputs.ravel().tolist()}, sys.stdout)

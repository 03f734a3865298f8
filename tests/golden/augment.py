"""The images of augment.json.gz, as torchvision makes them.

    pip install numpy torch torchvision
    python -P tests/golden/augment.py       # writes augment.json.gz beside this file

-P: statistics.py, which lies beside this file, is not the one that torch imports.

Fixed images (noise on a gradient, so that edges and smooth parts are there), fixed numbers, torchvision.transforms.v2's
functions of bytes [channels, height, width]. Where pixels move the interpolation is bilinear. "rand ..." are the
operations of RandAugment with a magnitude of 0..30 and a sign, through its own table. Then MixUp and CutMix of a batch,
and PyTorch's loss of mixed and smoothed targets.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import torch
import torchvision
from torchvision.transforms.v2 import CutMix, InterpolationMode, MixUp, RandAugment
from torchvision.transforms.v2 import functional as F

BILINEAR = InterpolationMode.BILINEAR


def image(channels, height, width, seed):
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = 40 + 120 * rows / height + 60 * columns / width
    pixels = smooth[None] + generator.normal(0, 25, (channels, height, width))
    return torch.from_numpy(np.clip(pixels, 0, 255).astype(np.uint8))


def affine(x, shift=(0.0, 0.0), scale=1.0):
    return F.affine(x, angle=0.0, translate=list(shift), scale=scale, shear=[0.0, 0.0], interpolation=BILINEAR)


def crop(x, padding, top, left):
    height, width = x.shape[-2:]
    return F.crop(F.pad(x, [padding] * 4), top, left, height, width)


def cutout(x, side, row, column):
    """The program of DeVries and Taylor: https://github.com/uoguelph-mlrg/Cutout/blob/master/util/cutout.py"""
    height, width = x.shape[-2:]
    y1, y2 = np.clip([row - side // 2, row + side // 2], 0, height)
    x1, x2 = np.clip([column - side // 2, column + side // 2], 0, width)
    return F.erase(x, int(y1), int(x1), int(y2 - y1), int(x2 - x1), torch.zeros(1, 1, 1, dtype=torch.uint8))


def rand(name):
    def apply(x, magnitude, sign):
        transform = RandAugment(interpolation=BILINEAR)
        magnitudes, signed = transform._AUGMENTATION_SPACE[name]
        table = magnitudes(31, *x.shape[-2:])
        value = 0.0 if table is None else float(table[int(magnitude)])
        value = value * sign if signed else value
        return transform._apply_image_or_video_transform(
            x, name, value, interpolation=BILINEAR, fill=transform._fill)
    return apply


OPERATIONS = {
    "crop": (crop, [[4, 0, 0], [4, 8, 8], [4, 3, 6], [2, 2, 2]]),
    "flip": (F.horizontal_flip, [[]]),
    "rotate": (lambda x, angle: F.rotate(x, angle, interpolation=BILINEAR), [[15], [-7.3], [90], [170.5]]),
    "shift": (lambda x, right, down: affine(x, shift=(right, down)), [[2, 0], [-1.25, 0.6], [0, -3]]),
    "scale": (lambda x, scale: affine(x, scale=scale), [[0.9], [1.1], [0.37], [2.5]]),
    "cutout": (cutout, [[6, 5, 5], [8, 0, 10], [4, 10, 1]]),
    "erase": (lambda x, *box: F.erase(x, *map(int, box), torch.zeros(1, 1, 1, dtype=torch.uint8)),
              [[2, 3, 5, 4], [0, 0, 1, 9]]),
    "brightness": (F.adjust_brightness, [[0.8], [1.37]]),
    "contrast": (F.adjust_contrast, [[0.0], [0.8], [1.37]]),
    "saturation": (F.adjust_saturation, [[0.0], [0.8], [1.37]]),
}
for name in RandAugment._AUGMENTATION_SPACE:
    OPERATIONS[f"rand {name}"] = (rand(name), [[9, 1.0], [9, -1.0], [22, 1.0]])


def mixes():
    """MixUp and CutMix of a batch [3, 2, 4, 5], with fixed parameters."""
    batch = torch.from_numpy(np.random.default_rng(4).normal(size=(3, 2, 4, 5)).astype(np.float32))
    labels = torch.tensor([0, 1, 2])
    common = dict(labels=labels, batch_size=3)
    made = [("mixup", 0.3, None, MixUp(num_classes=3).transform(batch, dict(lam=0.3, **common)))]
    for box in [(1, 0, 4, 2), (0, 3, 5, 4)]:
        made.append(("cutmix", None, box, CutMix(num_classes=3).transform(batch, dict(box=box, lam_adjusted=0, **common))))
    return {"batch": batch.flatten().tolist(), "shape": list(batch.shape),
            "made": [{"lambda": lam, "box": box, "output": output.flatten().tolist()} for _, lam, box, output in made]}


def losses():
    """CrossEntropyLoss(label_smoothing) of mixed targets, in float64."""
    logits = torch.from_numpy(np.random.default_rng(5).normal(scale=2, size=(4, 5)))
    labels = torch.tensor([0, 3, 3, 1])
    one_hot = torch.nn.functional.one_hot(labels, 5).double()
    found = []
    for lam in [1.0, 0.7, 0.2]:
        for smoothing in [0.0, 0.1, 0.6]:
            targets = lam * one_hot + (1 - lam) * one_hot.roll(1, 0)
            loss = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(logits, targets)
            found.append({"lambda": lam, "smoothing": smoothing, "loss": loss.item()})
    return {"logits": logits.tolist(), "labels": labels.tolist(), "found": found}


def main():
    images = [image(3, 13, 11, 1), image(1, 12, 12, 2), image(3, 32, 32, 3)]
    inputs = [{"shape": list(x.shape), "bytes": x.flatten().tolist()} for x in images]
    cases = []
    for name, (function, parameters) in OPERATIONS.items():
        for number, x in enumerate(images):
            # The largest is there for equalize, which leaves images of fewer than 255 pixels alone.
            if number == 2 and "Equalize" not in name:
                continue
            for numbers in parameters:
                made = function(x.clone(), *numbers)
                cases.append({"operation": name, "numbers": numbers, "input": number,
                              "output": made.flatten().tolist()})
    source = f"torchvision {torchvision.__version__} on torch {torch.__version__}, transforms.v2.functional"
    text = json.dumps({"source": source, "inputs": inputs, "cases": cases, "mixes": mixes(), "losses": losses()},
                      separators=(",", ":"))
    path = Path(__file__).with_name("augment.json.gz")
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(cases)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()

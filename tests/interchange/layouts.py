"""Writes layouts.pt and wrapped.pt, which tests/it/transfer.rs reads, beside itself.

Needs nothing but Python: the pickles are those of torch.save (protocol 2, storages by persistent ids),
and the expectations are the values of arange in the strides that are written here.
"""

import collections
import pathlib
import pickle
import struct
import sys
import types
import zipfile

HERE = pathlib.Path(__file__).parent
FORMATS = {"FloatStorage": "f", "LongStorage": "q", "BoolStorage": "?"}

torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
sys.modules["torch"], sys.modules["torch._utils"] = torch, utils


def rebuild(*_):
    """Stands for the function of torch of that name."""


rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
utils._rebuild_tensor_v2 = rebuild


class Storage:
    """Values of one kind."""

    def __init__(self, values, kind="FloatStorage"):
        if not hasattr(torch, kind):
            setattr(torch, kind, type(kind, (), {"__module__": "torch"}))
        self.values, self.kind = list(values), getattr(torch, kind)


class Tensor:
    """A view of a storage."""

    def __init__(self, storage, shape, stride=None, offset=0):
        if stride is None:
            stride, size = [], 1
            for n in reversed(shape):
                stride.insert(0, size)
                size *= n
        self.arguments = (storage, offset, tuple(shape), tuple(stride), False)

    def __reduce__(self):
        return rebuild, (*self.arguments, collections.OrderedDict())


class Pickler(pickle._Pickler):
    """Hands storages over by numbers."""

    def __init__(self, file):
        super().__init__(file, 2)
        self.storages = []

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        if value not in self.storages:
            self.storages.append(value)
        number = str(self.storages.index(value))
        return ("storage", value.kind, number, "cpu", len(value.values))


def save(name, values):
    """What torch.save writes."""
    with zipfile.ZipFile(HERE / name, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(zipfile.ZipInfo("archive/data.pkl"), "w") as file:
            pickler = Pickler(file)
            pickler.dump(values)
        archive.writestr(zipfile.ZipInfo("archive/byteorder"), "little")
        for number, storage in enumerate(pickler.storages):
            pack = f"<{len(storage.values)}{FORMATS[storage.kind.__name__]}"
            entry = zipfile.ZipInfo(f"archive/data/{number}")
            archive.writestr(entry, struct.pack(pack, *storage.values))
        archive.writestr(zipfile.ZipInfo("archive/version"), "3\n")


numbers = Storage(range(24))
save(
    "layouts.pt",
    {
        "contiguous": Tensor(numbers, [2, 3]),
        "transposed": Tensor(numbers, [3, 2], [1, 3]),
        "permuted": Tensor(numbers, [4, 2, 3], [1, 12, 4]),
        "strided": Tensor(numbers, [3], [2], 1),
        "offset": Tensor(numbers, [2, 2], [2, 1], 20),
        "repeated": Tensor(numbers, [2, 3], [0, 1], 5),
        "scalar": Tensor(numbers, [], [], 7),
        "tied": Tensor(numbers, [2, 3]),
        # A fully connected layer: [out, in] there, [in, out] here.
        "fc.weight": Tensor(numbers, [2, 3], [1, 2], 6),
        "flags": Tensor(Storage([True, False], "BoolStorage"), [2]),
    },
)


def encoder(value):
    """The encoder of SingleLayerCAE."""
    return {
        "encode.weight": Tensor(Storage([value] * 288), [32, 1, 3, 3]),
        "encode.bias": Tensor(Storage([value] * 32), [32]),
    }


def wrapped(prefix, value):
    return {prefix + name: tensor for name, tensor in encoder(value).items()}


save(
    "wrapped.pt",
    {
        "epoch": 3,
        "ema": wrapped("module.", 0.5),
        "model": {
            **wrapped("module._orig_mod.", 0.25),
            "module._orig_mod.steps": Tensor(Storage([7], "LongStorage"), [1]),
        },
        "optimizer": {"state": {0: {"exp_avg": Tensor(Storage([1.0] * 32), [32])}}},
    },
)

"""What onnxruntime makes of models: run_onnx.py FOLDER.

For each NAME.onnx the folder has NAME.safetensors with `images` and, of each output, what it is expected to be.
Prints as JSON, by NAME: the type of the input, the largest difference of each output from what is expected, as a share
of the largest expected number or of 1, the classes that `logits` say, and the metadata. Each model is checked by
onnx's checker, with the shapes that it infers, and is given its images in one batch and the first one alone.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def difference(found, expected):
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def differences(found, expected):
    if "probabilities" in found:
        # Of its own logits: what is between large ones and ours is more between the powers.
        expected = {**expected, "probabilities": softmax(found["logits"].astype(np.float64))}
    assert sorted(found) == sorted(expected), sorted(found)
    return {name: difference(found[name], expected[name]) for name in found}


def run(path):
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    tensors = load_file(path.with_suffix(".safetensors"))
    [source] = session.get_inputs()
    images = tensors.pop("images")
    if source.type == "tensor(uint8)":
        images = images.astype(np.uint8)
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, {"images": images})))
    first = dict(zip(names, session.run(names, {"images": images[:1]})))
    found = differences(outputs, tensors)
    alone = differences(first, {name: tensor[:1] for name, tensor in tensors.items()})
    classes = outputs["logits"].argmax(axis=1).tolist() if "logits" in names else []
    properties = session.get_modelmeta().custom_metadata_map
    return {
        "type": source.type,
        "differences": found,
        "alone": alone,
        "classes": classes,
        "metadata": properties,
    }


folder = pathlib.Path(sys.argv[1])
print(json.dumps({path.stem: run(path) for path in sorted(folder.glob("*.onnx"))}))

"""Prints as JSON what TensorBoard's Python reader finds in the folder argv[1]."""

import json
import sys

from tensorboard.backend.event_processing import event_accumulator

everything = {
    event_accumulator.SCALARS: 0,
    event_accumulator.IMAGES: 0,
    event_accumulator.HISTOGRAMS: 0,
    event_accumulator.TENSORS: 0,
}
reader = event_accumulator.EventAccumulator(sys.argv[1], size_guidance=everything)
reader.Reload()
tags = reader.Tags()
found = {"scalars": {}, "images": {}, "histograms": {}}
for tag in tags["scalars"]:
    found["scalars"][tag] = [[e.step, e.value, e.wall_time] for e in reader.Scalars(tag)]
for tag in tags["images"]:
    found["images"][tag] = [
        [e.step, e.width, e.height, e.encoded_image_string.hex()] for e in reader.Images(tag)
    ]
for tag in tags["histograms"]:
    found["histograms"][tag] = [
        [e.step, h.min, h.max, h.num, list(h.bucket_limit), list(h.bucket)]
        for e in reader.Histograms(tag)
        for h in [e.histogram_value]
    ]
print(json.dumps(found))
